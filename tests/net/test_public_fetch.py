"""The guarded fetcher: where it goes, where it does not, and what it says."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import self_signed
from tests.loopback import Loopback, Reply, loopback, raw_server, zeros
from tests.media.files import JPEG
from twitter_connector.errors import ConnectorError, MediaTooLarge, Permanent, ServiceUnavailable
from twitter_connector.net.addresses import is_public
from twitter_connector.net.public_fetch import Fetcher
from twitter_connector.net.public_fetch import resolve as system_resolve

CEILING = 1_000_000
PICTURE = Reply(200, JPEG, (("Content-Type", "image/jpeg"),))

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    # 10.0.0.1 in a translation of the network's own, of which the last four bytes are only padding.
    "64:ff9b:1:a00:0:100:808:808",
    "168.63.129.16",
    "64:ff9b::169.254.169.254",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
    "",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "2606:4700::1111"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [*PUBLIC, "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_what_is_of_the_public_internet_is(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_dress(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address)) == is_public(f"64:ff9b::{address}")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: PICTURE
        yield server


def names(**hosts: str | list[str]) -> Callable[[str, int], list[str]]:
    """Return a resolver that knows these hosts under `.test`, and literals."""

    def resolve(host: str, port: int) -> list[str]:
        found = hosts.get(host.removesuffix(".test"))
        if found is None:
            if host.removesuffix(".test") != host:
                raise socket.gaierror(socket.EAI_NONAME, "no such host")
            return system_resolve(host, port)
        return [found] if isinstance(found, str) else found

    return resolve


def fetch(fetcher: Fetcher, url: str, ceiling: int = CEILING) -> bytes:
    with fetcher.open(url, ceiling=ceiling) as incoming:
        return b"".join(incoming.chunks)


def refusal(fetcher: Fetcher, url: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as failure:
        fetch(fetcher, url)
    return failure.value


def test_a_picture_comes_with_its_type_and_without_credentials_going_out(server: Loopback) -> None:
    with Fetcher(allow_loopback=True).open(f"{server.url}/a%20b.jpg?w=1&x=ü", ceiling=CEILING) as incoming:
        assert (incoming.content_type, incoming.size_bytes) == ("image/jpeg", len(JPEG))
        assert b"".join(incoming.chunks) == JPEG
    [seen] = server.seen
    assert seen.target == "/a%20b.jpg?w=1&x=%C3%BC"
    assert seen.headers["Host"] == server.host
    assert not {"authorization", "cookie", "referer"} & {name.lower() for name in seen.headers}


@pytest.mark.parametrize("address", [a for a in PRIVATE if a and "not" not in a])
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    error = refusal(Fetcher(resolve=names(bot=address)), "http://bot.test/a.jpg")
    assert isinstance(error, Permanent)
    assert error.reason == "media_url_refused"
    assert address not in error.detail


def test_one_private_address_among_public_ones_is_one_too_many() -> None:
    error = refusal(Fetcher(resolve=names(bot=["8.8.8.8", "10.0.0.1"])), "http://bot.test/a.jpg")
    assert error.reason == "media_url_refused"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"]
)
def test_loopback_is_refused_in_every_spelling_unless_it_is_allowed(server: Loopback, host: str) -> None:
    error = refusal(Fetcher(), f"http://{host}:{server.port}/a.jpg")
    assert isinstance(error, Permanent)
    assert server.seen == []


def test_allowing_loopback_allows_nothing_else() -> None:
    for address in ("10.0.0.1", "169.254.169.254", "::ffff:192.168.0.1", "fd00::1"):
        assert refusal(Fetcher(allow_loopback=True, resolve=names(bot=address)), "http://bot.test/").reason == (
            "media_url_refused"
        )


def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_used(server: Loopback) -> None:
    asked: list[str] = []

    def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    fetcher = Fetcher(allow_loopback=True, resolve=changing)
    assert fetch(fetcher, f"http://bot.test:{server.port}/a.jpg") == JPEG
    assert asked == ["bot.test"]
    assert server.seen[0].headers["Host"] == f"bot.test:{server.port}"


def test_another_address_is_tried_where_the_first_does_not_answer(server: Loopback) -> None:
    fetcher = Fetcher(allow_loopback=True, resolve=names(bot=["127.0.0.2", "127.0.0.1"]))
    assert fetch(fetcher, f"http://bot.test:{server.port}/a.jpg") == JPEG


@pytest.mark.parametrize(
    "url",
    [
        "ftp://bot.test/a.jpg",
        "file:///etc/passwd",
        "gopher://bot.test/",
        "javascript:alert(1)",
        "//bot.test/a.jpg",
        "bot.test/a.jpg",
        "",
        "http://",
        "http:///a.jpg",
        "http://user:secret@bot.test/a.jpg",
        "http://bot.test:99999/a.jpg",
        "http://[::1/a.jpg",
        "http://bot test/",
        "https://bot.test/" + "a" * 5000,
    ],
)
def test_an_address_that_is_no_plain_web_address_is_refused(url: str) -> None:
    error = refusal(Fetcher(allow_loopback=True, resolve=names(bot="127.0.0.1")), url)
    assert isinstance(error, Permanent)
    assert "secret" not in str(error)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://127.0.0.1/", "//", "http://["]))
def test_no_text_at_all_is_an_accident(text: str, start: str) -> None:
    fetcher = Fetcher(resolve=lambda host, port: ["127.0.0.1"])
    with pytest.raises(Permanent), fetcher.open(start + text, ceiling=1):
        pass


def chain(server: Loopback, length: int, last: str = "") -> None:
    """Let the server send its caller on from /0 to /length, or from there to another address."""

    def answer(seen: object) -> Reply:
        step = int(server.seen[-1].path.strip("/"))
        if step < length:
            return Reply(302, b"", (("Location", f"/{step + 1}"), ("Set-Cookie", "a=b")))
        return Reply(307, b"", (("Location", last),)) if last else PICTURE

    server.answer = answer


def test_three_redirects_are_followed_and_a_fourth_is_not(server: Loopback) -> None:
    fetcher = Fetcher(allow_loopback=True)
    chain(server, 3)
    assert fetch(fetcher, f"{server.url}/0") == JPEG
    assert all("Cookie" not in seen.headers for seen in server.seen)
    chain(server, 4)
    assert refusal(fetcher, f"{server.url}/0").reason == "media_url_refused"


@pytest.mark.parametrize(
    "last", ["http://inside.test/secret", "http://10.0.0.1/", "http://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_a_redirect_leads_to_no_place_the_address_itself_could_not(server: Loopback, last: str) -> None:
    chain(server, 0, last)
    fetcher = Fetcher(allow_loopback=True, resolve=names(bot="127.0.0.1", inside="192.168.0.5"))
    assert refusal(fetcher, f"http://bot.test:{server.port}/0").reason == "media_url_refused"


def test_the_ceiling_holds_to_the_byte(server: Loopback) -> None:
    fetcher = Fetcher(allow_loopback=True)
    server.answer = lambda _: Reply(200, zeros(CEILING))
    assert len(fetch(fetcher, server.url)) == CEILING
    server.answer = lambda _: Reply(200, zeros(CEILING + 1))
    error = refusal(fetcher, server.url)
    assert isinstance(error, MediaTooLarge)
    assert f"{CEILING:,} bytes" in error.detail


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate"])
def test_a_body_in_an_encoding_that_was_not_asked_for_is_not_taken_for_the_file(
    server: Loopback, encoding: str
) -> None:
    server.answer = lambda _: Reply(200, gzip.compress(JPEG), (("Content-Encoding", encoding),))
    assert refusal(Fetcher(allow_loopback=True), server.url).reason == "media_host_no_answer"
    assert server.seen[0].headers["Accept-Encoding"] == "identity"


def test_the_deadline_counts_for_redirects_and_body_together() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    with raw_server(handle) as host:
        started = time.monotonic()
        error = refusal(Fetcher(allow_loopback=True, seconds=1), f"http://{host}/")
        assert isinstance(error, ServiceUnavailable)
        assert 0.9 < time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (204, Permanent, "media_refused"),
        (304, Permanent, "media_refused"),
        (400, Permanent, "media_refused"),
        (401, Permanent, "media_refused"),
        (403, Permanent, "media_refused"),
        (404, Permanent, "media_gone"),
        (410, Permanent, "media_gone"),
        (408, ServiceUnavailable, "media_host_unavailable"),
        (429, ServiceUnavailable, "media_host_unavailable"),
        (500, ServiceUnavailable, "media_host_unavailable"),
        (503, ServiceUnavailable, "media_host_unavailable"),
    ],
)
def test_each_answer_says_whether_to_come_back(
    server: Loopback, status: int, kind: type[ConnectorError], reason: str
) -> None:
    server.answer = lambda _: Reply(status)
    error = refusal(Fetcher(allow_loopback=True), server.url)
    assert (type(error), error.reason, error.status) == (kind, reason, status)


def test_a_server_that_is_not_there_may_come_back_and_a_name_that_is_not_there_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    fetcher = Fetcher(allow_loopback=True, resolve=names())
    assert isinstance(refusal(fetcher, f"http://127.0.0.1:{port}/"), ServiceUnavailable)
    assert refusal(fetcher, "http://nowhere.test/").reason == "media_host_unknown"

    def failing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    assert isinstance(refusal(Fetcher(resolve=failing), "http://bot.test/"), ServiceUnavailable)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Loopback, str, list[str | None]]]:
    """A server whose certificate is made out to `bot.test`, the file that vouches for it, and the names asked for."""
    public, private = self_signed(tmp_path, "bot.test")
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.sni_callback = lambda connection, name, _: asked.append(name)
    with loopback(context) as server:
        server.answer = lambda _: PICTURE
        yield server, str(public), asked


def test_over_tls_the_certificate_and_the_name_asked_for_are_those_of_the_host(
    tls: tuple[Loopback, str, list[str | None]],
) -> None:
    server, authorities, asked = tls
    fetcher = Fetcher(allow_loopback=True, resolve=names(bot="127.0.0.1", other="127.0.0.1"), authorities=authorities)
    assert fetch(fetcher, f"https://bot.test:{server.port}/a.jpg") == JPEG
    assert asked == ["bot.test"]
    error = refusal(fetcher, f"https://other.test:{server.port}/a.jpg")
    assert isinstance(error, Permanent)
    assert "certificate" in error.detail
    assert len(server.seen) == 1


def test_a_certificate_nobody_vouches_for_is_refused(tls: tuple[Loopback, str, list[str | None]]) -> None:
    server, _, _ = tls
    error = refusal(Fetcher(allow_loopback=True, resolve=names(bot="127.0.0.1")), f"https://bot.test:{server.port}/")
    assert isinstance(error, Permanent)
    assert server.seen == []
