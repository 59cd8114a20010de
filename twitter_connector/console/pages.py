"""The pages that show. Each one shows what a JSON route shows; none has a text of a message or a secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from flask import Blueprint, abort, current_app, g, render_template, request

from twitter_connector.bootstrap import Services, described
from twitter_connector.findings.finding import Finding, age
from twitter_connector.findings.report import all_findings
from twitter_connector.model.message_log import STATES
from twitter_connector.model.period import begin_of, end_of
from twitter_connector.model.timestamps import iso
from twitter_connector.model.work import Direction
from twitter_connector.queue.message_log import LogFilter
from twitter_connector.web.context import services

from .answers import prepare
from .links import link
from .sessions import csrf_token, page

bp = Blueprint(
    "console",
    __name__,
    url_prefix="/console",
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)

ROWS = 50
WAITING_MAX = 200
# Findings ask X, which allows fifteen calls in fifteen minutes.
FINDINGS_SECONDS = 300.0


prepare(bp)


@bp.app_context_processor
def _for_templates() -> dict[str, Any]:
    return {"link": link, "csrf_token": csrf_token, "person": g.get("person"), "age": age, "version": _version()}


@bp.get("")
@page
def overview() -> str:
    """Show findings, accounts, what waits, and the messages of a day by hour."""
    svc = services()
    accounts = described(svc, svc.accounts.all())
    hours = svc.message_log.by_hour(24, svc.clock())
    return render_template("overview.html", accounts=accounts, hours=hours, most=max([*hours, 1]))


@bp.get("/findings")
@page
def findings() -> str:
    """Show the findings, which the overview loads by themselves. fresh: look again now."""
    results, at = _findings(services(), fresh=bool(request.args.get("fresh")) and g.person.may_act)
    return render_template("findings.html", findings=results, at=at)


@bp.get("/accounts/<account_id>")
@page
def account(account_id: str) -> str:
    """Show an account as `GET /accounts/{id}` does."""
    svc = services()
    known = svc.accounts.get(account_id, max_age=0)
    if known is None:
        abort(404, "This account is not registered.")
    return render_template("account.html", account=described(svc, [known])[0])


@bp.get("/waiting")
@page
def waiting() -> str:
    """Show the conversations that wait, those accepted first at the top."""
    svc = services()
    accounts = svc.accounts.all()
    shown = {row["account_id"]: row for row in described(svc, accounts)}
    found = [
        conversation
        for known in accounts
        for direction in Direction
        for conversation in svc.waiting.first(known.id, direction, WAITING_MAX)
    ]
    found.sort(key=lambda conversation: conversation.accepted_at)
    rows = [
        {"conversation": row, "age": age((svc.clock() - row.accepted_at).total_seconds()), "due": iso(row.due_at)}
        for row in found[:WAITING_MAX]
    ]
    return render_template("waiting.html", rows=rows, accounts=shown)


@bp.get("/messages")
@page
def messages() -> str:
    """Search the message log."""
    svc, query = services(), {name: request.args.get(name, "").strip() for name in _FILTERS}
    problem, rows, after = "", [], None
    try:
        if query["id"]:
            found = svc.message_log.find(query["id"])
            rows = [found] if found is not None else []
        else:
            rows, after = svc.message_log.page(_filter(svc, query), ROWS, request.args.get("after") or None)
    except ValueError as error:
        problem = str(error)
    shown = [message.shown() for message in rows]
    return render_template("messages.html", rows=shown, after=after, query=query, states=STATES, problem=problem)


@bp.get("/messages/<any_id>")
@page
def message(any_id: str) -> str:
    """Show the journey of one message."""
    found = services().message_log.find(any_id)
    if found is None:
        abort(404, "The message log has no message with this id.")
    return render_template("message.html", message=found.with_journey())


@bp.get("/usage")
@page
def usage() -> str:
    """Show what X bills for each account today."""
    svc = services()
    return render_template("usage.html", accounts=described(svc, svc.accounts.all()), settings=svc.settings)


_FILTERS = ("customer_id", "account_id", "id", "since", "until", "state")


def _filter(svc: Services, query: Mapping[str, str]) -> LogFilter:
    """Return the filter of a search. Raises ValueError for a moment that is none."""
    now = svc.clock()
    customer = query["customer_id"]
    return LogFilter(
        account_id=query["account_id"] or None,
        customer_ids=frozenset(svc.message_log.customers(customer)) if customer else None,
        since=begin_of(query["since"], now) if query["since"] else None,
        until=end_of(query["until"], now) if query["until"] else None,
        state=query["state"] if query["state"] in STATES else None,
    )


@dataclass
class _Looked:
    """The findings of one application, and when they were looked for. One look serves all viewers of this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    results: list[Finding] = field(default_factory=list)
    seconds: float = -FINDINGS_SECONDS
    at: str = ""


def _findings(svc: Services, *, fresh: bool) -> tuple[list[Finding], str]:
    """Return the findings, and when they were looked for."""
    looked: _Looked = current_app.extensions.setdefault("console_findings", _Looked())
    with looked.lock:
        if fresh or time.monotonic() - looked.seconds >= FINDINGS_SECONDS:
            looked.results, looked.at = list(all_findings(svc)), iso(svc.clock())
            looked.seconds = time.monotonic()
        return looked.results, looked.at


def _version() -> str:
    return version("twitter-connector")
