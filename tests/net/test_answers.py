"""What an answer is, apart from its status: a web page instead of the API, a proxy instead of the other side."""

from __future__ import annotations

import socket

import pytest

from tests.loopback import raw_server
from twitter_connector.net.answers import Answer, Meaning, NotSent, meaning_of
from twitter_connector.net.http_client import HttpClient


@pytest.mark.parametrize(
    ("content_type", "body", "is_page"),
    [
        ("text/html; charset=utf-8", b"Sign in", True),
        # Flask and some gateways name that type for an answer without a body, as CCM's 202 is.
        ("text/html; charset=utf-8", b"", False),
        ("TEXT/HTML", b"{}", True),
        ("application/xhtml+xml", b"x", True),
        ("", b"<!DOCTYPE html><html>", True),
        ("", b"\n  <html lang='en'>", True),
        ("application/json", b'{"text": "<html>"}', False),
        ("text/plain", b"\xef\xbb\xbf\r\n<HTML>", True),
        ("text/plain", b"<!-- built on Monday -->\n<!-- by CI -->\n<!doctype html>", True),
        ("application/xml", b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">', True),
        ("application/xml", b'<?xml version="1.0"?><ok/>', False),
        ("", b"<!---->" * 300, False),
        ("", b"", False),
        ("text/plain", b"OK", False),
        ("application/json", b"<htmlish", False),
    ],
)
def test_a_web_page_is_recognised_by_type_or_beginning(content_type: str, body: bytes, is_page: bool) -> None:
    assert Answer(200, {"content-type": content_type}, body).is_web_page is is_page


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ((200, 201, 202, 204, 299), Meaning.SUCCESS),
        ((301, 302, 303, 307, 308, 300, 304), Meaning.REDIRECT),
        ((401, 403), Meaning.UNAUTHORIZED),
        ((404, 410), Meaning.GONE),
        ((413,), Meaning.TOO_LARGE),
        ((420, 429), Meaning.LIMITED),
        ((408, 425, 500, 502, 503, 504, 599), Meaning.UNAVAILABLE),
        ((400, 402, 405, 406, 409, 415, 422, 451), Meaning.REFUSED),
    ],
)
def test_each_status_has_one_meaning(statuses: tuple[int, ...], meaning: Meaning) -> None:
    assert {meaning_of(status) for status in statuses} == {meaning}


@pytest.fixture
def through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return HttpClient()


def refusing(connection: socket.socket) -> None:
    """Read a request's head and refuse it as a proxy does that knows nobody."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_is_named_and_nothing_was_sent(
    through_a_proxy: HttpClient, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with raw_server(refusing) as url:
        port = url.rstrip("/").rpartition(":")[2]
        monkeypatch.setenv(f"{scheme}_proxy", f"http://user:secret-of-the-proxy@127.0.0.1:{port}")
        with pytest.raises(NotSent) as caught:
            through_a_proxy.exchange("POST", f"{scheme}://api.x.example/1.1/x", seconds=3, data=b"x")
    assert str(caught.value) == f"the proxy 127.0.0.1:{port} asks for a user name and password (HTTP 407)"


def test_a_proxy_that_is_not_there_is_named(through_a_proxy: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(NotSent, match=r"^the proxy 127\.0\.0\.1:1 cannot be reached$"):
        through_a_proxy.exchange("GET", "http://api.x.example/", seconds=3)
