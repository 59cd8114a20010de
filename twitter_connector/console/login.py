"""The login page: the only one that everybody may load."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request

from twitter_connector.web.context import services

from .answers import prepare
from .links import link
from .sessions import log_in, log_out, person, same_site

bp = Blueprint("console_login", __name__, url_prefix="/console")
prepare(bp)


@bp.get("/login")
def show_login() -> Response:
    """Show the form."""
    if not services().settings.console_users:
        abort(404)
    if person() is not None:
        return _overview()
    return make_response(render_template("login.html", wait=0, wrong=False))


@bp.post("/login")
def send_login() -> Response:
    """Begin a session, or show the form again: 401 for a wrong password, 429 while the next one has to wait."""
    if not services().settings.console_users:
        abort(404)
    if not same_site():
        abort(403, "Open the login page itself, and log in there.")
    name, password = request.form.get("username", ""), request.form.get("password", "")
    wait = log_in(name, password)
    if wait is None:
        return _overview()
    answer = make_response(render_template("login.html", wait=round(wait + 0.5) if wait else 0, wrong=not wait))
    answer.status_code = 429 if wait else 401
    if wait:
        answer.headers["Retry-After"] = str(max(1, round(wait + 0.5)))
    return answer


@bp.post("/logout")
def send_logout() -> Response:
    """End the session."""
    return log_out()


def _overview() -> Response:
    answer: Response = redirect(link("console"), 303)  # type: ignore[assignment]
    return answer
