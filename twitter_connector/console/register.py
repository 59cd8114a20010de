"""The register page: fields checked while they are typed, our own challenge tried first, then X."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, session

from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.model.subscription import ChallengeAnswer
from twitter_connector.web.context import services
from twitter_connector.web.registration import ONE_REQUEST_AT_A_TIME, explained, one_request_at_a_time

from .answers import prepare
from .links import link
from .registration_form import APP, CHOICES, GRANT, TOKENS, Form, about, typed
from .sessions import action, page

bp = Blueprint("console_register", __name__, url_prefix="/console")
prepare(bp)


@bp.get("/register")
@page
def show_register() -> Response:
    """Show the form: empty, or about a registered account."""
    account_id = request.args.get("account_id", "")
    account = services().accounts.get(account_id, max_age=0) if account_id else None
    if account_id and account is None:
        abort(404, "This account is not registered.")
    return shown(about(account), 200)


@bp.post("/register/check")
@action
def check_fields() -> Response:
    """Show what is wrong with the fields and what they would change. Asks nobody."""
    return shown(typed(), 200)


@bp.post("/register/try")
@action
def try_address() -> Response:
    """Show how the address answers our own challenge. X is not asked."""
    return shown(_with_challenge(typed()), 200)


@bp.post("/register")
@action
def register() -> Response:
    """Try the address, then register the account as the route does. Secrets are never shown again."""
    form = typed()
    if form.registration is None:
        return shown(form, 400)
    if "anyway" not in request.form:
        form = _with_challenge(form)
        if form.tried is not None and form.tried.right is False:
            failed = f"{form.failed} X was not asked, and nothing was changed.".strip()
            return shown(replace(form, failed=failed), 422)
    return registered(form)


def registered(form: Form) -> Response:
    """Register at X and lead to the account, or show what failed."""
    assert form.registration is not None
    try:
        status = services().registration.register(form.registration)
    except StepFailed as error:
        return shown(replace(form, failed=f"Step {error.step}: {explained(error).advice}"), 422)
    session["done"] = f"The account is registered{': ' if status.actions else ''}{', '.join(status.actions)}."
    return led_to(f"console/accounts/{status.account.id}")


def led_to(path: str) -> Response:
    """Return the answer that leads to a page, for a form and for htmx."""
    if "HX-Request" in request.headers:
        return Response(headers={"HX-Redirect": link(path)})
    answer: Response = redirect(link(path), 303)  # type: ignore[assignment]
    return answer


def shown(form: Form, status: int) -> Response:
    """Return the page, or for htmx the part about what was typed."""
    part = "HX-Request" in request.headers
    body = render_template(
        "register_result.html" if part else "register.html",
        form=form,
        fieldsets=(
            ("App", APP),
            ("Tokens of the account", TOKENS),
            ("OAuth 2.0 (API v2 only)", ("BEARER-TOKEN", *GRANT)),
        ),
        choices=CHOICES,
        was_typed=request.method == "POST",
        public_url=services().settings.public_url,
    )
    return make_response(body, status)


def _with_challenge(form: Form) -> Form:
    new = form.registration
    if new is None or not new.webhook_url:
        return form
    svc, known = services(), form.in_force
    if known is not None:
        # X may send its own challenge at any moment, and knows the secret in force.
        return _tried(form, svc.challenge(new.webhook_url, known.credentials.api_key_secret))
    svc.trials.begin(new.account_id, new.credentials.api_key_secret)
    try:
        answer: ChallengeAnswer = svc.challenge(new.webhook_url, new.credentials.api_key_secret)
    finally:
        svc.trials.end(new.account_id)
    return _tried(form, answer)


def _tried(form: Form, answer: ChallengeAnswer) -> Form:
    alone = answer.right is not True and one_request_at_a_time()
    return replace(form, tried=answer, failed=ONE_REQUEST_AT_A_TIME if alone else form.failed)
