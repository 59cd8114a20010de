"""Which network addresses and host names are public, private or this machine's own. Pure; the only answer to that
question in the project."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Some tables call parts of these global, but no public web server has such an address.
_NOT_PUBLIC_6 = (
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, withdrawn
    # Local translation (RFC 8215): only that network knows where in it the IPv4 address is.
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
    # Azure answers its own virtual machines here; the address is public by its number only:
    # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    ipaddress.IPv4Network("168.63.129.16/32"),
)
# Networks whose callers count as internal. Not `is_private`: that includes networks for documentation and tests.
_INTERNAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
# The last part of host names that only a private network resolves.
_INTERNAL_NAMES = {"localhost", "local", "internal", "lan", "home", "intranet", "svc", "cluster", "corp"}


def is_public(address: str) -> bool:
    """Return True if a literal address belongs to the public internet; False for anything that is no address.

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


def is_public_host(host: str) -> bool:
    """Return True if a host name or literal address can belong to the public internet, as far as its text tells."""
    host = host.rstrip(".")
    if plain(host.strip("[]")) is not None:
        return is_public(host.strip("[]"))
    return "." in host and host.rpartition(".")[2].lower() not in _INTERNAL_NAMES


def is_loopback(host: str) -> bool:
    """Return True if a host name or literal address, with or without brackets, is this machine itself."""
    if host.lower() == "localhost":
        return True
    parsed = plain(host.strip("[]"))
    return parsed is not None and parsed.is_loopback


def is_internal(address: Address) -> bool:
    """Return True if an address is loopback, link-local or of a private network."""
    return any(address.version == network.version and address in network for network in _INTERNAL)


def plain(address: str) -> Address | None:
    """Return a literal address, or None if it is none. An IPv4 address inside an IPv6 one is returned as IPv4."""
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
