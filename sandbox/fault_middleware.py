"""Applies faults before and after every route, and logs requests. `faults.py` decides which fault applies."""

import re
import time
from typing import Any

from flask import Flask, Response, g, json, request

from sandbox.faults import Fault
from sandbox.requests_log import Entry, family_of
from sandbox.server import caller_has_gone, reset
from sandbox.state import Sandbox

_HANG_SECONDS = 120.0
_PARTICIPANT = re.compile(r"^/2/(?:dm_conversations/with|chat/conversations|dm_conversations)/(\d+)(?:-(\d+))?/")
_TOKEN = re.compile(r'oauth_token="([^"]+)"')


def install(app: Flask, sandbox: Sandbox) -> None:
    """Apply faults to every request of the application."""

    def before() -> Response | None:
        family = family_of(request.path)
        if family is None:
            return None
        auth, account_id = _who(sandbox)
        g.entry = sandbox.log.begin(family, request.method, request.path, auth, account_id)
        if not sandbox.faults.waiting(family):
            return None
        account_id, customer_id = _parties(family, account_id)
        fault = sandbox.faults.match(family, request.method, request.path, account_id, customer_id)
        g.fault = fault
        if fault is None:
            return None
        if fault.delay:
            fault.lifted.wait(fault.delay)
        if fault.action not in {"answer", "reset", "hang"}:
            return None
        if request.path == "/ccm/message/receive":
            status = fault.status if fault.action == "answer" else None
            sandbox.inbox.record(request.get_json(silent=True), accepted=False, status=status)
        return _withhold(fault)

    def after(response: Response) -> Response:
        fault: Fault | None = g.get("fault")
        if fault is not None and fault.action.startswith("act_then_"):
            response = _withhold(fault, acted=True)
        entry: Entry | None = g.get("entry")
        if entry is not None:
            sandbox.log.end(entry, response.status_code)
            if entry.path.startswith("/2/"):
                sandbox.recorder.record(request, entry)
        if "ccm_record" in g:
            g.ccm_record.status = response.status_code
        return response

    app.before_request(before)
    app.after_request(after)


def _withhold(fault: Fault, acted: bool = False) -> Response:
    """Return the fault's answer, or reset the connection."""
    if acted and "ccm_record" in g:
        g.ccm_record.status = None
    if fault.action.endswith("hang"):
        _hang(fault)
    if fault.action.endswith(("reset", "hang")):
        g.entry.seconds = round(time.time() - g.entry.at, 4)
        reset(request.environ)
    return _answer(fault)


def _hang(fault: Fault) -> None:
    deadline = time.monotonic() + _HANG_SECONDS
    while time.monotonic() < deadline and not fault.lifted.wait(0.25):
        if caller_has_gone(request.environ):
            return


def _answer(fault: Fault) -> Response:
    headers = fault.filled_headers()
    body: Any = fault.body
    if body is None:
        return Response(status=fault.status, headers=headers)
    usual = "text/plain" if isinstance(body, str) else "application/json"
    headers.setdefault("Content-Type", usual)
    return Response(body if isinstance(body, str) else json.dumps(body), status=fault.status, headers=headers)


def _who(sandbox: Sandbox) -> tuple[str, str | None]:
    """Return the kind of authentication and, if the token names one, the account id."""
    header = request.headers.get("Authorization", "")
    scheme, _, rest = header.partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer":
        grant = sandbox.v2.grants.with_access_token(rest.strip())
        return ("oauth2", grant.user_id) if grant else (scheme, None)
    if scheme != "oauth":
        return scheme or "none", None
    match = _TOKEN.search(header)
    token = sandbox.directory.tokens.get(match[1]) if match else None
    return scheme, token.user_id if token else None


def _parties(family: str, account_id: str | None) -> tuple[str | None, str | None]:
    """Return account id and customer id of the request. The body stays readable for the route."""
    if match := _PARTICIPANT.match(request.path):
        others = [user_id for user_id in match.groups() if user_id not in (None, account_id)]
        return account_id, others[0] if others else None
    if request.mimetype not in {"application/json", "application/x-www-form-urlencoded"}:
        return account_id, request.args.get("recipient_id")
    payload = request.get_json(silent=True) if request.is_json else None
    try:
        if family == "ccm" and payload is not None:
            data = payload["header"]["channelData"]
            return data["serviceIdentifier"], data["channelCustomerIdentifier"]
        if payload is not None:
            return account_id, str(payload["event"]["message_create"]["target"]["recipient_id"])
    except (KeyError, TypeError):
        return account_id, None
    request.get_data()
    return account_id, request.form.get("recipient_id", request.args.get("recipient_id"))
