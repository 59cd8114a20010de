"""The pages of dead letters: by reason, one, a group before something is done to it, and how far that is."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

from flask import Blueprint, Response, abort, current_app, redirect, render_template, request, session

from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.findings.conversations import NOT_OURS
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.replay import replay
from twitter_connector.web.context import services

from .answers import prepare
from .links import link
from .sessions import action, page

log = logging.getLogger(__name__)

bp = Blueprint("console_dead_letters", __name__, url_prefix="/console/dead-letters")
prepare(bp)

ROWS = 50
# The groups of the page are counted among so many of the newest.
COUNTED_MAX = 5_000
# How often the progress is stored.
STEP = 50
FIELDS = ("reason", "direction", "account_id", "customer_id")
DONE = {"replay": "replayed", "discard": "discarded"}


@bp.get("")
@page
def dead_letters() -> str:
    """Show the dead letters by reason, and the newest that match the filter."""
    query = _query(request.args)
    newest = list(islice(services().dead_letters.newest(), COUNTED_MAX))
    letters = list(islice(_matching(query), ROWS + 1))
    return render_template(
        "dead_letters.html",
        rows=[letter.shown() for letter in letters[:ROWS]],
        more=len(letters) > ROWS,
        counts=Counter(letter.reason for letter in newest).most_common(),
        counted_all=len(newest) < COUNTED_MAX,
        query=query,
        not_ours=NOT_OURS,
        accounts=services().accounts.all(),
    )


@bp.get("/<letter_id>")
@page
def dead_letter(letter_id: str) -> str:
    """Show one dead letter, without its text."""
    letter = services().dead_letters.get(letter_id)
    if letter is None:
        abort(404, "There is no dead letter with this id: it was replayed, discarded, or is too old.")
    logged = services().message_log.find(letter_id)
    return render_template(
        "dead_letter.html", letter=letter.shown(), ours=letter.reason not in NOT_OURS, message=logged and logged.shown()
    )


@bp.get("/group")
@page
def group() -> str:
    """Show what a group has, before it is replayed or discarded."""
    query = _query(request.args)
    counts: dict[str, Counter[str]] = {name: Counter() for name in FIELDS}
    failed: list[str | int] = []
    for letter in _matching(query):
        shown = letter.shown()
        for name, counter in counts.items():
            counter[str(shown[name])] += 1
        failed = [*failed[:1], shown["failed_at"]]  # the newest and the oldest
    return render_template("dead_letter_group.html", query=query, words=_words(query), counts=counts, failed=failed)


@bp.post("/replay")
@action
def replay_letters() -> Response:
    """Replay one dead letter, or begin to replay a group."""
    return _done("replay")


@bp.post("/discard")
@action
def discard_letters() -> Response:
    """Delete one dead letter, or begin to delete a group."""
    return _done("discard")


@bp.get("/progress/<work_id>")
@page
def progress(work_id: str) -> str:
    """Show how far the work on a group is. htmx asks for its part of the page until the work has ended."""
    work = services().group_work.of(work_id)
    if work is None:
        abort(404, "Nothing is known of this work any more: it began more than an hour ago.")
    name = "progress.html" if "HX-Request" in request.headers else "dead_letter_work.html"
    return render_template(name, work=work, done=DONE[work.verb])


def _done(verb: str) -> Response:
    svc, letter_id = services(), request.form.get("letter_id")
    if letter_id:
        letter = svc.dead_letters.get(letter_id)
        changed = letter is not None and _change(svc, verb, letter)
        session["done"] = f"1 {DONE[verb]}." if changed else "Nothing was done: this dead letter is gone already."
        return _redirected("console/dead-letters")
    if "group" not in request.form:
        abort(400, "Name a dead letter or a group.")
    query = _query(request.form)
    # Oldest first, so that order is kept. Those that fail again meanwhile are not among them.
    letters = sorted((letter.accepted_at, letter.entry_id, letter.id) for letter in _matching(query))
    work_id = svc.group_work.begin(verb, _words(query), len(letters))
    work = threading.Thread(target=_work, args=(svc, verb, work_id, [ids[-1] for ids in letters]), daemon=True)
    current_app.extensions["console_group_work"] = work
    work.start()
    return _redirected(f"console/dead-letters/progress/{work_id}")


def _work(svc: Services, verb: str, work_id: str, letter_ids: list[str]) -> None:
    """Replay or delete each dead letter, and store how far that is."""
    seen = changed = 0
    try:
        for letter_id in letter_ids:
            letter = svc.dead_letters.get(letter_id)
            changed += letter is not None and _change(svc, verb, letter)
            seen += 1
            if seen % STEP == 0:
                svc.group_work.step(work_id, seen, changed)
        svc.group_work.end(work_id, seen, changed)
    except StoreUnavailable as error:
        log.warning("console_group_stopped", extra={"verb": verb, "reason": error.reason, "seen": seen})
        return  # the page says so: nothing more is stored
    log.info("console_group_done", extra={"verb": verb, "seen": seen, "changed": changed})


def _change(svc: Services, verb: str, letter: DeadLetter) -> bool:
    return bool(replay([letter], svc.lanes)) if verb == "replay" else svc.dead_letters.discard(letter.id)


def _query(given: Mapping[str, str]) -> dict[str, str]:
    query = {name: given.get(name, "").strip() for name in FIELDS}
    if query["direction"] not in ("", *(direction.word for direction in Direction)):
        abort(400, "The direction is inbound or outbound.")
    return query


def _matching(query: Mapping[str, str]) -> Iterator[DeadLetter]:
    direction = next((one for one in Direction if one.word == query["direction"]), None)
    named = (query[name] or None for name in ("account_id", "reason", "customer_id"))
    return services().dead_letters.newest(direction, *named)


def _words(query: Mapping[str, str]) -> str:
    """Return a group in words."""
    return ", ".join(f"{name.replace('_id', '')} {value}" for name, value in query.items() if value) or "all"


def _redirected(path: str) -> Response:
    answer: Response = redirect(link(path), 303)  # type: ignore[assignment]
    return answer
