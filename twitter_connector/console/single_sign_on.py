"""Routes of the log-in by an OpenID Connect provider.

A browser does not send the session's Strict cookie with the return from another site. So a short-lived Lax cookie keeps
the attempt, and the return is a page that leads on to the overview by itself.
"""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import asdict

from flask import Blueprint, Flask, Response, abort, current_app, make_response, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from twitter_connector.config import Settings
from twitter_connector.errors import ConnectorError

from .answers import prepare
from .links import own_address
from .login import PROVIDER
from .openid import Attempt, OpenIdProvider
from .sessions import begin_by_provider

log = logging.getLogger(__name__)

bp = Blueprint("console_single_sign_on", __name__, url_prefix="/console")
prepare(bp)

COOKIE = "console_sign_in"
ATTEMPT_SECONDS = 600
_RETURN = "console/login/return"


@bp.get("/login/provider")
def start() -> Response:
    """Send the browser to the provider."""
    attempt = Attempt()
    answer: Response = redirect(_provider().link(attempt, own_address(_RETURN)), 303)  # type: ignore[assignment]
    answer.set_cookie(
        COOKIE,
        _serializer().dumps(asdict(attempt)),
        max_age=ATTEMPT_SECONDS,
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return answer


@bp.get("/login/return")
def finish() -> Response:
    """Begin a session for whom the provider names."""
    chosen, attempt = _provider(), _attempt()
    given = request.args.get("state", "").encode()
    if attempt is None or not hmac.compare_digest(given, attempt.state.encode()):
        _failed("state")
        abort(
            403,
            "This log-in was not begun in this browser, or more than ten minutes ago. Begin it again at "
            f"{own_address('console/login')}.",
        )
    if "error" in request.args:
        word = request.args["error"] if re.fullmatch(r"[a-z_]{1,40}", request.args["error"]) else "unknown error"
        _failed(word)
        abort(403, f"{chosen.name} did not log you in ({word}). Ask its administrator whether you may use this client.")
    try:
        chosen.check_issuer(request.args.get("iss"))
        identity = chosen.identity(attempt, request.args.get("code", ""), own_address(_RETURN))
    except ConnectorError as error:
        _failed(error.reason)
        raise
    begin_by_provider(identity)
    answer = make_response(render_template("logged_in.html"))
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax")
    return answer


def install(app: Flask, settings: Settings) -> None:
    """Add the routes, and one provider for the whole application."""
    app.extensions[PROVIDER] = OpenIdProvider(settings, app.extensions["services"].http_client)
    app.register_blueprint(bp)


def _attempt() -> Attempt | None:
    try:
        return Attempt(**_serializer().loads(request.cookies.get(COOKIE, ""), max_age=ATTEMPT_SECONDS))
    except BadSignature:
        return None


def _serializer() -> URLSafeTimedSerializer:
    newest, older = str(current_app.secret_key), current_app.config["SECRET_KEY_FALLBACKS"]
    return URLSafeTimedSerializer([*reversed(older), newest], salt=COOKIE)


def _failed(why: str) -> None:
    log.warning("console_login_failed", extra={"by": "provider", "reason": why})


def _provider() -> OpenIdProvider:
    chosen: OpenIdProvider = current_app.extensions[PROVIDER]
    return chosen
