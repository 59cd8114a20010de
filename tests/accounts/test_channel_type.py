"""CCM's channel type TWITTER: created where it is missing; nothing that CCM answers holds anything up."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from tests.loopback import Loopback, Reply, Seen, loopback
from twitter_connector.accounts.channel_type import ChannelType, ensure_channel_type
from twitter_connector.cim import client as client_module
from twitter_connector.cim.client import CcmClient
from twitter_connector.net.http_client import HttpClient


def ccm_at(server: Loopback) -> CcmClient:
    return CcmClient(HttpClient(trust_env=False), server.url.rstrip("/"), lambda: datetime.now(UTC))


def channel_types(*names: str) -> Reply:
    return Reply(200, json.dumps([{"id": "1", "name": name} for name in names]).encode())


@pytest.mark.parametrize(
    ("listed", "created", "known", "lines", "posts"),
    [
        (channel_types("WEB", "TWITTER"), 201, ChannelType.PRESENT, 0, 0),
        (channel_types("WEB"), 201, ChannelType.CREATED, 1, 1),
        (channel_types(), 200, ChannelType.CREATED, 1, 1),
        (channel_types("WEB"), 409, ChannelType.PRESENT, 1, 1),
        (channel_types("WEB"), 403, ChannelType.MISSING, 1, 1),
        (channel_types("WEB"), 500, ChannelType.MISSING, 1, 1),
        (Reply(401), 201, ChannelType.UNKNOWN, 1, 0),
        (Reply(403), 201, ChannelType.UNKNOWN, 1, 0),
        (Reply(404), 201, ChannelType.UNKNOWN, 1, 0),
        (Reply(409), 201, ChannelType.UNKNOWN, 1, 0),
        (Reply(200, b"<html>"), 201, ChannelType.UNKNOWN, 1, 0),
        (Reply(200, b"{}"), 201, ChannelType.UNKNOWN, 1, 0),
    ],
)
def test_each_answer_of_ccm(
    caplog: pytest.LogCaptureFixture, listed: Reply, created: int, known: ChannelType, lines: int, posts: int
) -> None:
    caplog.set_level(logging.INFO)
    seen: list[Seen] = []

    def answer(request: Seen) -> Reply:
        seen.append(request)
        return listed if request.method == "GET" else Reply(created)

    with loopback() as server:
        server.answer = answer
        assert ensure_channel_type(ccm_at(server)) is known
    assert [r.levelname for r in caplog.records if r.message.startswith("channel_type")] == ["INFO"] * lines
    assert [r.path for r in seen if r.method == "POST"] == ["/channel-types"] * posts


def test_silence_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SECONDS", 0.3)
    with loopback() as server:
        server.answer = lambda _: Reply(200, (chunk for chunk in [b"["]), length=100)
        assert ensure_channel_type(ccm_at(server)) is ChannelType.UNKNOWN
