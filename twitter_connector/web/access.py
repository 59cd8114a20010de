"""Decides who may call the internal routes."""

from __future__ import annotations

import base64
import hmac
import logging
import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, current_app, request

from twitter_connector.metrics import REFUSED

from .context import services
from .forwarded import ALSO_NAMING, caller, is_inside
from .problems import problem
from .token_attempts import Attempts

log = logging.getLogger(__name__)

# Content types that a foreign web page may post from a browser inside the network without a preflight request.
# https://fetch.spec.whatwg.org/#cors-safelisted-request-header
_UNASKED_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data")

F = TypeVar("F", bound=Callable[..., Any])


def internal(view: F) -> F:
    """Return the view behind the access check of the internal routes."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refusal = refuse()
        if refusal is not None:
            return refusal
        return view(*args, **kwargs)

    return cast(F, guarded)


def refuse() -> Response | None:
    """Return the answer that refuses the current request, or None if it may pass."""
    tokens = services().settings.api_tokens
    if tokens:
        return _by_token(tokens)
    named = [value for name in ("X-Forwarded-For", *ALSO_NAMING) for value in request.headers.getlist(name)]
    if not is_inside(request.remote_addr, named, request.headers.getlist("Forwarded")):
        REFUSED.labels("outside").inc()
        return problem(
            403,
            "This address is internal: it answers callers from loopback and private networks only. To call it from "
            "elsewhere, configure CONNECTOR_API_TOKEN and send it as `Authorization: Bearer …`.",
            kind="outside-caller",
        )
    if _sent_by_a_foreign_page():
        REFUSED.labels("page").inc()
        return problem(
            403,
            "This address is internal, and the request was made by a web page in a browser. Call it with "
            "Content-Type: application/json.",
            kind="foreign-page",
        )
    return None


def _by_token(tokens: Sequence[str]) -> Response | None:
    attempts: Attempts = current_app.extensions.setdefault("token-attempts", Attempts())
    peer = caller(request.remote_addr, ())
    who = caller(request.remote_addr, request.headers.getlist("X-Forwarded-For"))
    given = request.headers.get("Authorization", "")
    # A request without a token is no guess, so it is not counted.
    wait = attempts.wait(peer, who) if given else 0.0
    if wait:
        REFUSED.labels("guessing").inc()
        return problem(
            429,
            "Too many wrong tokens came from this address. Wait as long as Retry-After says, then send a token of "
            "CONNECTOR_API_TOKEN.",
            kind="too-many-attempts",
            headers={"Retry-After": str(math.ceil(wait))},
        )
    if has_token(given, tokens):
        attempts.succeeded(peer, who)
        return None
    if given and attempts.failed(peer, who):
        log.warning("token_guessing_slowed", extra={"caller": who, "peer": peer})
    REFUSED.labels("token").inc()
    return problem(
        401,
        "This address is internal. Send one of the tokens of CONNECTOR_API_TOKEN as `Authorization: Bearer …`.",
        kind="token-needed",
        headers={"WWW-Authenticate": 'Bearer realm="twitter-connector"'},
    )


def _sent_by_a_foreign_page() -> bool:
    """Return True for a form that a foreign web page posts from a browser inside the network.

    Browsers send a preflight request before JSON or other methods, and we never grant one.
    """
    return "Origin" in request.headers and request.method == "POST" and request.mimetype in _UNASKED_TYPES


def has_token(authorization: str, tokens: Sequence[str]) -> bool:
    """Return True if the header carries one of the tokens, as Bearer or as the password of Basic.

    CCM can keep a secret only in a URL, and such a URL arrives as Basic. Compares in constant time for each token.
    """
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    given = value.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
    return any(matches)
