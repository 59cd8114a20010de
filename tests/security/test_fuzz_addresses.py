"""Addresses from outside: whatever they say, nobody but public servers, Twitter's media hosts and the file engine's
own download path is asked; and every refusal has a name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from tests.web.web_requests import ACCOUNT
from twitter_connector.cim.files import Files
from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.net import public_fetch
from twitter_connector.net.addresses import is_public
from twitter_connector.net.answers import NotSent
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.public_fetch import Fetcher
from twitter_connector.startup import now
from twitter_connector.twitter.media_download import Downloads

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1"]
PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("::1", "::", "fc00::1", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1"),
    *("255.255.255.255", "192.0.0.1", "198.18.0.1", "240.0.0.1", "2002:7f00:1::", "::127.0.0.1", "fec0::1"),
]
_text = st.text(max_size=60)
urls = _text | st.builds(
    "{}{}{}{}".format,
    st.sampled_from(
        ["https://", "http://", "HTTP://", "//", "ftp://", "file:///", "gopher://", "data:,", "", "https:/\\"]
    ),
    st.sampled_from(["", "user@", "user:pw@", "ton.twitter.com@", "\\@", "#@", "?@"]),
    st.sampled_from(["cdn.example", "ton.twitter.com", "127.0.0.1", "[::1]", "0x7f.1", "2130706433", "localhost", "["])
    | st.text(st.sampled_from("abc.:[]%@\\ \t\n/é"), max_size=15),
    st.sampled_from(
        ["", "/a.png", ":99999/", ":22/x", "/..%2f..", "?filename=a.png", "/\r\nHost: x", "/1.1/ton/data/x"]
    ),
)


class Connected(Exception):
    """A connection would have been made."""


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to; the answers are in `answers`."""
    made: list[str] = []

    def pool(address: str, port: int, **_: Any) -> Any:
        made.append(address)
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(public_fetch, "Pool", pool)
    monkeypatch.setattr(public_fetch, "TlsPool", pool)
    return made


def leading_to(monkeypatch: pytest.MonkeyPatch, *locations: str) -> None:
    """Let the servers redirect to these places, one after another, and then hand out nothing."""
    left = list(locations)

    def ask(*_: Any) -> Any:
        location = left.pop(0) if left else None
        headers = {"Location": location} if location is not None else {}
        return SimpleNamespace(status=302 if location is not None else 404, headers=headers, close=lambda: None)

    monkeypatch.setattr(public_fetch, "_ask", ask)


def fetched(url: str, addresses: list[str]) -> None:
    with pytest.raises(ConnectorError), Fetcher(resolve=lambda host, port: addresses).open(url, ceiling=10):
        pass


@budget(300)
@given(urls, st.lists(st.sampled_from(PUBLIC), max_size=2), st.sampled_from(PRIVATE), st.booleans())
@example("http://cdn.example/a", [], "169.254.169.254", True)
def test_a_name_with_any_address_inside_is_not_gone_to(
    connections: list[str], url: str, public: list[str], private: str, first: bool
) -> None:
    fetched(url, [private, *public] if first else [*public, private])
    assert connections == []


@budget(300)
@given(urls, st.lists(urls, max_size=5), st.lists(st.sampled_from(PUBLIC), max_size=3))
@example("http://cdn.example/", ["http://[", "//["], PUBLIC)
@example("http://cdn.example/", ["http://cdn.example:99999/"], PUBLIC)
def test_wherever_a_redirect_leads_only_checked_addresses_are_connected_to(
    connections: list[str], monkeypatch: pytest.MonkeyPatch, url: str, locations: list[str], addresses: list[str]
) -> None:
    connections.clear()
    leading_to(monkeypatch, *locations)
    fetched(url, addresses)
    assert set(connections) <= set(addresses)
    assert len(connections) <= (public_fetch.REDIRECTS_MAX + 1) * public_fetch.ADDRESSES_MAX


@budget(400)
@given(st.ip_addresses().map(str) | st.sampled_from(PRIVATE) | _text)
def test_public_is_what_the_registries_say_and_nothing_that_hides_another_address(address: str) -> None:
    if is_public(address):
        read = ipaddress.ip_address(address)
        assert read.is_global
        assert not read.is_multicast
        inner = getattr(read, "ipv4_mapped", None) or getattr(read, "sixtofour", None)
        assert inner is None or inner.is_global
    assert not any(is_public(private) for private in PRIVATE)


class Recorder(HttpClient):
    """Remembers where a request would have gone, and never sends one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @contextmanager
    def stream(self, method: str, url: str, **_: Any) -> Iterator[Any]:
        self.asked.append(url)
        raise NotSent("this is a test")
        yield


@budget(300)
@given(urls)
@example("https://ton.twitter.com/1.1/ton/data/dm/1/1/x.jpg")
@example("https://ton.twitter.com:443/x")
@example("https://ton.twitter.com.evil.example/x")
def test_what_customers_attach_is_asked_of_twitters_media_hosts_only(url: str) -> None:
    http_client = Recorder()
    downloads = Downloads(http_client, ("ton.twitter.com", "127.0.0.1:8090"), now)
    with pytest.raises(ConnectorError), downloads.open(url, ACCOUNT.credentials, ceiling=10):
        pass
    for asked in http_client.asked:
        parts = urlsplit(asked)
        assert (parts.scheme, parts.netloc.lower()) in {("https", "ton.twitter.com"), ("http", "127.0.0.1:8090")}


@budget(400)
@given(urls | st.builds("https://x.example/f?filename={}".format, _text), _text)
@example("https://x.example/f?filename=..%2F..%2Fetc%2Fpasswd", "../x")
@example("https://x.example/f?filename=a&filename=b", "a\x00b")
@example("https://x.example/f?filename=a%0d%0aHost:%20x", "..")
def test_a_file_name_cannot_leave_the_download_path(url: str, name: str) -> None:
    http_client = Recorder()
    files = Files(http_client, "http://files.example/file-engine")
    for reading in (lambda: files.filename(url), lambda: name):
        with suppress(ConnectorError):
            wanted = reading()
            if wanted is not None:
                with files.read(wanted, ceiling=10):
                    raise AssertionError("nothing can have been read")
    for asked in http_client.asked:
        head, _, tail = asked.partition("?filename=")
        assert head == "http://files.example/file-engine/api/downloadFileStream"
        assert tail
        assert not set(tail) & set("/\\?&# \r\n\x00")
        assert unquote(tail).strip(".")
        assert not set(unquote(tail)) & set("/\\\r\n\x00")


def test_no_file_engine_is_said_by_its_variable() -> None:
    nowhere = Files(cast(HttpClient, Recorder()), None)
    with pytest.raises(Permanent, match="FILE_ENGINE_URL"), nowhere.read("a.png", ceiling=1):
        pass
