"""Our own challenge of a webhook address: right, wrong, or not to be told from here."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.loopback import Loopback, Reply, Seen, loopback
from twitter_connector.model.account import signature
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter import own_challenge
from twitter_connector.twitter.own_challenge import OwnChallenge

SECRET = "consumer secret"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def challenge() -> OwnChallenge:
    return OwnChallenge(HttpClient(trust_env=False))


def answering(seen: Seen) -> Reply:
    token = signature(SECRET, seen.query["crc_token"].encode())
    return Reply(200, json.dumps({"response_token": token}).encode())


def test_the_right_answer_is_the_signature_of_a_new_token(server: Loopback, challenge: OwnChallenge) -> None:
    server.answer = answering
    for _ in range(2):
        assert challenge(f"{server.url}/webhook/twitter/7", SECRET).right is True
    first, second = server.seen
    assert (first.method, first.path) == ("GET", "/webhook/twitter/7")
    assert first.query["crc_token"] != second.query["crc_token"]


def test_another_apps_signature_is_wrong(server: Loopback, challenge: OwnChallenge) -> None:
    server.answer = answering
    answer = challenge(server.url, "another secret")
    assert (answer.right, answer.seen) == (False, "answered 200, but not as this connector would")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"response_token": 7}'])
def test_a_success_that_is_not_an_answer_is_wrong(server: Loopback, challenge: OwnChallenge, body: bytes) -> None:
    server.answer = lambda seen: Reply(200, body)
    assert challenge(server.url, SECRET).right is False


@pytest.mark.parametrize("status", [301, 401, 403, 404, 500, 502])
def test_another_status_is_wrong_and_named(server: Loopback, challenge: OwnChallenge, status: int) -> None:
    server.answer = lambda seen: Reply(status, headers=(("Location", f"{server.url}/elsewhere"),))
    answer = challenge(server.url, SECRET)
    assert answer.right is False
    assert str(status) in answer.seen
    assert len(server.seen) == 1, "X follows no redirect either"


def test_no_answer_in_the_time_x_gives_is_wrong(
    server: Loopback, challenge: OwnChallenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_challenge, "SECONDS", 0.2)

    def slow(seen: Seen) -> Reply:
        return Reply(200, body=b"x" * 100, length=200)

    server.answer = slow
    assert challenge(server.url, SECRET).right is False


def test_a_host_that_does_not_exist_is_wrong(challenge: OwnChallenge, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    answer = challenge("https://connector.invalid/webhook/twitter/7", SECRET)
    assert answer.right is False
    assert "connector.invalid" in answer.seen


def test_a_machine_that_cannot_reach_its_own_address_cannot_tell(challenge: OwnChallenge) -> None:
    with loopback() as gone:
        url = gone.url
        gone.stop_listening()
    answer = challenge(url, SECRET)
    assert answer.right is None
    assert "cannot be reached" in answer.seen


def test_what_was_seen_quotes_neither_secret_nor_body(server: Loopback, challenge: OwnChallenge) -> None:
    server.answer = lambda seen: Reply(200, b"planted words")
    shown = repr(challenge(server.url, SECRET))
    assert SECRET not in shown
    assert "planted" not in shown
