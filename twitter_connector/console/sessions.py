"""Who is logged in to the console, and what they may do. The session is a signed cookie, valid in every replica.

https://flask.palletsprojects.com/en/stable/web-security/
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, abort, g, redirect, request, session

from twitter_connector.config import ConsoleUser, Settings
from twitter_connector.store.vault import keys_of
from twitter_connector.web.context import services
from twitter_connector.web.forwarded import ALSO_NAMING, is_on_this_machine

from .links import link
from .passwords import proof_of, user_named

if TYPE_CHECKING:
    from .openid import Identity

log = logging.getLogger(__name__)

SESSION_LASTS = timedelta(hours=12)
# Then the provider is asked again who the person is and which groups they are in.
PROVIDER_SESSION_LASTS = timedelta(hours=1)
VIEWER, OPERATOR = "viewer", "operator"
# Whoever looks at the sandbox's console on loopback.
_ANYONE = "sandbox"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Person:
    """Who asks. role: VIEWER or OPERATOR. subject: the id at the provider that they logged in by; "" for a password."""

    name: str
    role: str
    subject: str = ""

    @property
    def may_act(self) -> bool:
        return self.role == OPERATOR

    @property
    def logged(self) -> dict[str, str]:
        """The fields that name the person in the log. A name at a provider may be chosen by its owner."""
        return {"user": self.name, **({"subject": self.subject} if self.subject else {})}


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


def begin(user: ConsoleUser) -> None:
    """Begin the session of somebody whose password was right."""
    _begin(Person(user.name, user.role), proof_of(user), SESSION_LASTS)


def begin_by_provider(identity: Identity) -> None:
    """Begin the session of somebody who logged in at the provider."""
    settings = services().settings
    role = OPERATOR if identity.is_in(settings.console_oidc_operators) else VIEWER
    if identity.groups is None:
        log.warning("console_login_without_groups", extra={"subject": identity.subject})
    _begin(Person(identity.name, role, identity.subject), _client_proof(settings), PROVIDER_SESSION_LASTS)


def _begin(who: Person, proof: str, lasts: timedelta) -> None:
    session.clear()
    session.permanent = True
    session.update(user=who.name, role=who.role, subject=who.subject, proof=proof)
    session["until"] = int(time.time() + lasts.total_seconds())
    log.info("console_login", extra={**who.logged, "role": who.role})


def person() -> Person | None:
    """Return who is logged in, or None."""
    settings = services().settings
    if not settings.console_has_login:
        return Person(_ANYONE, VIEWER) if _on_this_machine() else None
    name, subject = str(session.get("user", "")), str(session.get("subject", ""))
    if not name or time.time() > int(session.get("until", 0)):
        return None
    # Another password, or another client at the provider, ends the sessions of the former one.
    if subject:
        return Person(name, str(session["role"]), subject) if _is_proof(_client_proof(settings)) else None
    user = user_named(settings.console_users, name)
    return Person(user.name, user.role) if user is not None and _is_proof(proof_of(user)) else None


def page(view: F) -> F:
    """Return the view for those who are logged in. Everybody else is sent to the login page."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.person = person()
        if g.person is None:
            if not services().settings.console_has_login:
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
        log.info("console_action", extra={**g.person.logged, "action": request.endpoint, **names})
        return view(*args, **kwargs)

    return cast(F, guarded)


# Values of a request that the log may have. None of them is a secret or a text.
_AUDITED = frozenset({"account_id", "letter_id", "direction", "reason", "customer_id", "lane"})


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


def _is_proof(proof: str) -> bool:
    return hmac.compare_digest(str(session.get("proof", "")), proof)


def _client_proof(settings: Settings) -> str:
    parts = (settings.console_oidc_issuer, settings.console_oidc_client_id, settings.console_oidc_operators)
    return hashlib.sha256("\n".join(part or "" for part in parts).encode()).hexdigest()[:32]


def _session_key(key: str) -> str:
    return hmac.new(key.encode(), b"console session", hashlib.sha256).hexdigest()


def _on_this_machine() -> bool:
    named = [value for name in ("X-Forwarded-For", *ALSO_NAMING) for value in request.headers.getlist(name)]
    return is_on_this_machine(request.remote_addr, named, request.headers.getlist("Forwarded"), request.host)
