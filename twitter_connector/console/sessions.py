"""Who is logged in to the console, and what they may do. The session is a signed cookie, good in every replica.

https://flask.palletsprojects.com/en/stable/web-security/
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, g, redirect, request, session
from werkzeug.security import check_password_hash, generate_password_hash

from twitter_connector.config import ConsoleUser, Settings
from twitter_connector.store.vault import keys_of
from twitter_connector.web.context import services
from twitter_connector.web.forwarded import ALSO_NAMING, is_on_this_machine

from .links import link

log = logging.getLogger(__name__)

SESSION_LASTS = timedelta(hours=12)
VIEWER, OPERATOR = "viewer", "operator"
# Whoever looks at the sandbox's console on loopback.
_ANYONE = "sandbox"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Person:
    """Who asks. role: VIEWER or OPERATOR."""

    name: str
    role: str

    @property
    def may_act(self) -> bool:
        return self.role == OPERATOR


def install(app: Flask, settings: Settings) -> None:
    """Set the key and the attributes of the session cookie."""
    newest, *older = [_session_key(key) for key in keys_of(settings.credentials_keys, settings.var_dir)]
    app.config.update(
        SECRET_KEY=newest,
        SECRET_KEY_FALLBACKS=older,
        SESSION_COOKIE_NAME="console_session",
        # The path as the browser sees it is not known here: a gateway may strip a prefix.
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_LASTS,
    )


def person() -> Person | None:
    """Return who is logged in, or None."""
    users = services().settings.console_users
    if not users:
        return Person(_ANYONE, VIEWER) if _on_this_machine() else None
    user = _user(users, str(session.get("user", "")))
    # Another password ends the sessions of the former one.
    if user is None or not hmac.compare_digest(str(session.get("proof", "")), _proof(user)):
        return None
    return Person(user.name, user.role)


def page(view: F) -> F:
    """Return the view for those who are logged in. Everybody else is sent to the login page."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.person = person()
        if g.person is None:
            if not services().settings.console_users:
                abort(404)
            return redirect(link("console/login"), 303)
        return view(*args, **kwargs)

    return cast(F, guarded)


def action(view: F) -> F:
    """Return the view for operators whose own page asks for it. Each call is logged."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.person = person()
        if g.person is None:
            abort(401, "Log in first.")
        if not g.person.may_act:
            abort(403, "Your role is viewer: you may look, not act. An operator may.")
        if not from_own_page():
            abort(403, "This request did not come from a page of the console. Load the page again, then try again.")
        names = {name: value for name, value in (*kwargs.items(), *request.form.items()) if name in _AUDITED}
        log.info("console_action", extra={"user": g.person.name, "action": request.endpoint, **names})
        return view(*args, **kwargs)

    return cast(F, guarded)


# Values of a request that the log may have. None of them is a secret or a text.
_AUDITED = frozenset({"account_id", "letter_id", "direction", "reason", "customer_id"})


def from_own_page() -> bool:
    """Return whether a form of ours was sent: by its token, and by what the browser says about its page."""
    given = request.form.get("csrf", "") or request.headers.get("X-CSRF", "")
    token = str(session.get("csrf", ""))
    return same_site() and token != "" and hmac.compare_digest(given.encode(), token.encode())


def same_site() -> bool:
    """Return whether the browser says that the request comes from a page of this site, or says nothing."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")


def csrf_token() -> str:
    """Return the token that each form of this session carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def log_in(name: str, password: str) -> float | None:
    """Begin a session if the password is right.

    Return None then, and otherwise the seconds to wait before the next attempt, 0 for none. Raises StoreUnavailable.
    """
    svc = services()
    wait = svc.logins.wait(name)
    if wait:
        log.warning("console_login_slowed", extra={"seconds": round(wait)})
        return wait
    user = _user(svc.settings.console_users, name)
    # An unknown name costs the same time as a known one.
    right = check_password_hash(user.hash if user else _nobody(), password)
    if user is None or not right:
        log.warning("console_login_failed", extra={"known": user is not None})
        svc.logins.failed(name)
        return 0.0
    svc.logins.succeeded(name)
    session.clear()
    session.permanent = True
    session["user"], session["proof"] = user.name, _proof(user)
    log.info("console_login", extra={"user": user.name, "role": user.role})
    return None


def log_out() -> Response:
    session.clear()
    return cast(Response, redirect(link("console/login"), 303))


@cache
def _nobody() -> str:
    return generate_password_hash(secrets.token_urlsafe(24), "scrypt")


def _user(users: Sequence[ConsoleUser], name: str) -> ConsoleUser | None:
    return next((user for user in users if hmac.compare_digest(user.name.encode(), name.encode())), None)


def _proof(user: ConsoleUser) -> str:
    return hashlib.sha256(f"{user.name}:{user.hash}".encode()).hexdigest()[:32]


def _session_key(key: str) -> str:
    return hmac.new(key.encode(), b"console session", hashlib.sha256).hexdigest()


def _on_this_machine() -> bool:
    named = [value for name in ("X-Forwarded-For", *ALSO_NAMING) for value in request.headers.getlist(name)]
    return is_on_this_machine(request.remote_addr, named, request.headers.getlist("Forwarded"), request.host)
