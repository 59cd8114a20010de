"""Limits that come without a moment at which they end."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes import START
from twitter_connector.delivery.limits import OpenEndedLimits


def test_all_that_are_refused_at_once_get_the_same_answer() -> None:
    open_ended_limits = OpenEndedLimits()
    first = open_ended_limits.until("a", START)
    assert first == START + timedelta(seconds=60)
    assert {open_ended_limits.until("a", START + timedelta(seconds=n)) for n in range(5)} == {first}
    assert open_ended_limits.until("a", first) == first + timedelta(seconds=120)


def test_accounts_know_nothing_of_each_other() -> None:
    open_ended_limits = OpenEndedLimits()
    open_ended_limits.until("a", open_ended_limits.until("a", START))
    assert open_ended_limits.until("b", START) == START + timedelta(seconds=60)
    open_ended_limits.over("b")
    later = START + timedelta(hours=1)
    assert open_ended_limits.until("a", later) == later + timedelta(seconds=240)


def test_a_clock_that_is_put_back_makes_no_pause_longer() -> None:
    open_ended_limits = OpenEndedLimits()
    open_ended_limits.until("a", START)
    before = START - timedelta(days=1)
    assert open_ended_limits.until("a", before) == before + timedelta(seconds=60)
