"""Which flavour of X's API serves an account, and which one reads a stored event."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.brokers import settings_in
from twitter_connector.errors import Permanent
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.event import DM, DmReceived
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.flavours import Flavours

ACCOUNT = Account("222222222", Credentials("key", "secret", "token", "token secret"), "")
CREATE = {"target": {"recipient_id": "222222222"}, "sender_id": "111111111", "message_data": {"text": "hi"}}
ENVELOPE = {"for_user_id": "222222222", DM: [{"type": "message_create", "id": "17", "message_create": CREATE}]}


@pytest.fixture
def flavours(tmp_path: Path) -> Flavours:
    return Flavours(HttpClient(trust_env=False), settings_in(tmp_path), lambda: datetime.now(UTC), lambda *_: None)


def of(flavour: str) -> Account:
    return Account(ACCOUNT.id, ACCOUNT.credentials, "", flavour=flavour)


def test_api_v1_1_carries_everything_and_api_v2_text_and_files(flavours: Flavours) -> None:
    everything = ["text", "media", "quick_replies", "buttons", "location", "typing", "read"]
    assert flavours.can(of(V1)).names() == everything
    assert flavours.can(of(V2)).names() == ["text", "media"]


@pytest.mark.parametrize("flavour", [V1, V2])
def test_each_flavour_reads_the_events_that_it_stored(flavours: Flavours, flavour: str) -> None:
    event = flavours.load(ENVELOPE, flavour)
    assert isinstance(event, DmReceived)
    assert (event.account_id, event.customer_id, event.event_id) == ("222222222", "111111111", "17")


def test_an_account_of_a_later_version_is_refused_with_the_next_step(flavours: Flavours) -> None:
    with pytest.raises(Permanent, match="flavour_unknown") as caught:
        flavours.can(of("v3"))
    assert "Update the connector" in caught.value.detail


def test_an_event_of_a_later_version_is_not_read_as_if_it_were_a_known_one(flavours: Flavours) -> None:
    with pytest.raises(Permanent, match="flavour_unknown"):
        flavours.load(ENVELOPE, "v3")
