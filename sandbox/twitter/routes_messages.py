"""Routes for Direct Messages of v1.1: send, list, show, delete, typing, read."""

import base64
import binascii
import time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.dm import Dm, event
from sandbox.twitter.endpoint import USER, blueprint, endpoint
from sandbox.twitter.errors import error, invalid, missing
from sandbox.twitter.oauth import Caller
from sandbox.twitter.post import send
from sandbox.twitter.validation import read_draft

messages = blueprint("messages")

_DM = "/1.1/direct_messages"
_THIRTY_DAYS_MS = 30 * 24 * 3600 * 1000


@messages.post(f"{_DM}/events/new.json")
@endpoint("events/new", USER)
def new(caller: Caller) -> ResponseReturnValue:
    """Send a message. The answer does not name the app it was sent with; the echo does."""
    if not request.is_json:
        raise invalid("the body must be JSON")
    sandbox = the_sandbox()
    draft = read_draft(request.get_json(silent=True))
    dm = send(sandbox, caller.account, draft, caller.app.id)
    return jsonify(event=event(dm, sandbox.message_context, to_sender=False))


@messages.get(f"{_DM}/events/list.json")
@endpoint("events/list", USER)
def list_events(caller: Caller) -> ResponseReturnValue:
    """List the messages of the token's owner in the last thirty days, newest first."""
    sandbox = the_sandbox()
    count = request.args.get("count", "20")
    if not count.isdigit() or not 1 <= int(count) <= 50:
        raise invalid("count: must be between 1 and 50")
    oldest = int(time.time() * 1000) - _THIRTY_DAYS_MS
    mine = sandbox.mailbox.of_user(caller.account.id)
    dms = [dm for dm in reversed(mine) if int(dm.created_timestamp) >= oldest]
    if cursor := request.args.get("cursor"):
        last_id = _read_cursor(cursor)
        dms = [dm for dm in dms if int(dm.id) < last_id]
    page = dms[: int(count)]
    body: dict[str, Any] = {
        "events": [event(dm, sandbox.message_context, dm.sender_id == caller.account.id) for dm in page]
    }
    if apps := {dm.source_app_id for dm in page if dm.source_app_id and dm.sender_id == caller.account.id}:
        body["apps"] = _apps(sandbox, apps)
    if len(dms) > len(page):
        body["next_cursor"] = _cursor(page[-1])
    return jsonify(body)


@messages.get(f"{_DM}/events/show.json")
@endpoint("events/show", USER)
def show(caller: Caller) -> ResponseReturnValue:
    """Show one message of a conversation of the token's owner."""
    dm = _own(caller, request.args.get("id"))
    sandbox = the_sandbox()
    body = {"event": event(dm, sandbox.message_context, dm.sender_id == caller.account.id)}
    if dm.source_app_id and dm.sender_id == caller.account.id:
        body["apps"] = _apps(sandbox, {dm.source_app_id})
    return jsonify(body)


@messages.delete(f"{_DM}/events/destroy.json")
@endpoint("events/destroy", USER)
def destroy(caller: Caller) -> ResponseReturnValue:
    """Delete a message from the owner's view: accepted, without effect here."""
    _own(caller, request.args.get("id"))
    return "", 204


@messages.post(f"{_DM}/indicate_typing.json")
@endpoint("indicate_typing", USER)
def indicate_typing(caller: Caller) -> ResponseReturnValue:
    """Show the recipient that the owner of the token is typing."""
    sandbox = the_sandbox()
    recipient_id = _parameter("recipient_id")
    if recipient_id not in sandbox.directory.users:
        raise error(108, status=400)
    sandbox.activity.indicate_typing(caller.account.id, recipient_id, str(int(time.time() * 1000)))
    sandbox.feed.publish("typing", {"side": "phone", "account_id": caller.account.id, "customer_id": recipient_id})
    return "", 204


@messages.post(f"{_DM}/mark_read.json")
@endpoint("mark_read", USER)
def mark_read(caller: Caller) -> ResponseReturnValue:
    """Mark the messages of a user up to one as read."""
    sandbox = the_sandbox()
    recipient_id = _parameter("recipient_id")
    dm_id = _parameter("last_read_event_id")
    if recipient_id not in sandbox.directory.users or not dm_id.isdigit():
        raise error(108, status=400)
    sandbox.mailbox.read_up_to(caller.account.id, recipient_id, dm_id)
    sandbox.activity.mark_read(caller.account.id, recipient_id, str(int(time.time() * 1000)), dm_id)
    return "", 204


def _parameter(name: str) -> str:
    value = request.form.get(name) or request.args.get(name)
    if not value:
        raise missing(name)
    return value


def _own(caller: Caller, dm_id: str | None) -> Dm:
    dm = the_sandbox().mailbox.get(dm_id or "")
    if dm is None or caller.account.id not in {dm.sender_id, dm.recipient_id}:
        raise error(34)
    return dm


def _apps(sandbox: Sandbox, app_ids: set[str]) -> dict[str, dict[str, str]]:
    return {app_id: sandbox.bodies.app(app_id) for app_id in app_ids}


def _cursor(dm: Dm) -> str:
    return base64.urlsafe_b64encode(dm.id.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise invalid("cursor: is not valid") from None
