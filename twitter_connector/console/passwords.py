"""Log-in by name and password, for the users of CONSOLE_USERS."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Sequence
from functools import cache

from werkzeug.security import check_password_hash, generate_password_hash

from twitter_connector.config import ConsoleUser
from twitter_connector.web.context import services

log = logging.getLogger(__name__)


def right_user(name: str, password: str) -> tuple[ConsoleUser | None, float]:
    """Return the user if the password is right, and the seconds to wait before the next attempt, 0 for none.

    Raises StoreUnavailable.
    """
    svc = services()
    wait = svc.logins.wait(name)
    if wait:
        log.warning("console_login_slowed", extra={"seconds": round(wait)})
        return None, wait
    user = user_named(svc.settings.console_users, name)
    # An unknown name costs the same time as a known one.
    right = check_password_hash(user.hash if user else _nobody(), password)
    if user is None or not right:
        log.warning("console_login_failed", extra={"by": "password", "known": user is not None})
        svc.logins.failed(name)
        return None, 0.0
    svc.logins.succeeded(name)
    return user, 0.0


def user_named(users: Sequence[ConsoleUser], name: str) -> ConsoleUser | None:
    """Return the user with this name, or None."""
    return next((user for user in users if hmac.compare_digest(user.name.encode(), name.encode())), None)


def proof_of(user: ConsoleUser) -> str:
    """Return a digest that is another one with another password."""
    return hashlib.sha256(f"{user.name}:{user.hash}".encode()).hexdigest()[:32]


@cache
def _nobody() -> str:
    return generate_password_hash(secrets.token_urlsafe(24), "scrypt")
