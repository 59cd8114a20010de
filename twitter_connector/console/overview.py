"""The overview: findings, what waits, the last messages, a day by hour, and the accounts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, current_app, g, render_template, request

from twitter_connector.bootstrap import Services, described
from twitter_connector.findings.finding import Finding, age
from twitter_connector.findings.report import all_findings
from twitter_connector.model.timestamps import iso
from twitter_connector.model.work import Direction
from twitter_connector.queue.message_log import LogFilter
from twitter_connector.web.context import services

from .answers import prepare
from .sessions import page

bp = Blueprint("console_overview", __name__, url_prefix="/console")
prepare(bp)

# The last message of each direction is looked for among so many.
NEWEST = 200
# Of so many accounts with waiting conversations, and so many of these, the oldest one is looked for.
ACCOUNTS_EXAMINED = 50
WAITING_EXAMINED = 200
SIDES = ((Direction.IN, "CCM"), (Direction.OUT, "X"))
# Findings ask X, which allows fifteen calls in fifteen minutes.
FINDINGS_SECONDS = 300.0


@bp.get("")
@page
def overview() -> str:
    """Show findings, what waits, the last messages, the messages of a day by hour, and the accounts."""
    svc, now = services(), services().clock()
    accounts = described(svc, svc.accounts.all())
    newest, _ = svc.message_log.page(LogFilter(), NEWEST)
    return render_template(
        "overview.html",
        accounts=accounts,
        waiting=[(side, *_waits(svc, accounts, direction)) for direction, side in SIDES],
        last={d: next((m.shown() for m in newest if m.direction == d.word), None) for d in Direction},
        dead_letters=svc.dead_letters.count(),
        messages=svc.message_log.by_hour(24, now),
        given_up=svc.dead_letters.by_hour(24, now),
    )


def _waits(svc: Services, accounts: Sequence[Mapping[str, Any]], direction: Direction) -> tuple[int, str]:
    """Return how many conversations wait in a direction, and for how long the oldest of them has."""
    busy = {row["account_id"]: n for row in accounts if (n := row["lanes_waiting"].get(direction.word))}
    first = [
        svc.waiting.first(account_id, direction, WAITING_EXAMINED)[:1] for account_id in list(busy)[:ACCOUNTS_EXAMINED]
    ]
    oldest = min((conversation.accepted_at for found in first for conversation in found), default=None)
    return sum(busy.values()), age((svc.clock() - oldest).total_seconds()) if oldest else ""


@bp.get("/findings")
@page
def findings() -> str:
    """Show the findings, which the overview loads separately. fresh: look again now."""
    results, at = _findings(services(), fresh=bool(request.args.get("fresh")) and g.person.may_act)
    return render_template("findings.html", findings=results, at=at)


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
