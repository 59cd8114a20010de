"""Moments as people name them: "2026-11-28T14:05", "2026-11-28", "14:05" (today), "2h" (ago). UTC where no zone is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?Z?")
_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


def begin_of(text: str, now: datetime) -> datetime:
    """Return the moment that a text names. Raises ValueError."""
    return _read(text.strip(), now)[0]


def end_of(text: str, now: datetime) -> datetime:
    """Return the last millisecond of the day, the minute or the second that a text names. Raises ValueError."""
    begin, length = _read(text.strip(), now)
    return begin + length - timedelta(milliseconds=1) if length else begin


def _read(text: str, now: datetime) -> tuple[datetime, timedelta]:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}), timedelta()
    if _CLOCK.fullmatch(text):
        text = f"{now.astimezone(UTC):%Y-%m-%d}T{text.zfill(len(text) + (text.index(':') == 1))}"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment. Write 2026-11-28T14:05 (UTC), 2026-11-28, 14:05 for today, or 2h for hours ago."
        ) from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at, _length(text)


def _length(text: str) -> timedelta:
    """Return how long what an ISO text names lasts: a day, a minute or a second; nothing for a fraction of one."""
    if len(text) <= len("2026-11-28"):
        return _DAY
    clock = re.split(r"[T ]", text, maxsplit=1)[1]
    if "." in clock:
        return timedelta()
    return _SECOND if re.match(r"\d{2}:?\d{2}:?\d{2}", clock) and clock.count(":") != 1 else _MINUTE
