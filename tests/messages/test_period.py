"""Moments that a person names for the message log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from twitter_connector.model.period import begin_of, end_of

NOW = datetime(2026, 11, 28, 16, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-27", "2026-11-27T00:00:00", "2026-11-27T23:59:59.999"),
        ("14:05", "2026-11-28T14:05:00", "2026-11-28T14:05:59.999"),
        ("9:05", "2026-11-28T09:05:00", "2026-11-28T09:05:59.999"),
        ("2026-11-28T14:05", "2026-11-28T14:05:00", "2026-11-28T14:05:59.999"),
        ("2026-11-28 14:05:07", "2026-11-28T14:05:07", "2026-11-28T14:05:07.999"),
        ("2026-11-28T14:05:07Z", "2026-11-28T14:05:07", "2026-11-28T14:05:07.999"),
        ("2026-11-28T14:05+01:00", "2026-11-28T13:05:00", "2026-11-28T13:05:59.999"),
        ("2026-11-28T14:05:07.250+00:00", "2026-11-28T14:05:07.250", "2026-11-28T14:05:07.250"),
        ("2h", "2026-11-28T14:30:12", "2026-11-28T14:30:12"),
    ],
)
def test_a_moment_begins_and_ends_as_it_is_written(text: str, begin: str, end: str) -> None:
    assert begin_of(text, NOW) == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert end_of(text, NOW) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01", "9999999d"])
def test_what_is_no_moment_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="2026-11-28T14:05"):
        begin_of(text, NOW)
