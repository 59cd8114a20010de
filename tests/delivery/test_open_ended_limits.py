"""Limits that come without a moment at which they end."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes import START
from twitter_connector.delivery.open_ended_limits import Untold


def test_all_that_are_refused_at_once_get_the_same_answer() -> None:
    untold = Untold()
    first = untold.until("a", START)
    assert first == START + timedelta(seconds=60)
    assert {untold.until("a", START + timedelta(seconds=n)) for n in range(5)} == {first}
    assert untold.until("a", first) == first + timedelta(seconds=120)


def test_accounts_know_nothing_of_each_other() -> None:
    untold = Untold()
    untold.until("a", untold.until("a", START))
    assert untold.until("b", START) == START + timedelta(seconds=60)
    untold.over("b")
    later = START + timedelta(hours=1)
    assert untold.until("a", later) == later + timedelta(seconds=240)


def test_a_clock_that_is_put_back_makes_no_pause_longer() -> None:
    untold = Untold()
    untold.until("a", START)
    before = START - timedelta(days=1)
    assert untold.until("a", before) == before + timedelta(seconds=60)
