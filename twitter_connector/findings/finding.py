"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One part that was checked. detail: what was seen. advice: what a person has to do; "" if nobody has to act."""

    what: str
    ok: bool
    detail: str
    advice: str = ""


def age(seconds: float) -> str:
    """Return a length of time in words: "40 s", "12 min", "3 h" or "2 days"."""
    for size, most, word in ((86400, 2 * 86400, "days"), (3600, 2 * 3600, "h"), (60, 120, "min")):
        if seconds >= most:
            return f"{int(seconds // size)} {word}"
    return f"{max(0, int(seconds))} s"
