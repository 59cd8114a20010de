"""The file engine: names, sizes, types, and nothing outside its folder."""

import pytest
import requests
from sandbox_process import Sandbox

pytestmark = pytest.mark.integration


def upload(sandbox: Sandbox, name: str, content: bytes, tag: str | None = "83120") -> requests.Response:
    return sandbox.http.post(
        f"{sandbox.url}/file-engine/api/uploadFileStream",
        files={"file": (name, content, "application/octet-stream")},
        data={"conversationId": tag} if tag else None,
        timeout=10,
    )


def ask(sandbox: Sandbox, call: str, name: str) -> requests.Response:
    return sandbox.http.get(f"{sandbox.url}/file-engine/api/{call}", params={"filename": name}, timeout=10)


def test_a_file_comes_back_under_the_name_it_was_given(sandbox: Sandbox) -> None:
    content = bytes(range(256)) * 5000
    answer = upload(sandbox, "photo 1.jpg", content)
    assert answer.status_code == 200
    stored = answer.json()
    assert stored["message"] == "File uploaded successfully"
    assert (stored["name"], stored["type"], stored["size"]) == ("83120_photo 1.jpg", "image/jpeg", len(content))
    got = ask(sandbox, "downloadFileStream", stored["name"])
    assert (got.content, got.headers["content-type"]) == (content, "image/jpeg")
    assert ask(sandbox, "getFileStat", stored["name"]).json()["size"] == len(content)
    assert upload(sandbox, "photo 1.jpg", b"new").json()["size"] == 3
    assert ask(sandbox, "downloadFileStream", stored["name"]).content == b"new"


def test_a_file_beyond_the_limit_is_refused(sandbox: Sandbox) -> None:
    sandbox.post("settings", max_file_bytes=1000)
    assert upload(sandbox, "a.txt", b"x" * 1000).status_code == 200
    assert upload(sandbox, "b.txt", b"x" * 1001).status_code == 413
    assert ask(sandbox, "getFileStat", "83120_b.txt").status_code == 404


@pytest.mark.parametrize("name", ["a.exe", "a.tar.gz", "noending", "weird$.png", "a.mov"])
def test_names_and_types_the_file_engine_does_not_take(sandbox: Sandbox, name: str) -> None:
    answer = upload(sandbox, name, b"x")
    assert answer.status_code == 500
    assert answer.json() == {"message": "An error occurred while uploading file."}


def test_nothing_outside_the_folder_is_reached(sandbox: Sandbox) -> None:
    upload(sandbox, "a.txt", b"x", tag="1")
    assert upload(sandbox, "a.txt", b"x", tag="../../1").status_code == 500
    for name in ("../state.sqlite3", "/etc/hostname", "..", ".", "", "1_a.txt.about", "%2e%2e/state.sqlite3"):
        assert ask(sandbox, "downloadFileStream", name).status_code == 404
        assert ask(sandbox, "getFileStat", name).status_code == 404
