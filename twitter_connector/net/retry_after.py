"""Reads the Retry-After header: when the other side accepts the next request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# An overloaded server is asked again after this long, even if its header names a later moment.
LONGEST_RETRY_AFTER = timedelta(minutes=15)
_DIGITS_MAX = 9


def retry_after(headers: Mapping[str, str], now: datetime, longest: timedelta = LONGEST_RETRY_AFTER) -> datetime | None:
    """Return the moment the header names, at most `longest` from now; None if it is missing or malformed.

    headers: with names in lower case. The header holds seconds or an HTTP date.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        seconds = int(value) if len(value) <= _DIGITS_MAX else 10**_DIGITS_MAX
        return now + min(timedelta(seconds=seconds), longest)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    if at.tzinfo is None:
        # "-0000" means UTC too, and so does a date of one of the old forms.
        at = at.replace(tzinfo=UTC)
    return min(max(at, now), now + longest)
