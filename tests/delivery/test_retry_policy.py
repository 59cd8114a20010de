"""What is decided about a failure: pure, so every corner can be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twitter_connector.delivery.retry_policy import (
    FIRST_WAIT,
    LONGEST_WAIT,
    OPEN_LIMIT_PAUSE,
    OWN_FAULT_TRIES,
    GiveUp,
    Pause,
    Wait,
    backoff,
    decide,
    too_old,
)
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    MediaProcessing,
    MediaTooLarge,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    RecipientRefused,
    Retryable,
    ServiceUnavailable,
    UnsupportedKind,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def decided(error: Exception, tries: int = 0, chance: float = 0.0) -> Wait | Pause | GiveUp:
    return decide(error, tries=tries, now=NOW, chance=chance)


@pytest.mark.parametrize("family", [Permanent, UnsupportedKind, MediaTooLarge, RecipientRefused])
@pytest.mark.parametrize("tries", [0, 1, 1000])
def test_what_will_never_work_is_buried_at_once(family: type[ConnectorError], tries: int) -> None:
    error = family("reason")
    assert decided(error, tries) == GiveUp(error)


@pytest.mark.parametrize("family", [Retryable, ServiceUnavailable, OutcomeUnknown, MediaProcessing])
def test_what_may_work_later_waits_and_spends_a_try(family: type[ConnectorError]) -> None:
    assert decided(family("reason")) == Wait(FIRST_WAIT, spend=True)


@pytest.mark.parametrize("family", [Retryable, ServiceUnavailable, OutcomeUnknown, MediaProcessing])
def test_who_says_when_is_waited_for_without_spending_a_try(family: type[ConnectorError]) -> None:
    later = family("reason", until=NOW + timedelta(seconds=7))
    assert decided(later) == Wait(timedelta(seconds=7), spend=False)
    past = family("reason", until=NOW - timedelta(seconds=7))
    assert decided(past) == Wait(timedelta(), spend=False)


@pytest.mark.parametrize("family", [RateLimited, CredentialsRejected])
def test_a_limit_pauses_the_account(family: type[ConnectorError]) -> None:
    assert decided(family("reason", until=NOW + timedelta(minutes=10))) == Pause(NOW + timedelta(minutes=10))
    assert decided(family("reason")) == Pause(NOW + OPEN_LIMIT_PAUSE)
    assert decided(family("reason", until=NOW - timedelta(minutes=1))) == Pause(NOW)


@given(st.floats(0, 1), st.integers(-3600, 86400))
def test_a_pause_never_ends_early_and_at_most_a_second_late(chance: float, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    decision = decided(RateLimited("reason", until=until), chance=chance)
    assert isinstance(decision, Pause)
    assert max(until, NOW) <= decision.until <= max(until, NOW) + timedelta(seconds=1)


def test_a_fault_of_our_own_is_tried_a_few_times_and_then_buried_without_its_words() -> None:
    error = KeyError("planted words")
    for tries in range(OWN_FAULT_TRIES - 1):
        assert isinstance(decided(error, tries), Wait)
    decision = decided(error, OWN_FAULT_TRIES - 1)
    assert isinstance(decision, GiveUp)
    assert (decision.error.reason, decision.error.ours) == ("internal_error", True)
    assert "KeyError" in decision.error.detail
    assert "planted" not in str(decision.error)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_waits_grow_up_to_a_ceiling_and_chance_takes_at_most_half(tries: int, chance: float) -> None:
    whole = backoff(tries, 0)
    assert FIRST_WAIT <= whole <= LONGEST_WAIT
    assert backoff(tries + 1, 0) >= whole
    # One microsecond for rounding.
    assert whole / 2 - timedelta(microseconds=1) <= backoff(tries, chance) <= whole


def test_the_first_waits_are_short_enough_for_a_hiccup() -> None:
    assert [backoff(n, 0) / timedelta(seconds=1) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("age", "old"), [(timedelta(), False), (timedelta(hours=24), False), (timedelta(hours=24, seconds=1), True)]
)
def test_a_message_is_given_up_when_it_is_older_than_it_may_be(age: timedelta, old: bool) -> None:
    reason = too_old(NOW - age, NOW, timedelta(hours=24))
    assert (reason is not None) == old
    if reason is not None:
        assert reason.reason == "too_old"
        assert "24 hours" in reason.detail
