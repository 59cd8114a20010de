"""(error, tries, age, now) -> wait until, pause the account, or bury. Pure: chance comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable

FIRST_WAIT = timedelta(milliseconds=500)
LONGEST_WAIT = timedelta(seconds=60)
# Where Twitter limits us without saying until when. https://docs.x.com/x-api/fundamentals/rate-limits
OPEN_LIMIT_PAUSE = timedelta(seconds=60)
# A failure of our own code is tried again, in case the world was odd for a moment, but not for a day.
OWN_FAULT_TRIES = 4


@dataclass(frozen=True)
class Wait:
    """Leave the message at the head of its lane. spend: it counts as a try."""

    delay: timedelta
    spend: bool


@dataclass(frozen=True)
class Pause:
    """Leave everything of this account where it is until then."""

    until: datetime


@dataclass(frozen=True)
class GiveUp:
    """Give the message up for this reason."""

    error: ConnectorError


def decide(error: Exception, *, tries: int, now: datetime, chance: float) -> Wait | Pause | GiveUp:
    """Return what to do about a failure. tries: how many came before it; chance: from 0 to 1, spreads retries."""
    if isinstance(error, RateLimited):
        until = error.until or now + OPEN_LIMIT_PAUSE
        # Spread over a second, so that the lanes of an account do not all wake in the same instant.
        return Pause(max(until, now) + timedelta(seconds=chance))
    if isinstance(error, Permanent):
        return GiveUp(error)
    if isinstance(error, Retryable):
        if error.until is not None:
            return Wait(max(error.until - now, timedelta()), spend=False)
        return Wait(backoff(tries, chance), spend=True)
    if tries + 1 < OWN_FAULT_TRIES:
        return Wait(backoff(tries, chance), spend=True)
    return GiveUp(
        Permanent(
            "internal_error",
            f"The connector failed on this message ({type(error).__name__}). This is a fault of the connector: "
            "keep the dead letter, report it, and replay it once it is mended.",
            ours=True,
        )
    )


def too_old(accepted_at: datetime, now: datetime, max_age: timedelta) -> Permanent | None:
    """Return the reason to give up a message that has waited longer than it may, or None."""
    if now - accepted_at <= max_age:
        return None
    seconds = round(max_age.total_seconds())
    span = f"{seconds / 3600:g} hours" if seconds % 3600 == 0 else f"{seconds} seconds"
    return Permanent("too_old", f"The message waited longer than {span}, so it was not delivered any more.", ours=True)


def backoff(tries: int, chance: float) -> timedelta:
    """Return a wait that doubles with every try up to a ceiling, of which chance takes up to half away."""
    whole: timedelta = min(FIRST_WAIT * 2 ** min(tries, 20), LONGEST_WAIT)
    return whole * (1 - chance / 2)
