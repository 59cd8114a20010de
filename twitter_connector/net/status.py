"""Classifies HTTP statuses. Each client turns the class into its own error."""

from __future__ import annotations

from enum import Enum


class Meaning(Enum):
    """The classes of HTTP statuses."""

    SUCCESS = "success"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    """401 or 403: the caller may not do this. Nothing is said about the message."""
    GONE = "gone"
    """404 or 410: nothing is at this address, or not any more."""
    TOO_LARGE = "too_large"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    """5xx, and the two statuses that say that the request was not processed. It may work later."""
    REFUSED = "refused"
    """Any other 4xx: the request will be refused again."""


_MEANINGS = {
    401: Meaning.UNAUTHORIZED,
    403: Meaning.UNAUTHORIZED,
    404: Meaning.GONE,
    408: Meaning.UNAVAILABLE,
    410: Meaning.GONE,
    413: Meaning.TOO_LARGE,
    # X's own number for a limit, from before 429 existed.
    420: Meaning.LIMITED,
    425: Meaning.UNAVAILABLE,
    429: Meaning.LIMITED,
}


def meaning_of(status: int) -> Meaning:
    """Return the meaning of an HTTP status. https://www.rfc-editor.org/rfc/rfc9110#section-15"""
    if status >= 500:
        return Meaning.UNAVAILABLE
    if status >= 400:
        return _MEANINGS.get(status, Meaning.REFUSED)
    return Meaning.SUCCESS if 200 <= status < 300 else Meaning.REDIRECT
