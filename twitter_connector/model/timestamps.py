"""Moments: epoch milliseconds, and the moment inside an X id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# The upper bits of an X id are milliseconds since this moment. https://docs.x.com/fundamentals/x-ids
SNOWFLAKE_EPOCH_MS = 1288834974657
# The last millisecond of the year 9999, where datetime ends.
LAST_MS = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """Return the aware UTC moment of epoch milliseconds. Exact: no float is used."""
    return _EPOCH + timedelta(milliseconds=ms)


def epoch_ms(at: datetime) -> int:
    """Return whole epoch milliseconds of an aware moment."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def iso(at: datetime) -> str:
    """Return an aware moment as ISO 8601 text with milliseconds, as every answer of this service shows moments."""
    return at.isoformat(timespec="milliseconds")


def id_ms(snowflake: str) -> int:
    """Return the epoch millisecond inside an X id (snowflake)."""
    return (int(snowflake) >> 22) + SNOWFLAKE_EPOCH_MS


def first_id_at(ms: int) -> str:
    """Return the smallest X id (snowflake) of an epoch millisecond."""
    return str(max(0, ms - SNOWFLAKE_EPOCH_MS) << 22)
