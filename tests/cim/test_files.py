"""The file engine: what is stored under which name, what is read, and what each answer means."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from tests.loopback import Loopback, Reply, Seen, loopback, raw_server, zeros
from twitter_connector.cim import files as files_module
from twitter_connector.cim.file_names import clean_name, filename, safe_name
from twitter_connector.cim.files import Files
from twitter_connector.errors import ConnectorError, MediaTooLarge, Permanent, Retryable, ServiceUnavailable
from twitter_connector.model.message import StoredFile
from twitter_connector.net.http_client import HttpClient

ENGINE = "http://ef-cx-file-engine-svc.expertflow.svc:8080"
PUBLIC = "https://cx.example.com/file-engine"
UPLOAD = "/api/uploadFileStream"
DOWNLOAD = "/api/downloadFileStream"


@dataclass(frozen=True)
class Whole:
    file: BinaryIO
    size_bytes: int


def whole(data: bytes) -> Whole:
    return Whole(io.BytesIO(data), len(data))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


def parts(seen: Seen) -> dict[str, EmailMessage]:
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + seen.start)
    assert isinstance(message, EmailMessage)
    return {
        str(part.get_param("name", header="content-disposition")): part
        for part in message.iter_parts()
        if isinstance(part, EmailMessage)
    }


def engine(seen: Seen) -> Reply:
    """Answer an upload as the file engine does."""
    outcome = parts(seen)
    tag = (outcome["conversationId"].get_payload(decode=True) or b"").decode()  # type: ignore[union-attr]
    body = {
        "message": "File uploaded successfully",
        "etag": "0f5c2d7e9a3b41c68d10e2f4a6b8c9d1",
        "name": f"{tag}_{outcome['file'].get_filename()}",
        "type": outcome["file"].get_content_type(),
        "size": 1,
    }
    return Reply(200, json.dumps(body).encode(), (("Content-Type", "application/json"),))


def test_a_file_is_stored_and_linked_under_the_name_the_file_engine_gave_it(server: Loopback) -> None:
    server.answer = engine
    files = Files(HttpClient(trust_env=False), server.url, PUBLIC)
    stored = files.store(whole(b"\xff\xd8\xff picture"), "Urlaub 2024 (1).JPEG", "image/jpeg", tag="5d2f-9a10")
    assert stored == StoredFile(
        "5d2f9a10_Urlaub_2024_1.jpg",
        f"{PUBLIC}/api/downloadFileStream?filename=5d2f9a10_Urlaub_2024_1.jpg",
        "image/jpeg",
        11,
    )
    [seen] = server.seen
    assert (seen.method, seen.target) == ("POST", UPLOAD)
    outcome = parts(seen)
    assert set(outcome) == {"conversationId", "file"}
    assert outcome["file"].get_filename() == "Urlaub_2024_1.jpg"
    assert outcome["file"].get_content_type() == "image/jpeg"
    assert outcome["file"].get_payload(decode=True) == b"\xff\xd8\xff picture"


def test_every_upload_without_a_tag_gets_a_name_of_its_own(server: Loopback) -> None:
    server.answer = engine
    files = Files(HttpClient(trust_env=False), server.url, PUBLIC)
    names = {files.store(whole(b"x"), "photo.jpg", "image/jpeg").name for _ in range(5)}
    assert len(names) == 5


def test_the_same_tag_gives_the_same_name_so_that_a_repeated_try_replaces_its_first(server: Loopback) -> None:
    server.answer = engine
    files = Files(HttpClient(trust_env=False), server.url, PUBLIC)
    names = {files.store(whole(b"x"), "photo.jpg", "image/jpeg", tag="one").name for _ in range(2)}
    assert names == {"one_photo.jpg"}


@responses.activate
def test_a_name_is_quoted_whole_in_the_link_and_in_the_request() -> None:
    name = "a&b=c#d ü+100%.jpg"
    responses.post(ENGINE + UPLOAD, json={"name": name})
    responses.get(ENGINE + DOWNLOAD, body=b"bytes", match=[responses.matchers.query_param_matcher({"filename": name})])
    files = Files(HttpClient(), ENGINE, PUBLIC)
    stored = files.store(whole(b"x"), "a.jpg", "image/jpeg")
    assert parse_qs(urlsplit(stored.url).query) == {"filename": [name]}
    assert Files.filename(stored.url) == name
    with files.read(name, ceiling=10) as incoming:
        assert b"".join(incoming.chunks) == b"bytes"


@responses.activate
def test_without_a_public_address_links_lead_to_the_file_engine_itself() -> None:
    responses.post(ENGINE + UPLOAD, json={"name": "1_a.jpg"})
    stored = Files(HttpClient(), ENGINE, None).store(whole(b"x"), "a.jpg", "image/jpeg")
    assert stored.url == f"{ENGINE}/api/downloadFileStream?filename=1_a.jpg"


def test_a_file_is_read_by_its_name_with_its_type(server: Loopback) -> None:
    server.answer = lambda _: Reply(200, b"GIF89a", (("Content-Type", "image/gif"),))
    with Files(HttpClient(trust_env=False), server.url).read("83120_a.gif", ceiling=6) as incoming:
        assert (incoming.content_type, incoming.size_bytes) == ("image/gif", 6)
        assert b"".join(incoming.chunks) == b"GIF89a"
    assert server.seen[0].target == f"{DOWNLOAD}?filename=83120_a.gif"


def test_the_ceiling_counts_bytes(server: Loopback) -> None:
    files = Files(HttpClient(trust_env=False), server.url)
    for size in (100_000, 100_001):
        server.answer = lambda _, size=size: Reply(200, zeros(size))
        with files.read("a.mp4", ceiling=100_000) as incoming:
            if size == 100_000:
                assert sum(map(len, incoming.chunks)) == size
            else:
                with pytest.raises(MediaTooLarge, match="100,000 bytes"):
                    list(incoming.chunks)


def test_a_file_that_breaks_off_is_read_again_later(server: Loopback) -> None:
    server.answer = lambda _: Reply(200, zeros(10), length=20)
    with (
        Files(HttpClient(trust_env=False), server.url).read("a.mp4", ceiling=100) as incoming,
        pytest.raises(ServiceUnavailable),
    ):
        list(incoming.chunks)


STORING: list[tuple[int, type[ConnectorError], str]] = [
    (301, ServiceUnavailable, "file_engine_url_wrong"),
    (400, Permanent, "file_engine_refused"),
    (401, Retryable, "file_engine_refuses_access"),
    (403, Retryable, "file_engine_refuses_access"),
    (404, ServiceUnavailable, "file_engine_url_wrong"),
    (408, ServiceUnavailable, "file_engine_unavailable"),
    (413, MediaTooLarge, "file_engine_too_large"),
    (415, Permanent, "file_engine_refused"),
    (429, ServiceUnavailable, "file_engine_unavailable"),
    (500, ServiceUnavailable, "file_engine_unavailable"),
    (502, ServiceUnavailable, "file_engine_unavailable"),
    (504, ServiceUnavailable, "file_engine_unavailable"),
]
READING = [row for row in STORING if row[0] not in (404, 413)] + [
    (404, Permanent, "file_gone"),
    (410, Permanent, "file_gone"),
    (204, ServiceUnavailable, "file_engine_unavailable"),
]


@pytest.mark.parametrize(("status", "family", "reason"), STORING)
@responses.activate
def test_each_answer_to_an_upload_belongs_to_one_family(status: int, family: type[ConnectorError], reason: str) -> None:
    responses.post(ENGINE + UPLOAD, json={"message": "An error occurred while uploading file."}, status=status)
    with pytest.raises(ConnectorError) as failure:
        Files(HttpClient(), ENGINE).store(whole(b"x"), "a.jpg", "image/jpeg")
    assert (type(failure.value), failure.value.reason, failure.value.status) == (family, reason, status)


@pytest.mark.parametrize(("status", "family", "reason"), READING)
@responses.activate
def test_each_answer_to_a_download_belongs_to_one_family(
    status: int, family: type[ConnectorError], reason: str
) -> None:
    responses.get(ENGINE + DOWNLOAD, status=status)
    with pytest.raises(ConnectorError) as failure, Files(HttpClient(), ENGINE).read("a.jpg", ceiling=10):
        pass
    assert (type(failure.value), failure.value.reason, failure.value.status) == (family, reason, status)


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b'{"name":""}', b'{"name":7}'])
@responses.activate
def test_an_upload_whose_answer_names_no_file_is_not_believed(body: bytes) -> None:
    responses.post(ENGINE + UPLOAD, body=body)
    with pytest.raises(ServiceUnavailable) as failure:
        Files(HttpClient(), ENGINE).store(whole(b"x"), "a.jpg", "image/jpeg")
    assert failure.value.reason == "file_engine_odd_answer"
    assert failure.value.ours


@responses.activate
def test_a_sign_in_page_is_not_the_file_engine_and_never_the_file() -> None:
    """With status 200: the file waits for the address to be corrected, and is not taken for a wrong picture."""
    responses.post(ENGINE + UPLOAD, body=b"<!DOCTYPE html><title>Sign in</title>")
    responses.get(ENGINE + DOWNLOAD, body=b"<html>", content_type="text/html")
    for use in (
        lambda: Files(HttpClient(), ENGINE).store(whole(b"x"), "a.jpg", "image/jpeg"),
        lambda: Files(HttpClient(), ENGINE).read("a.jpg", ceiling=10).__enter__(),
    ):
        with pytest.raises(ServiceUnavailable) as failure:
            use()
        assert (failure.value.reason, failure.value.ours) == ("file_engine_url_wrong", True)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "application/octet-stream", b"<!DOCTYPE html><title>Sign in</title>"),
        (200, "image/png", b"\xef\xbb\xbf\n<html>"),
        (404, "text/html", b"<html>404 Not Found</html>"),
        (410, "text/html", b"<html>"),
    ],
)
@responses.activate
def test_a_web_page_is_never_the_file_nor_says_that_the_file_is_gone(
    status: int, content_type: str, body: bytes
) -> None:
    responses.get(ENGINE + DOWNLOAD, status=status, body=body, content_type=content_type)
    with (
        pytest.raises(ServiceUnavailable) as failure,
        Files(HttpClient(), ENGINE).read("a.jpg", ceiling=100),
    ):
        pass
    assert (failure.value.reason, failure.value.ours) == ("file_engine_url_wrong", True)


@responses.activate
def test_json_in_place_of_a_file_is_not_a_wrong_picture() -> None:
    responses.get(ENGINE + DOWNLOAD, json={"message": "An error occurred."})
    with pytest.raises(Permanent) as failure, Files(HttpClient(), ENGINE).read("a.jpg", ceiling=100):
        pass
    assert (failure.value.reason, failure.value.ours) == ("file_engine_odd_answer", True)


@responses.activate
def test_the_bytes_of_a_file_come_whole_though_its_beginning_is_looked_at() -> None:
    for body in (b"", b"x", b"y" * 200_000):
        responses.get(ENGINE + DOWNLOAD, body=body, content_type="image/png")
        with Files(HttpClient(), ENGINE).read("a.jpg", ceiling=1_000_000) as incoming:
            assert b"".join(incoming.chunks) == body
        responses.reset()


def test_a_file_engine_that_is_away_or_silent_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "STORE_SECONDS", 0.5)
    monkeypatch.setattr(files_module, "READ_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = f"127.0.0.1:{listener.getsockname()[1]}"
    over = threading.Event()
    with raw_server(lambda connection: over.wait(10)) as silent:
        for host in (gone, silent):
            files = Files(HttpClient(trust_env=False), f"http://{host}")
            with pytest.raises(ServiceUnavailable) as failure:
                files.store(whole(b"x"), "a.jpg", "image/jpeg")
            assert failure.value.reason == "file_engine_unreachable"
            with pytest.raises(ServiceUnavailable), files.read("a.jpg", ceiling=10):
                pass
        over.set()


def test_an_upload_that_is_refused_before_it_was_read_is_still_understood() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with raw_server(handle) as host, pytest.raises(MediaTooLarge):
        Files(HttpClient(trust_env=False), f"http://{host}").store(whole(bytes(20_000_000)), "a.mp4", "video/mp4")


def test_without_a_file_engine_the_setting_is_named() -> None:
    files = Files(HttpClient(), None, None)
    with pytest.raises(Permanent, match="FILE_ENGINE_URL") as failure:
        files.store(whole(b"x"), "a.jpg", "image/jpeg")
    assert (failure.value.reason, failure.value.ours) == ("file_engine_missing", True)
    with pytest.raises(Permanent, match="FILE_ENGINE_URL"), files.read("a.jpg", ceiling=10):
        pass


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{PUBLIC}/api/downloadFileStream?filename=83120_photo.jpg", "83120_photo.jpg"),
        ("https://elsewhere.example/x?filename=83120_photo.jpg", "83120_photo.jpg"),
        ("/api/downloadFileStream?filename=a.jpg", "a.jpg"),
        (f"{PUBLIC}?x=1&filename=a%20b.jpg&y=2", "a b.jpg"),
        (f"{PUBLIC}?filename=a+b.jpg", "a b.jpg"),
        (f"{PUBLIC}?filename=%C3%BC.jpg", "ü.jpg"),
        (f"{PUBLIC}?filename=..a..b.jpg", "..a..b.jpg"),
        (f"{PUBLIC}?filename=a.jpg&filename=../b", "a.jpg"),
        ("https://images.example/shoe.jpg", None),
        ("https://images.example/shoe.jpg?filename=", None),
        ("https://images.example/shoe.jpg#filename=a.jpg", None),
        ("", None),
    ],
)
def test_only_the_file_name_of_a_media_url_counts(url: str, name: str | None) -> None:
    assert filename(url) == name


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "...",
        ". .",
        "%20",
        "../a.jpg",
        "..%2Fa.jpg",
        "%2Fetc%2Fpasswd",
        "a%2Fb.jpg",
        "..%5Ca.jpg",
        "%252e%252e%252fa",
        "a%252Fb.jpg",
        "a%255Cb.jpg",
        "a%00.jpg",
        "a%2500.jpg",
        "a%0d%0aX-Header:1",
        "a%7F.jpg",
        "%FF.jpg",
        "a" * 256,
    ],
)
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(Permanent) as failure:
        filename(f"{PUBLIC}/api/downloadFileStream?filename={name}")
    assert failure.value.reason == "media_url_refused"


@given(st.text(max_size=40))
def test_a_name_that_is_let_through_stays_one_name_in_the_folder(name: str) -> None:
    try:
        safe_name(name)
    except Permanent:
        return
    assert not set(name) & {"/", "\\", "\0", "\r", "\n"}
    assert name.strip(". ")
    assert name.encode()


@given(st.text(max_size=80), st.sampled_from(["image/jpeg", "video/mp4", "x/y", ""]))
def test_a_clean_name_is_always_one_the_file_engine_takes(name: str, mime_type: str) -> None:
    clean = clean_name(name, mime_type)
    stem, dot, ending = clean.partition(".")
    assert dot == "."
    assert stem
    assert ending
    assert all(c.isascii() and (c.isalnum() or c in "_-.") for c in clean)
    assert len(clean) <= 70
    assert clean_name(clean, mime_type) == clean


@pytest.mark.parametrize(
    ("name", "mime_type", "clean"),
    [
        ("photo.png", "image/jpeg", "photo.jpg"),
        ("7WY9gUyS.jpg", "image/jpeg", "7WY9gUyS.jpg"),
        ("reb3-U842brZ.mp4", "video/mp4", "reb3-U842brZ.mp4"),
        ("отчёт.pdf", "application/pdf", "file.pdf"),
        ("../../etc/passwd", "image/png", "etc_passwd.png"),
        ("archive.tar.gz", "application/x-unknown", "archive_tar.gz"),
        ("no extension", "", "no_extension.bin"),
        ("odd.ex!t", "", "odd_ex_t.bin"),
        (".jpg", "image/jpeg", "file.jpg"),
        ("", "video/mp4", "file.mp4"),
        ("a" * 200 + ".jpg", "image/jpeg", "a" * 60 + ".jpg"),
    ],
)
def test_names_are_cleaned_and_end_by_what_the_file_is(name: str, mime_type: str, clean: str) -> None:
    assert clean_name(name, mime_type) == clean
