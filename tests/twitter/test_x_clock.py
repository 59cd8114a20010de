"""X's clock, as the Date of its answers shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from twitter_connector.errors import RateLimited
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.net.answers import Answer
from twitter_connector.twitter.http import classify
from twitter_connector.twitter.x_clock import XClock

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def date(at: datetime) -> dict[str, str]:
    return {"date": format_datetime(at, usegmt=True)}


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, timedelta(0)])
def test_it_counts_on_from_the_last_answer_whatever_the_clocks_here_do(ahead: timedelta) -> None:
    here, passed = [NOW + ahead], [100.0]
    clock = XClock(lambda: here[0], lambda: here[0], lambda: passed[0])
    clock.seen(date(NOW))
    assert clock.service_ahead() == ahead
    passed[0] += 60
    here[0] += HOUR
    assert clock() == NOW + 60 * SECOND
    assert clock.service_ahead() == ahead + HOUR - 60 * SECOND


def test_a_difference_of_seconds_is_none() -> None:
    """Moments stay exactly as they are then."""
    clock = XClock(lambda: NOW + 4 * SECOND, steady=lambda: 0.0)
    clock.seen(date(NOW))
    assert clock.service_ahead() == timedelta(0)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}, {"date": ""}])
def test_before_an_answer_it_is_the_earlier_clock_here(headers: dict[str, str]) -> None:
    for service, machine in ((NOW, NOW + HOUR), (NOW + HOUR, NOW)):
        clock = XClock(lambda service=service: service, lambda machine=machine: machine)  # type: ignore[misc]
        clock.seen(headers)
        assert clock() == NOW


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_limit_ends_after_the_time_that_x_means(ahead: timedelta) -> None:
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(epoch_ms(NOW + 90 * SECOND) // 1000)}
    error = classify(Answer(429, headers, b""), NOW + ahead, acts=False, ahead=ahead)
    assert isinstance(error, RateLimited)
    assert error.until == NOW + ahead + 90 * SECOND
