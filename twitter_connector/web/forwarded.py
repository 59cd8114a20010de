"""Whom a request comes from, as far as its peer address and the headers of proxies say. Pure; trusts nobody.

A proxy's word can only ever keep a caller out: what it says is read to find callers from outside, and what cannot
be read counts as one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from twitter_connector.net.addresses import Address, is_internal

# Where some gateways name their caller instead of, or next to, the two headers everybody knows.
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
# RFC 7239, section 4. An unquoted value may hold what should have been quoted: an address with a port.
_PAIR = re.compile(
    r"[ \t]*(?:(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^",;\s]*)))?[ \t]*(?P<end>[,;]|$)'
)
# RFC 7239, section 6: the port may be a number or an obfuscated word; neither changes whose address it is.
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<four>[0-9.]+))(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?")
# RFC 6874, section 2: what a zone may be named. Python takes anything for one, a second address included.
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")


def is_inside(peer: str | None, forwarded_for: Sequence[str], forwarded: Sequence[str]) -> bool:
    """Say whether the peer and everyone a proxy says it speaks for are loopback or private.

    forwarded_for: values of `X-Forwarded-For` and of headers like it. forwarded: values of `Forwarded` (RFC 7239).
    A missing peer address is a unix socket: this machine.
    """
    named = [part for header in forwarded_for for part in header.split(",")]
    for header in forwarded:
        named.extend(_nodes(header))
    return all(_private(text) for text in ([peer] if peer else []) + named)


def caller(peer: str | None, forwarded_for: Sequence[str]) -> str:
    """Return a name to count a caller's attempts under.

    The peer; but where that is inside, and so may be a gateway, the address it appended last, which its caller
    cannot choose. An IPv6 network of 64 bits is one caller, since one machine can have all of its addresses.
    """
    address = _address(peer or "")
    if forwarded_for and (address is None or is_internal(address)):
        address = _address(forwarded_for[-1].rpartition(",")[2].strip()) or address
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address) if address else "unix socket"


def _nodes(header: str) -> Iterator[str]:
    """Yield the `for` of every element; an element without one hides whom it speaks for, and so does an odd one."""
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
    """Read an address as peers and proxies write it: with brackets, a zone, a port, or an IPv4 one mapped."""
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((found["six"] or found["four"] or "") if found else text)
    except ValueError:
        return None
    zone = getattr(address, "scope_id", None)
    if zone is not None and not _ZONE.fullmatch(zone):
        return None
    mapped: ipaddress.IPv4Address | None = getattr(address, "ipv4_mapped", None)
    return mapped or address
