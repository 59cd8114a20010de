"""Moments as API v2 writes them."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """Return epoch seconds as `2025-01-15T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def minute(text: str) -> float:
    """Return the epoch seconds of `yyyymmddhhmm` in UTC. Raises ValueError."""
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp()
