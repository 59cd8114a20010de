"""OAuth 2.0 sign-in with X in the browser, as the command `authorize` does it on a terminal.

What the return needs lies sealed in the session. A browser does not send the session's Strict cookie when X leads back
here, so the return loads itself once more from this site.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import Blueprint, Response, abort, g, make_response, render_template, request, session

from twitter_connector.accounts.registration_steps import StepFailed, performed
from twitter_connector.model.account import V1, Account, Credentials
from twitter_connector.model.post import OFF
from twitter_connector.web.context import services

from .answers import prepare
from .links import link, own_address
from .register import led_to, registered, shown
from .registration_form import checked, typed
from .sessions import action, page

log = logging.getLogger(__name__)

bp = Blueprint("console_x_sign_in", __name__, url_prefix="/console")
prepare(bp)

SECONDS = 600
_RETURN = "console/authorized"


@dataclass(frozen=True)
class _Begun:
    """A sign-in that has begun. values: of the register page; None for an account that only gets a new grant."""

    state: str
    verifier: str
    until: float
    account_id: str
    client_id: str
    client_secret: str
    values: Mapping[str, str] | None


@bp.post("/register/sign-in")
@action
def sign_in_new() -> Response:
    """Begin a registration whose tokens come from the sign-in."""
    form = typed()
    needed = ("CLIENT-ID",) if form.account else ("API-KEY", "API-KEY-SECRET", "CLIENT-ID")
    errors = {**form.wrong, **{name: ["The sign-in with X needs it."] for name in needed if not form.values.get(name)}}
    if errors:
        return shown(replace(form, errors=errors), 400)
    return _leading_to_x(form.account, form.values, dict(form.values))


@bp.post("/accounts/<account_id>/sign-in")
@action
def sign_in(account_id: str) -> Response:
    """Begin to get a new grant for a registered account."""
    account = services().accounts.get(account_id, max_age=0)
    if account is None or account.flavour == V1:
        abort(404, "No account of X API v2 has this id.")
    client = {name: request.form.get(name, "").strip() for name in ("CLIENT-ID", "CLIENT-SECRET")}
    if not client["CLIENT-ID"]:
        client = {"CLIENT-ID": account.credentials.client_id, "CLIENT-SECRET": account.credentials.client_secret}
    if not client["CLIENT-ID"]:
        abort(400, "The account has no CLIENT-ID. Copy it from the OAuth 2.0 settings of the app in X's portal.")
    return _leading_to_x(account, client, None)


@bp.get("/authorized")
def finish() -> Response:
    """Take the code that X gave the browser."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and "again" not in request.args:
        given = {name: request.args.get(name) for name in ("state", "code", "error")}
        return make_response(render_template("returned.html", address=link(_RETURN, **given, again="1")))
    answer: Response = _finished()
    return answer


@page
def _finished() -> Response:
    begun = _begun()
    if not g.person.may_act:
        abort(403, "Your role is viewer: you may look, not act. An operator may.")
    if begun is None or not hmac.compare_digest(request.args.get("state", "").encode(), begun.state.encode()):
        abort(403, "This sign-in was not begun in this session, or more than ten minutes ago. Begin it again.")
    log.info(
        "console_action",
        extra={**g.person.logged, "action": "console_x_sign_in.finish", "account_id": begun.account_id},
    )
    if "code" not in request.args:
        word = request.args.get("error", "")
        word = word if re.fullmatch(r"[a-z_]{1,40}", word) else "no code"
        abort(403, f"The app was not authorized at X ({word}). Begin the sign-in again.")
    account = services().accounts.get(begun.account_id, max_age=0) if begun.account_id else None
    if begun.values is not None:
        return _registered(account, begun, begun.values)
    if account is None:
        abort(404, "This account is not registered any more.")
    client = replace(account.credentials, client_id=begun.client_id, client_secret=begun.client_secret)
    try:
        services().oauth2_sign_in.finish(account, client, request.args["code"], own_address(_RETURN), begun.verifier)
    except StepFailed as error:
        abort(422, f"Step {error.step}: {error.advice}")
    session["done"] = "The account has a new OAuth 2.0 token."
    return led_to(f"console/accounts/{account.id}")


def _registered(account: Account | None, begun: _Begun, values: Mapping[str, str]) -> Response:
    client = Credentials("", "", "", "", client_id=begun.client_id, client_secret=begun.client_secret)
    code, return_url = request.args["code"], own_address(_RETURN)
    try:
        pair = performed("credentials", lambda: services().oauth2.redeem(client, code, return_url, begun.verifier))
    except StepFailed as error:
        abort(422, f"Step {error.step}: {error.advice}")
    tokens = {"OAUTH2-REFRESH-TOKEN": pair.refresh_token, "OAUTH2-ACCESS-TOKEN": pair.access_token}
    form = checked(account, {**values, **tokens})
    return shown(form, 400) if form.registration is None else registered(form)


def _leading_to_x(account: Account | None, client: Mapping[str, str], values: Mapping[str, str] | None) -> Response:
    """Return a page that leads to X. A form could not: the policy of these pages forbids it to end elsewhere."""
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    account_id, client_id = account.id if account else "", client["CLIENT-ID"]
    begun = [state, verifier, time.time() + SECONDS, account_id, client_id, client.get("CLIENT-SECRET", ""), values]
    session["x_sign_in"] = services().vault.seal(json.dumps(begun))
    chosen = values.get("POSTS") if values is not None else account.posts if account is not None else ""
    posts = chosen not in (None, "", OFF)
    address = services().oauth2.link(client_id, own_address(_RETURN), state, verifier, posts=posts)
    whole = "HX-Request" not in request.headers
    return make_response(
        render_template(
            "sign_in.html" if whole else "sign_in_part.html",
            address=address,
            return_url=own_address(_RETURN),
            account=account,
        )
    )


def _begun() -> _Begun | None:
    sealed = session.pop("x_sign_in", None)
    begun = _Begun(*json.loads(services().vault.open(str(sealed)))) if sealed else None
    return begun if begun is not None and time.time() < begun.until else None
