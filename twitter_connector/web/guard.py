"""Who may call the internal routes, and how much they may send."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, g, request

from twitter_connector.metrics import REFUSED
from twitter_connector.web.context import services
from twitter_connector.web.errors import problem

INTERNAL_BODY_MAX_BYTES = 64 * 1024

_NETWORKS = [
    ipaddress.ip_network(n)
    # Not `is_private`: that also counts networks for documentation and tests, which are nobody's inside.
    for n in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
]
_ADDRESS = re.compile(
    r'^"?(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+)|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*))(?::\d+)?"?$'
)
_FOR = re.compile(r"^\s*for\s*=\s*(?P<node>.*)$", re.IGNORECASE)

F = TypeVar("F", bound=Callable[..., Any])


def limit_body(most: int) -> None:
    """Have reading the body end with 413 beyond so many bytes, whether or not a length was declared."""
    g.body_limit = most
    request.max_content_length = most


def internal(view: F) -> F:
    """Let only those in whom interface section 4 lets in."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refusal = refuse()
        if refusal is not None:
            return refusal
        if "body_limit" not in g:
            limit_body(INTERNAL_BODY_MAX_BYTES)
        return view(*args, **kwargs)

    return cast(F, guarded)


def refuse() -> Response | None:
    """Return the answer that refuses the present request, or None when it may pass."""
    tokens = services().settings.api_tokens
    if tokens:
        if has_token(request.headers.get("Authorization", ""), tokens):
            return None
        REFUSED.labels("token").inc()
        return problem(
            401,
            "This address is internal. Send one of the tokens of CONNECTOR_API_TOKEN as `Authorization: Bearer …`.",
            kind="token-needed",
            headers={"WWW-Authenticate": 'Bearer realm="twitter-connector"'},
        )
    if is_inside(request.remote_addr, request.headers.getlist("X-Forwarded-For"), request.headers.getlist("Forwarded")):
        return None
    REFUSED.labels("outside").inc()
    return problem(
        403,
        "This address is internal: it answers callers from loopback and private networks only. To call it from "
        "elsewhere, configure CONNECTOR_API_TOKEN and send it as `Authorization: Bearer …`.",
        kind="outside-caller",
    )


def has_token(authorization: str, tokens: Sequence[str]) -> bool:
    """Say whether the header carries one of the tokens: as Bearer, or as the password of Basic, which is how a URL
    with credentials in it (the only place CCM has for a secret) arrives. Constant time per token."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    given = value.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
    return any(matches)


def is_inside(peer: str | None, forwarded_for: Sequence[str], forwarded: Sequence[str]) -> bool:
    """Say whether the peer and everyone a proxy says it speaks for are loopback or private.

    What cannot be read counts as outside. A missing peer address is a unix socket: this machine.
    """
    named = [part for header in forwarded_for for part in header.split(",")]
    for header in forwarded:
        for element in header.split(","):
            nodes = [found["node"] for pair in element.split(";") if (found := _FOR.match(pair))]
            # An element without `for` hides whom it speaks for.
            named.extend(nodes or ["unknown"])
    return all(_private(address) for address in ([peer] if peer else []) + named)


def _private(text: str) -> bool:
    found = _ADDRESS.match(text.strip())
    if not found:
        return False
    try:
        address = ipaddress.ip_address((found["six"] or found["four"] or found["bare"]).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return any(address.version == network.version and address in network for network in _NETWORKS)
