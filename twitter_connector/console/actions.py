"""What an operator may do on the pages. Each action is one form, and is logged."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, redirect, render_template, request, session
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.model.account import Account
from twitter_connector.model.work import Direction
from twitter_connector.web.context import services

from .answers import prepare
from .links import link
from .sessions import action, page

bp = Blueprint("console_actions", __name__, url_prefix="/console")

prepare(bp)

# The keys of the configuration guide, in its order.
REGISTRATION_FIELDS = (
    "API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET", "WEBHOOK-URL", "ENVIRONMENT-NAME", "INBOUND",
    "BEARER-TOKEN", "CLIENT-ID", "CLIENT-SECRET", "OAUTH2-REFRESH-TOKEN", "OAUTH2-ACCESS-TOKEN",
)  # fmt: skip


@bp.post("/accounts/<account_id>/check")
@action
def check(account_id: str) -> Response:
    """Look at X and repair what can be repaired, as `twitter-connector check` does."""
    return _tried(account_id, services().registration.repair, "The account was checked.")


@bp.post("/accounts/<account_id>/refresh")
@action
def refresh(account_id: str) -> Response:
    """Look at X and change nothing."""
    return _tried(account_id, services().registration.status, "X was asked.")


@bp.post("/accounts/<account_id>/resume")
@action
def resume(account_id: str) -> Response:
    """End the pauses of an account: its messages are tried at once."""
    account = _account(account_id)
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


@bp.get("/register")
@page
def show_register() -> str:
    """Show the form for an account."""
    return render_template("register.html", names=REGISTRATION_FIELDS, values={}, errors={}, failed="")


@bp.post("/register/check")
@action
def check_fields() -> str:
    """Show what is wrong with the fields, while they are typed."""
    return render_template("register_errors.html", errors=_errors(_fields()), failed="")


@bp.post("/register")
@action
def register() -> Response:
    """Register an account as the route does. Secrets are never shown again."""
    values = _fields()
    errors, failed = _errors(values), ""
    if not errors:
        try:
            status = services().registration.register(load_registration(values, services().settings.public_url))
            return _back(f"console/accounts/{status.account.id}", "The account is registered.")
        except StepFailed as error:
            failed = f"Step {error.step}: {error.advice}"
    shown = {name: values.get(name, "") for name in ("WEBHOOK-URL", "ENVIRONMENT-NAME", "INBOUND")}
    body = render_template("register.html", names=REGISTRATION_FIELDS, values=shown, errors=errors, failed=failed)
    return Response(body, 400 if errors else 422)


@bp.post("/waiting/now")
@action
def try_now() -> Response:
    """End the pause of one direction of an account, and the waits that a person may end: see Lanes.end_waits."""
    account, direction = _account(request.form.get("account_id", "")), _direction()
    services().lanes.resume(direction, account.id)
    services().lanes.end_waits(account.id)
    return _back("console/waiting", "What waits is tried now.")


def _fields() -> dict[str, str]:
    return {name: value for name in REGISTRATION_FIELDS if (value := request.form.get(name, "").strip())}


def _errors(values: dict[str, str]) -> dict[str, list[str]]:
    try:
        load_registration(values, services().settings.public_url)
    except ValidationError as error:
        return dict(error.normalized_messages())  # type: ignore[no-untyped-call]
    return {}


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
        done = f"Step {error.step}: {error.advice}"
    return _back(f"console/accounts/{account_id}", done)


def _back(path: str, done: str) -> Response:
    session["done"] = done  # the next page shows it once
    answer: Response = redirect(link(path), 303)  # type: ignore[assignment]
    return answer
