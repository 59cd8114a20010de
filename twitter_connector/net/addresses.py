"""Which network addresses belong to the public internet, and which to ourselves or our neighbours. Pure."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Documented as anything but somebody's web server, though some tables call parts of them global.
_NOT_PUBLIC_6 = (
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, withdrawn
    # A network's own translation (RFC 8215): where in it the IPv4 address stands is that network's secret.
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("100::/64"),  # discard-only
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    ipaddress.IPv6Network("2002::/16"),  # 6to4: leads to any IPv4 address
    ipaddress.IPv6Network("3fff::/20"),  # documentation
    ipaddress.IPv6Network("5f00::/16"),  # segment routing
    ipaddress.IPv6Network("fec0::/10"),  # site-local, withdrawn
)
_NOT_PUBLIC_4 = (
    ipaddress.IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays
    # Azure's answers to its own virtual machines, public by its number only:
    # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    ipaddress.IPv4Network("168.63.129.16/32"),
)


def is_public(address: str) -> bool:
    """Say whether a literal address is one of the public internet. False for anything that is no address.

    https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry
    """
    parsed = plain(address)
    if parsed is None or not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if parsed.is_private or parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _NOT_PUBLIC_4)
    return not any(parsed in network for network in _NOT_PUBLIC_6)


def is_loopback(address: str) -> bool:
    """Say whether a literal address is this machine itself."""
    parsed = plain(address)
    return parsed is not None and parsed.is_loopback


def plain(address: str) -> Address | None:
    """Return an address as what it leads to: an IPv4 address inside an IPv6 one counts as itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return parsed.ipv4_mapped
        if parsed in _NAT64:
            return ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return parsed
