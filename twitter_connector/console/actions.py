"""What an operator may do on the pages. Each action is one form, and is logged."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, redirect, request, session

from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.model.account import Account
from twitter_connector.model.work import Direction
from twitter_connector.queue.try_now import try_now as queue_try_now
from twitter_connector.web.context import services
from twitter_connector.web.registration import explained

from .answers import prepare
from .links import link
from .sessions import action

bp = Blueprint("console_actions", __name__, url_prefix="/console")

prepare(bp)


@bp.post("/accounts/<account_id>/check")
@action
def check(account_id: str) -> Response:
    """Look at X and repair what can be repaired, as `twitter-connector check` does."""
    return _tried(account_id, services().registration.repair, "The account was checked.")


@bp.post("/accounts/<account_id>/refresh")
@action
def refresh(account_id: str) -> Response:
    """Look at X and change nothing."""
    try:
        status = services().registration.status(_account(account_id))
    except StepFailed as error:
        return _back(f"console/accounts/{account_id}", f"Step {error.step}: {error.advice}")
    webhook = f"webhook {'valid' if status.webhook.valid else 'invalid'}" if status.webhook else "no webhook"
    events = ", ".join(status.subscriptions.events) or "nothing"
    return _back(f"console/accounts/{account_id}", f"X says: {webhook}; subscribed to {events}.")


@bp.post("/accounts/<account_id>/resume")
@action
def resume(account_id: str) -> Response:
    """End the pauses of an account, or of one direction of it: its messages are tried at once."""
    account = _account(account_id)
    if "direction" in request.form:
        services().lanes.resume(_direction(), account.id)
        return _back(f"console/accounts/{account.id}", "The pause was ended; what waits is tried now.")
    for direction in Direction:
        services().lanes.resume(direction, account.id)
    services().lanes.end_waits(account.id)
    return _back(f"console/accounts/{account.id}", "The pauses were ended; what waits is tried now.")


@bp.post("/accounts/<account_id>/unregister")
@action
def unregister(account_id: str) -> Response:
    """Take an account out of service. The form repeats the id, so that nobody does it by mistake."""
    if request.form.get("typed", "").strip() != account_id:
        return _back(f"console/accounts/{account_id}", "Nothing was done: the id that was typed is another one.")
    account = _account(account_id)
    try:
        services().registration.unregister(account)
    except StepFailed as error:
        return _back(f"console/accounts/{account_id}", f"Step {error.step}: {error.advice}")
    return _back("console", f"Account {account_id} was unregistered.")


@bp.post("/waiting/now")
@action
def try_now() -> Response:
    """Try one conversation now. Without one, end the pause of one direction of an account, and the waits that a person
    may end: see Lanes.end_waits."""
    account, direction = _account(request.form.get("account_id", "")), _direction()
    if lane := request.form.get("lane", ""):
        svc = services()
        outcome = queue_try_now(svc.lanes, svc.ledger, svc.waiting, account.id, direction, lane)
        return _back("console/waiting", outcome.value)
    services().lanes.resume(direction, account.id)
    services().lanes.end_waits(account.id)
    return _back("console/waiting", "What waits is tried now.")


def _account(account_id: str) -> Account:
    account = services().accounts.get(account_id, max_age=0)
    if account is None:
        abort(404, "This account is not registered.")
    return account


def _direction() -> Direction:
    try:
        return Direction(request.form.get("direction", ""))
    except ValueError:
        abort(400, "Name a direction.")


def _tried(account_id: str, call: Callable[[Account], object], done: str) -> Response:
    try:
        call(_account(account_id))
    except StepFailed as error:
        done = f"Step {error.step}: {explained(error).advice}"
    return _back(f"console/accounts/{account_id}", done)


def _back(path: str, done: str) -> Response:
    session["done"] = done  # the next page shows it once
    answer: Response = redirect(link(path), 303)  # type: ignore[assignment]
    return answer
