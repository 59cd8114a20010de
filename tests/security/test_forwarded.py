"""Whom the internal routes take for an insider: every form in which an address comes, and every way to hide one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from twitter_connector.web.forwarded import caller, is_inside

INSIDE = ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.7.7", "169.254.1.1"]
INSIDE_SIX = ["::1", "fd00::1", "fc00::", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1", "::ffff:a00:1"]
OUTSIDE = ["8.8.8.8", "172.15.255.255", "172.32.0.1", "192.169.0.1", "11.0.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"]
OUTSIDE_SIX = [
    "2001:4860:4860::8888",
    "::",
    "::ffff:8.8.8.8",
    "::8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
    "ff02::1",
]
GARBAGE = [
    "",
    " ",
    "unknown",
    "_hidden",
    "_SEVKISEK",
    "localhost",
    "10.0.0",
    "10.1",
    "10.0.0.1.",
    "010.0.0.1",
    "0x7f.1",
    "2130706433",
    "127.0.0.1, ",
    "10.0.0.1 8.8.8.8",
    "10.0.0.1%8.8.8.8",
    "10.0.0.1\x00",
    "10.0.0.1\u00a0",
    "١٠.0.0.1",
    "10.0.0.1:99999999",
    "10.0.0.1:80:80",
    "[10.0.0.1]x",
    "[::1",
    "::1]",
    "[]",
    "fe80::1%",
    "fe80::1%;8.8.8.8",
    "fe80::1%eth0 8.8.8.8",
    "::1%[8.8.8.8]",
    '"',
    '"10.0.0.1',
    "10.0.0.256",
]


@pytest.mark.parametrize("peer", [*INSIDE, *INSIDE_SIX])
def test_a_private_peer_is_inside(peer: str) -> None:
    assert is_inside(peer, [], [])


@pytest.mark.parametrize("peer", [*OUTSIDE, *OUTSIDE_SIX, "testclient"])
def test_any_other_peer_is_outside(peer: str) -> None:
    assert not is_inside(peer, [], [])


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_has_no_address_and_is_this_machine(peer: str | None) -> None:
    assert is_inside(peer, [], [])
    assert is_inside(peer, ["10.0.0.1"], [])
    assert not is_inside(peer, ["8.8.8.8"], [])


@pytest.mark.parametrize("address", [*INSIDE, *INSIDE_SIX])
def test_a_forwarded_address_may_have_brackets_and_a_port(address: str) -> None:
    bracketed = f"[{address}]" if ":" in address else address
    for written in (address, bracketed, f"{bracketed}:8080"):
        assert is_inside("10.0.0.1", [written], []), written
        assert is_inside("10.0.0.1", [], [f'for="{written}"']), written


@pytest.mark.parametrize("address", [*OUTSIDE, *OUTSIDE_SIX, *GARBAGE])
def test_one_outside_or_unreadable_address_anywhere_is_enough(address: str) -> None:
    for values in ([address], [f"{address}, 10.0.0.1"], [f"10.0.0.1,{address}"], ["10.0.0.1", address, "10.0.0.2"]):
        assert not is_inside("10.0.0.1", values, []), values
    quoted = address.replace("\\", "\\\\").replace('"', '\\"')
    for value in (f'for="{quoted}"', f'for=10.0.0.1, for="{quoted}"', f'for="{quoted}";proto=https, for=10.0.0.1'):
        assert not is_inside("10.0.0.1", [], [value]), value


@pytest.mark.parametrize(
    "header",
    [
        "for=10.0.0.1",
        "For=10.0.0.1",
        'FOR="10.0.0.1"',
        "for=10.0.0.1;proto=https;by=203.0.113.43",
        'proto=https;for="[fd00::1]:4711"',
        'for="10.0.0.1:_port"',
        "for=10.0.0.1:8080",
        "for=[::1]:80",
        " for=10.0.0.1 , for=192.168.0.1 ",
        'for=10.0.0.1;host="example.com, for=8.8.8.8"',
        r'for="10.0.0\.1"',
        "for=10.0.0.1;for=10.0.0.2",
        "for=10.0.0.1;",
    ],
)
def test_forwarded_is_read_as_its_rfc_says(header: str) -> None:
    assert is_inside("10.0.0.1", [], [header])


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        ";",
        "for",
        "for=",
        'for=""',
        "by=10.0.0.1",
        "proto=https",
        "for=10.0.0.1,",
        "for=10.0.0.1, proto=https",
        "for=unknown",
        'for="_gazonk"',
        "for=10.0.0.1;for=8.8.8.8",
        'for="10.0.0.1, for=8.8.8.8"',
        'for="10.0.0.1',
        'for="10.0.0.1"x',
        'for=10.0.0.1;host="unfinished, for=8.8.8.8',
        "for=10.0.0.1 for=10.0.0.2",
        "for =10.0.0.1 8.8.8.8",
        'x="for=10.0.0.1"',
        "10.0.0.1",
        "for=2001:4860::1",
        "f\u043er=10.0.0.1",
    ],
)
def test_whom_forwarded_hides_is_outside(header: str) -> None:
    assert not is_inside("10.0.0.1", [], [header])


def test_every_header_counts() -> None:
    assert is_inside("10.0.0.1", ["10.0.0.2"], ["for=10.0.0.3"])
    assert not is_inside("10.0.0.1", ["8.8.8.8"], ["for=10.0.0.3"])
    assert not is_inside("10.0.0.1", ["10.0.0.2"], ["for=8.8.8.8"])
    assert not is_inside("8.8.8.8", ["10.0.0.2"], ["for=10.0.0.3"])
    assert not is_inside("10.0.0.1", ["10.0.0.2", "8.8.8.8"], [])


_anything = st.text(max_size=40) | st.sampled_from([*INSIDE, *INSIDE_SIX, *OUTSIDE, *OUTSIDE_SIX, *GARBAGE])
_public = st.ip_addresses().filter(lambda a: not (a.is_private or a.is_loopback or a.is_link_local)).map(str)


@budget(400)
@given(st.lists(_anything, max_size=4), st.lists(_anything, max_size=4), _public, st.integers(0, 4))
def test_whatever_stands_around_it_a_public_address_keeps_its_caller_out(
    before: list[str], after: list[str], public: str, where: int
) -> None:
    bracketed = f"[{public}]" if ":" in public else public
    assert not is_inside("10.0.0.1", [*before[:where], public, *after], [])
    assert not is_inside("10.0.0.1", [", ".join([*before, bracketed, *after])], [])
    assert not is_inside("10.0.0.1", [], [f'for="{bracketed}"', *after])
    assert not is_inside("10.0.0.1", [], [f"proto=https;for={bracketed}, for=10.0.0.1"])


_headers = st.text(st.characters(max_codepoint=255), max_size=120) | st.text(
    st.sampled_from('for=by;,"\\ \t10.0.0.1[]::fd%_:8'), max_size=60
)


@budget(400)
@given(st.none() | _anything, st.lists(_headers, max_size=3), st.lists(_headers, max_size=3))
@example("10.0.0.1", [], ['for="' + "\\" * 5000])
@example("10.0.0.1", [], ["for=" + " " * 8000 + "x"])
@example("10.0.0.1", ["," * 8000], ["," * 8000])
def test_no_header_makes_the_policy_fail_and_whom_it_lets_in_is_named_private(
    peer: str | None, forwarded_for: list[str], forwarded: list[str]
) -> None:
    if is_inside(peer, forwarded_for, forwarded):
        # By another reading than the policy's own: all that looks like an address is private.
        for part in ",".join(forwarded_for).replace(";", ",").split(","):
            try:
                assert ipaddress.ip_address(part.strip()).is_private
            except ValueError:
                continue
    assert isinstance(caller(peer, forwarded_for), str)


def test_a_caller_is_known_by_what_it_cannot_choose() -> None:
    assert caller("8.8.8.8", []) == "8.8.8.8"
    # Straight from the internet: what it claims about itself does not matter.
    assert caller("8.8.8.8", ["1.2.3.4"]) == "8.8.8.8"
    # Through a gateway: the last address is the gateway's own word.
    assert caller("10.0.0.1", ["1.2.3.4, 5.6.7.8"]) == "5.6.7.8"
    assert caller("10.0.0.1", ["nonsense"]) == "10.0.0.1"
    assert caller(None, ["5.6.7.8:4711"]) == "5.6.7.8"
    assert caller(None, []) == "unix socket"
    # One machine has a whole network of IPv6 addresses to itself.
    assert caller("2001:db8:1:2::1", []) == caller("2001:db8:1:2:ffff::9", []) != caller("2001:db8:1:3::1", [])
    assert caller("::ffff:8.8.8.8", []) == "8.8.8.8"
