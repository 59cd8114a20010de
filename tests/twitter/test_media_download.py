"""Inbound attachments: from where they are fetched, with which signature, and what each answer means."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.loopback import Loopback, Reply, Seen, loopback, raw_server, zeros
from tests.twitter.signatures import CREDENTIALS, signed
from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    MediaTooLarge,
    Permanent,
    RateLimited,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.event import Media, Variant
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.media_download import Downloads, best_variant

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
TON = "/1.1/ton/data/dm/1218168691763924998/1218168684226711552/7WY9gUyS.jpg"
FILM = "/dm_video/1597535491616014338/vid/320x180/reb3.mp4?tag=1"
CEILING = 1_000_000
PICTURE = Reply(200, b"\xff\xd8\xff picture", (("Content-Type", "image/jpeg"),))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        server.answer = lambda _: PICTURE
        yield server


@pytest.fixture
def downloads(server: Loopback) -> Downloads:
    return Downloads(HttpClient(trust_env=False), (server.host,), lambda: NOW)


def fetch(downloads: Downloads, url: str) -> bytes:
    with downloads.open(url, CREDENTIALS, ceiling=CEILING) as incoming:
        return b"".join(incoming.chunks)


def failure(downloads: Downloads, url: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        fetch(downloads, url)
    return caught.value


def test_a_picture_comes_with_its_type_and_announced_size(server: Loopback, downloads: Downloads) -> None:
    with downloads.open(server.url + TON, CREDENTIALS, ceiling=CEILING) as incoming:
        assert (incoming.content_type, incoming.size_bytes) == ("image/jpeg", len(b"\xff\xd8\xff picture"))
        assert b"".join(incoming.chunks) == b"\xff\xd8\xff picture"


@pytest.mark.parametrize("suffix", ["", ":small", ":large"])
def test_pictures_of_messages_are_fetched_with_a_right_signature(
    server: Loopback, downloads: Downloads, suffix: str
) -> None:
    fetch(downloads, server.url + TON + suffix)
    [seen] = server.seen
    assert seen.target == TON + suffix
    assert signed(seen, server.url)


def test_films_are_fetched_without_a_signature(server: Loopback, downloads: Downloads) -> None:
    fetch(downloads, server.url + FILM)
    assert [seen.headers.get("Authorization") for seen in server.seen] == [None]


@pytest.mark.parametrize("status", [401, 403])
def test_a_film_that_is_refused_unsigned_is_asked_for_once_more_with_a_signature(
    server: Loopback, downloads: Downloads, status: int
) -> None:
    server.answer = lambda seen: PICTURE if signed(seen, server.url) else Reply(status)
    assert fetch(downloads, server.url + FILM) == b"\xff\xd8\xff picture"
    assert len(server.seen) == 2
    server.answer = lambda seen: Reply(status)
    error = failure(downloads, server.url + FILM)
    assert (type(error), error.reason) == (Permanent, "media_refused_by_twitter")
    assert len(server.seen) == 4


def test_a_refused_signature_is_not_tried_twice(server: Loopback, downloads: Downloads) -> None:
    server.answer = lambda seen: Reply(401)
    assert failure(downloads, server.url + TON).reason == "media_refused_by_twitter"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/1.1/ton/a.jpg",
        "https://ton.twitter.com.evil.example/a.jpg",
        "https://evil.example/ton.twitter.com/a.jpg",
        "https://ton.twitter.com@evil.example/a.jpg",
        "https://user:password@ton.twitter.com/a.jpg",
        "https://evil.example\\@ton.twitter.com/a.jpg",
        "https://ton.twitter.com\\.evil.example/a.jpg",
        "https://ton.twitter.com:8443/a.jpg",
        "https://ton.twitter.com./a.jpg",
        "https://ton.twitter.com%2eevil.example/a.jpg",
        "https://ton.twitter.com\n.evil.example/a.jpg",
        "https://evil.example#@ton.twitter.com/a.jpg",
        "https://evil.example?@ton.twitter.com/a.jpg",
        "https://tön.twitter.com/a.jpg",
        "http://ton.twitter.com/a.jpg",
        "ftp://ton.twitter.com/a.jpg",
        "file:///etc/passwd",
        "//ton.twitter.com/a.jpg",
        "https:///a.jpg",
        "https://127.0.0.1/1.1/ton/a.jpg",
        "",
    ],
)
def test_only_the_media_hosts_of_twitter_are_asked_and_only_over_tls(url: str) -> None:
    class Forbidden(HttpClient):
        def stream(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            raise AssertionError("a request was made")

    downloads = Downloads(Forbidden(), ("ton.twitter.com", "pbs.twimg.com"), lambda: NOW)
    error = failure(downloads, url)
    assert (type(error), error.reason) == (Permanent, "media_host_unknown")
    assert "password" not in str(error)


def test_another_port_of_the_same_machine_is_another_host(server: Loopback, downloads: Downloads) -> None:
    with loopback() as other:
        assert failure(downloads, other.url + TON).reason == "media_host_unknown"
        assert other.seen == []


def test_a_redirect_is_not_followed_and_no_signature_goes_to_its_target(server: Loopback, downloads: Downloads) -> None:
    with loopback() as elsewhere:
        server.answer = lambda _: Reply(302, b"", (("Location", elsewhere.url + "/login"),))
        error = failure(downloads, server.url + TON)
        assert (type(error), error.reason, error.status) == (Permanent, "media_refused_by_twitter", 302)
        assert elsewhere.seen == []


@pytest.mark.parametrize("content_type", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_not_an_attachment(server: Loopback, downloads: Downloads, content_type: str) -> None:
    server.answer = lambda _: Reply(200, b"<html>log in", (("Content-Type", content_type),))
    assert failure(downloads, server.url + TON).reason == "media_refused_by_twitter"


@pytest.mark.parametrize(
    ("status", "family", "reason"),
    [
        (404, Permanent, "media_gone"),
        (410, Permanent, "media_gone"),
        (400, Permanent, "media_refused_by_twitter"),
        (401, Permanent, "media_refused_by_twitter"),
        (403, Permanent, "media_refused_by_twitter"),
        (204, Permanent, "media_refused_by_twitter"),
        (301, Permanent, "media_refused_by_twitter"),
        (420, RateLimited, "rate_limited"),
        (429, RateLimited, "rate_limited"),
        (408, ServiceUnavailable, "twitter_unavailable"),
        (500, ServiceUnavailable, "twitter_unavailable"),
        (503, ServiceUnavailable, "twitter_unavailable"),
    ],
)
def test_each_answer_belongs_to_one_family(
    server: Loopback, downloads: Downloads, status: int, family: type[ConnectorError], reason: str
) -> None:
    server.answer = lambda _: Reply(status)
    error = failure(downloads, server.url + TON)
    assert (type(error), error.reason, error.status) == (family, reason, status)


@pytest.mark.parametrize("status", [420, 429, 408, 500, 503])
def test_a_limit_or_an_outage_of_the_media_hosts_stops_messages_with_files_only(
    server: Loopback, downloads: Downloads, status: int
) -> None:
    server.answer = lambda _: Reply(status)
    error = failure(downloads, server.url + TON)
    assert (error.scope, error.endpoint) == (Scope.ENDPOINT, Endpoint.DOWNLOAD)


def test_a_file_that_breaks_off_stops_messages_with_files_only(server: Loopback, downloads: Downloads) -> None:
    server.answer = lambda _: Reply(200, zeros(1000), length=2000)
    error = failure(downloads, server.url + TON)
    assert (error.scope, error.endpoint) == (Scope.ENDPOINT, Endpoint.DOWNLOAD)


def test_a_rate_limit_ends_when_twitter_says(server: Loopback, downloads: Downloads) -> None:
    reset = int(NOW.timestamp()) + 90
    server.answer = lambda _: Reply(429, b"", (("x-rate-limit-reset", str(reset)),))
    assert failure(downloads, server.url + TON).until == NOW + timedelta(seconds=90)


def test_a_host_that_is_away_or_silent_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = f"127.0.0.1:{listener.getsockname()[1]}"
    over = threading.Event()
    with raw_server(lambda connection: over.wait(10)) as silent:
        downloads = Downloads(HttpClient(trust_env=False), (gone, silent), lambda: NOW, seconds=0.5)
        started = time.monotonic()
        for host in (gone, silent):
            error = failure(downloads, f"http://{host}{TON}")
            assert (type(error), error.reason) == (ServiceUnavailable, "twitter_media_unreachable")
        assert time.monotonic() - started < 5
        over.set()


def test_the_deadline_covers_the_whole_file(server: Loopback) -> None:
    server.answer = lambda _: Reply(200, zeros(5_000_000), length=5_000_000, pause=lambda: time.sleep(0.1))
    downloads = Downloads(HttpClient(trust_env=False), (server.host,), lambda: NOW, seconds=1)
    started = time.monotonic()
    with (
        downloads.open(server.url + FILM, CREDENTIALS, ceiling=CEILING * 10) as incoming,
        pytest.raises(ServiceUnavailable, match="in time"),
    ):
        list(incoming.chunks)
    assert 0.9 < time.monotonic() - started < 3


def test_a_file_that_breaks_off_is_fetched_again_later(server: Loopback, downloads: Downloads) -> None:
    server.answer = lambda _: Reply(200, zeros(1000), length=2000)
    error = failure(downloads, server.url + TON)
    assert (type(error), error.reason) == (ServiceUnavailable, "twitter_no_answer")


@pytest.mark.parametrize("announced", [None, 10])
def test_the_ceiling_counts_bytes_and_not_what_is_announced(
    server: Loopback, downloads: Downloads, announced: int | None
) -> None:
    server.answer = lambda _: Reply(200, zeros(CEILING))
    assert len(fetch(downloads, server.url + FILM)) == CEILING
    server.answer = lambda _: Reply(200, zeros(CEILING + 1))
    error = failure(downloads, server.url + FILM)
    assert isinstance(error, MediaTooLarge)
    assert "1,000,000 bytes" in error.detail


def film(*bitrates: int | None, duration_ms: int | None = 10_000) -> Media:
    variants = [Variant(f"https://video.twimg.com/{rate}.mp4", "video/mp4", rate) for rate in bitrates]
    variants.insert(1, Variant("https://video.twimg.com/a.m3u8", "application/x-mpegURL"))
    variants.append(Variant("https://video.twimg.com/a.mpd", "application/dash+xml"))
    return Media("1", "video", "https://pbs.twimg.com/preview.jpg", variants=tuple(variants), duration_ms=duration_ms)


def rates(media: Media, ceiling: int) -> list[int | None]:
    return [variant.bitrate for variant in best_variant(media, ceiling)]


def test_the_best_film_comes_first_and_playlists_never() -> None:
    # In Twitter's order, which is none.
    media = film(256_000, 2_176_000, 832_000, duration_ms=18_087)
    found = best_variant(media, 25 * 1024 * 1024)
    assert [variant.bitrate for variant in found] == [2_176_000, 832_000, 256_000]
    assert {variant.content_type for variant in found} == {"video/mp4"}


def test_a_film_is_hopeless_only_when_clearly_larger_than_the_ceiling() -> None:
    # Ten seconds of 800,000 bit/s are a million bytes by the label.
    assert rates(film(800_000, 1_600_000, 1_600_001), 1_000_000) == [1_600_000, 800_000]
    assert rates(film(800_000, 1_600_001, duration_ms=None), 1_000_000) == [1_600_001, 800_000]


def test_the_smallest_film_is_tried_even_where_all_look_hopeless() -> None:
    assert rates(film(900_000_000, 800_000_000), 1000) == [800_000_000]


def test_a_gif_and_a_photo_have_one_address_and_a_playlist_alone_has_none() -> None:
    assert rates(film(0, duration_ms=None), 1000) == [0]
    photo = Media("1", "photo", "https://ton.twitter.com/a.jpg")
    assert [v.url for v in best_variant(photo, 1000)] == ["https://ton.twitter.com/a.jpg"]
    assert best_variant(film(), 1000) == []
    assert best_variant(Media("1", "voice", "https://x"), 1000) == []


def test_the_server_sees_what_a_browser_would_send(server: Loopback, downloads: Downloads) -> None:
    seen: list[Seen] = server.seen
    fetch(downloads, server.url + FILM)
    assert seen[0].method == "GET"
    assert seen[0].query == {"tag": "1"}
