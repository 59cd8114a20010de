"""The pages that show. Each one shows what a JSON route shows; none has a text of a message or a secret."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from markupsafe import Markup, escape

from twitter_connector.bootstrap import Services, described
from twitter_connector.findings.finding import age
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
USAGE_DAYS, USAGE_DAYS_MAX = 7, 31

prepare(bp)


@bp.app_template_filter()
def marked(sentence: str) -> Markup:
    """Return a sentence as HTML, with the text between backticks as code."""
    parts = str(sentence).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part)
        if number % 2 and number < len(parts) - 1
        else escape("`" * (number % 2) + part)
        for number, part in enumerate(parts)
    )


@bp.app_context_processor
def _for_templates() -> dict[str, Any]:
    return {"link": link, "csrf_token": csrf_token, "person": g.get("person"), "age": age, "version": _version()}


@bp.get("/waiting")
@page
def waiting() -> str:
    """Show the conversations that wait, those accepted first at the top."""
    svc = services()
    accounts = svc.accounts.all()
    shown = {row["account_id"]: row for row in described(svc, accounts)}
    waiting = [
        conversation
        for known in accounts
        for direction in Direction
        for conversation in svc.waiting.first(known.id, direction, WAITING_MAX)
    ]
    first = sorted(waiting, key=lambda conversation: conversation.accepted_at)[:WAITING_MAX]
    logged = svc.message_log.of_entries([(one.direction, one.account_id, one.entry_id) for one in first])
    rows = [
        {
            "conversation": row,
            "age": age((svc.clock() - row.accepted_at).total_seconds()),
            "due": iso(row.due_at),
            "paused": row.direction.word in shown[row.account_id]["pauses"],
            "why": _why(shown[row.account_id], row.direction) or (message.reason if message else ""),
        }
        for row, message in zip(first, logged, strict=True)
    ]
    return render_template("waiting.html", rows=rows, accounts=shown)


def _why(account: Mapping[str, Any], direction: Direction) -> str:
    """Return why everything of an account waits in a direction; "" if nothing keeps it."""
    if pause := account["pauses"].get(direction.word):
        return f"{pause['reason']}: {pause['detail']}"
    side = account["unreachable"].get(direction.word)
    return f"{side['side']} cannot be reached" if side else ""


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
    return render_template(
        "messages.html",
        rows=shown,
        after=after,
        query=query,
        states=STATES,
        problem=problem,
        accounts=svc.accounts.all(),
    )


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
    """Show what X bills for each account: today, and the days before."""
    svc = services()
    days = request.args.get("days", "")
    count = min(USAGE_DAYS_MAX, max(1, int(days))) if days.isascii() and days.isdecimal() else USAGE_DAYS
    rows = [
        (known, [svc.spending.shown(known, day) for day in svc.usage.days(known.id, count)])
        for known in svc.accounts.all()
    ]
    return render_template("usage.html", rows=rows, days=count, settings=svc.settings)


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


def _version() -> str:
    return version("twitter-connector")
