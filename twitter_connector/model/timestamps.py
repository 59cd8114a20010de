"""Moments: epoch milliseconds, and the moment inside an X id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# https://docs.x.com/fundamentals/x-ids: the upper bits of an id are milliseconds since this moment.
SNOWFLAKE_EPOCH_MS = 1288834974657
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """Return the aware UTC moment of epoch milliseconds, exactly (no float on the way)."""
    return _EPOCH + timedelta(milliseconds=ms)


def epoch_ms(at: datetime) -> int:
    """Return whole epoch milliseconds of an aware moment."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def first_id_at(ms: int) -> str:
    """Return the smallest snowflake that could have been made at that epoch millisecond."""
    return str(max(0, ms - SNOWFLAKE_EPOCH_MS) << 22)
