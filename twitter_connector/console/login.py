"""The login page: the only one that everybody may load."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, make_response, redirect, render_template, request, session

from twitter_connector.errors import ConnectorError
from twitter_connector.web.context import services

from .answers import prepare
from .links import link, own_address
from .passwords import right_user
from .sessions import begin, person, same_site

if TYPE_CHECKING:
    from .openid import OpenIdProvider

# The extension that is the OpenIdProvider, if the settings name one.
PROVIDER = "console_openid_provider"

bp = Blueprint("console_login", __name__, url_prefix="/console")
prepare(bp)


@bp.get("/login")
def show_login() -> Response:
    """Show the ways to log in."""
    if not services().settings.console_has_login:
        abort(404)
    if person() is not None:
        return _overview()
    # After the log-out of somebody who came by the provider, which may still know them.
    return make_response(_form(logout_link=_logout_link() if request.args.get("out") else None))


@bp.post("/login")
def send_login() -> Response:
    """Begin a session, or show the form again: 401 for a wrong password, 429 while the next one has to wait."""
    if not services().settings.console_users:
        abort(404)
    if not same_site():
        abort(403, "Open the login page itself, and log in there.")
    user, wait = right_user(request.form.get("username", ""), request.form.get("password", ""))
    if user is not None:
        begin(user)
        return _overview()
    answer = make_response(_form(wait=ceil(wait), wrong=not wait), 429 if wait else 401)
    if wait:
        answer.headers["Retry-After"] = str(ceil(wait))
    return answer


@bp.post("/logout")
def send_logout() -> Response:
    """End the session."""
    by_provider = "1" if session.get("subject") else None
    session.clear()
    answer: Response = redirect(link("console/login", out=by_provider), 303)  # type: ignore[assignment]
    return answer


def _provider() -> OpenIdProvider | None:
    return current_app.extensions.get(PROVIDER)


def _form(*, wait: int = 0, wrong: bool = False, logout_link: str | None = None) -> str:
    return render_template(
        "login.html",
        wait=wait,
        wrong=wrong,
        logout_link=logout_link,
        provider=_provider(),
        by_password=bool(services().settings.console_users),
    )


def _logout_link() -> str | None:
    chosen = _provider()
    try:
        return chosen.logout_link(own_address("console/login")) if chosen is not None else None
    except ConnectorError:
        return None  # the session here has ended all the same


def _overview() -> Response:
    answer: Response = redirect(link("console"), 303)  # type: ignore[assignment]
    return answer
