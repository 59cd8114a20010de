"""The lists of an account's own messages: one answers all conversations that wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from twitter_connector.delivery.sent_lookup import BETWEEN_CLOSE, SentLookups
from twitter_connector.errors import Retryable

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class X:
    """Notes since when messages were listed."""

    def __init__(self) -> None:
        self.listed: list[datetime] = []

    def sent_since(self, since: datetime) -> Sequence[str]:
        self.listed.append(since)
        return [f"list {len(self.listed)}"]


@pytest.fixture
def x() -> X:
    return X()


@pytest.fixture
def lookups(x: X) -> SentLookups[str]:
    return SentLookups()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_a_list_begins_early_enough_for_all_who_were_refused_one(lookups: SentLookups[str], x: X) -> None:
    lookups.sent("1", x, NOW - seconds(5), NOW, NOW)
    for earlier in (30, 60, 20):
        with pytest.raises(Retryable) as refused:
            lookups.sent("1", x, NOW - seconds(earlier), NOW + seconds(1), NOW + seconds(1))
        assert refused.value.until == NOW + BETWEEN_CLOSE
    later = NOW + BETWEEN_CLOSE
    for earlier in (20, 60, 30):
        assert lookups.sent("1", x, NOW - seconds(earlier), NOW + seconds(2), later) == ["list 2"]
    assert x.listed == [NOW - seconds(5), NOW - seconds(60)]


def test_a_list_begins_early_for_nobody_who_has_it(lookups: SentLookups[str], x: X) -> None:
    lookups.sent("1", x, NOW, NOW, NOW)
    with pytest.raises(Retryable):
        lookups.sent("1", x, NOW - seconds(60), NOW, NOW)
    for number in (1, 2):
        now = NOW + number * BETWEEN_CLOSE
        lookups.sent("1", x, NOW - seconds(5), now, now)
    assert x.listed[1:] == [NOW - seconds(60), NOW - seconds(5)]


def test_a_list_that_another_conversation_made_a_moment_later_is_used(lookups: SentLookups[str], x: X) -> None:
    lookups.sent("1", x, NOW - seconds(5), NOW, NOW + seconds(0.2))
    assert lookups.sent("1", x, NOW - seconds(5), NOW, NOW + seconds(0.1)) == ["list 1"]


def test_a_list_from_before_the_clock_was_put_back_is_not_used(lookups: SentLookups[str], x: X) -> None:
    lookups.sent("1", x, NOW - seconds(5), NOW, NOW + seconds(30))
    assert lookups.sent("1", x, NOW - seconds(5), NOW, NOW) == ["list 2"]
