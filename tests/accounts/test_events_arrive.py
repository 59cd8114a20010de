"""When the connector may count on X's events of an account, its own messages included."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fake_deliveries import account
from tests.fakes import START
from twitter_connector.accounts.events_arrive import ECHOES, STATUS_VALID, STREAM_ALIVE, STREAM_ALIVE_AT, events_arrive
from twitter_connector.model.account import POLL, STREAM, V2, XAA, Account
from twitter_connector.model.timestamps import epoch_ms

ACCOUNT = account()
LATELY = epoch_ms(START - timedelta(minutes=1))
LONG_AGO = epoch_ms(START - STATUS_VALID)


@pytest.mark.parametrize("sign", ["last_event_at", "last_crc_at", "checked_at"])
def test_any_sign_of_the_webhook_counts_for_half_an_hour(sign: str) -> None:
    assert events_arrive(ACCOUNT, {sign: LATELY}, START)
    assert not events_arrive(ACCOUNT, {sign: LONG_AGO}, START)


def test_a_registration_counts_as_one() -> None:
    assert events_arrive(replace(ACCOUNT, registered_at=START), {}, START + timedelta(minutes=1))
    assert not events_arrive(ACCOUNT, {}, START)


def by(inbound: str) -> Account:
    """Return an account of API v2 that was registered a minute ago."""
    registered_at = START - timedelta(minutes=1)
    return replace(ACCOUNT, flavour=V2, settings={"inbound": inbound}, registered_at=registered_at)


def test_by_polling_they_come_too_late() -> None:
    assert not events_arrive(by(POLL), {"last_event_at": LATELY, "checked_at": LATELY}, START)


def test_by_stream_they_come_while_x_sends_something() -> None:
    just_now, silent = epoch_ms(START - timedelta(seconds=21)), epoch_ms(START - STREAM_ALIVE)
    assert events_arrive(by(STREAM), {STREAM_ALIVE_AT: just_now}, START)
    assert not events_arrive(by(STREAM), {STREAM_ALIVE_AT: silent, "checked_at": LATELY}, START)
    assert not events_arrive(by(STREAM), {"last_event_at": LATELY}, START)


def test_without_a_subscription_to_them_own_messages_do_not_come() -> None:
    assert events_arrive(by(XAA), {ECHOES: 1}, START)
    assert not events_arrive(by(XAA), {ECHOES: 0}, START)


def test_a_webhook_that_was_found_broken_brings_nothing() -> None:
    assert not events_arrive(ACCOUNT, {"last_event_at": LATELY, "webhook_valid": 0}, START)
    assert not events_arrive(replace(ACCOUNT, attention="Register it again."), {"last_event_at": LATELY}, START)


def test_an_account_without_a_webhook_gets_no_events() -> None:
    sends_only = replace(ACCOUNT, webhook_url="")
    assert sends_only.sends_only
    assert not events_arrive(sends_only, {"last_event_at": LATELY}, START)
