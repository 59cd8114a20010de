"""What X sends us of an account: webhook events and their subscriptions, and what a challenge showed."""

from __future__ import annotations

from dataclasses import dataclass

# The words of `events` in our answers.
DIRECT_MESSAGES, TYPING_INDICATORS, READ_MARKS = "direct_messages", "typing", "read"


@dataclass(frozen=True)
class Subscription:
    """One subscription of X API v2. event: X's name of the event, for example `dm.received`."""

    event: str
    id: str


@dataclass(frozen=True)
class Subscriptions:
    """The subscriptions of an account at X.

    active: whether customers' messages come; None where the flavour needs no subscription. new: whether this call made
    one. events: which kinds come. items: one by one, where X has ids for them. remarks: sentences about optional ones
    that X refused.
    """

    active: bool | None
    new: bool = False
    events: tuple[str, ...] = ()
    items: tuple[Subscription, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChallengeAnswer:
    """How a webhook address answered a challenge of our own.

    right: True if as X wants it, False if X would refuse it, None if this machine cannot tell. seen: what came back, as
    the end of the sentence "From here the address …".
    """

    right: bool | None
    seen: str = ""
