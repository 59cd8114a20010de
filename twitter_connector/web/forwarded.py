"""Finds out who sent a request, from its peer address and the headers of proxies. Pure.

Proxy headers can only keep a caller out: they are read to find external callers, and a value that cannot be read counts
as external.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from twitter_connector.net.addresses import Address, is_internal

# Other headers in which gateways name their caller.
ALSO_NAMING = (
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Envoy-External-Address",
    "X-Azure-ClientIP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
)
# RFC 7239, section 4. Some proxies leave an address with a port unquoted.
_PAIR = re.compile(
    r"[ \t]*(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^",;\s]*)))?[ \t]*(?P<end>[,;]|$)'
)
# RFC 7239, section 6: the port may be a number or an obfuscated word. It does not change the address.
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?")
# RFC 6874, section 2: the characters of a zone. Python accepts any, even a second address.
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")


def is_inside(peer: str | None, forwarded_for: Sequence[str], forwarded: Sequence[str]) -> bool:
    """Return True if the peer and every caller named by a proxy are loopback or private.

    forwarded_for: values of `X-Forwarded-For` and similar headers. forwarded: values of `Forwarded` (RFC 7239).
    A missing peer address means a unix socket, so this machine.
    """
    named = [part for header in forwarded_for for part in header.split(",")]
    for header in forwarded:
        named.extend(_nodes(header))
    return all(_private(text) for text in ([peer] if peer else []) + named)


def is_on_this_machine(peer: str | None, forwarded_for: Sequence[str], forwarded: Sequence[str], host: str) -> bool:
    """Return True if the peer and every caller named by a proxy are this machine, by a name that is this machine's.

    host: the Host header. A foreign name there means that a foreign page had its own name lead to this machine.
    """
    named = [part for header in forwarded_for for part in header.split(",")]
    for header in forwarded:
        named.extend(_nodes(header))
    addresses = [_address(text.strip(" \t")) for text in ([peer] if peer else []) + named]
    name = re.sub(r":\d+$", "", host).strip("[]").lower()
    target = _address(name)
    return all(a is not None and a.is_loopback for a in addresses) and (
        name == "localhost" or (target is not None and target.is_loopback)
    )


def caller(peer: str | None, forwarded_for: Sequence[str]) -> str:
    """Return the name under which a caller's attempts are counted.

    This is the peer. An internal peer may be a gateway: then it is the address that the peer appended last, because
    the caller cannot choose that one. An IPv6 /64 network is one caller: one machine can have all its addresses.
    """
    address = _address(peer or "")
    if forwarded_for and (address is None or is_internal(address)):
        address = _address(forwarded_for[-1].rpartition(",")[2].strip()) or address
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address) if address else "unix socket"


def _nodes(header: str) -> Iterator[str]:
    """Yield the `for` value of every element, and "unknown" for an element without one or one that is malformed."""
    position, spoken_for = 0, False
    while True:
        pair = _PAIR.match(header, position)
        if pair is None:
            yield "unknown"
            return
        if (pair["name"] or "").lower() == "for":
            spoken_for = True
            quoted = pair["quoted"]
            yield re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair["token"]
        if pair["end"] != ";":
            if not spoken_for:
                yield "unknown"
            if not pair["end"]:
                return
            spoken_for = False
        position = pair.end()


def _private(text: str) -> bool:
    address = _address(text.strip(" \t"))
    return address is not None and is_internal(address)


def _address(text: str) -> Address | None:
    """Return the address in a text, or None. Accepts brackets, a zone, a port, and an IPv4 address mapped to IPv6."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((match["six"] or match["four"] or "") if match else text)
    except ValueError:
        return None
    zone = getattr(address, "scope_id", None)
    if zone is not None and not _ZONE.fullmatch(zone):
        return None
    mapped: ipaddress.IPv4Address | None = getattr(address, "ipv4_mapped", None)
    return mapped or address
