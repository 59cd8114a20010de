"""Subscriptions of an account, and the result of a challenge."""

from __future__ import annotations

from dataclasses import dataclass

from .account import Remark
from .post import MENTIONS, REPLIES, takes_in

# The words of `events` in our answers.
DIRECT_MESSAGES, TYPING_INDICATORS, READ_MARKS = "direct_messages", "typing", "read"

# X's events of posts that an account chooses; see POSTS. Without them no comments arrive.
CHOSEN_POSTS = ("post.mention.create", "post.reply.create")


@dataclass(frozen=True)
class Subscription:
    """One subscription of X API v2. event: X's name of the event, for example `dm.received`."""

    event: str
    id: str


@dataclass(frozen=True)
class Subscriptions:
    """The subscriptions of an account at X.

    active: True if customers' messages arrive; None if the flavour needs no subscription. new: True if this call
    created one. events: the kinds that arrive. items: each subscription, if X has ids for them. remarks: on the
    optional ones that are not as they should be. own: True if the account's own messages arrive too.
    """

    active: bool | None
    new: bool = False
    events: tuple[str, ...] = ()
    items: tuple[Subscription, ...] = ()
    remarks: tuple[Remark, ...] = ()
    own: bool = True


def posts_of(mode: str) -> tuple[str, ...]:
    """Return the words of `events` for the public posts that an account takes in."""
    return tuple(kind for kind in (MENTIONS, REPLIES) if takes_in(mode, (kind,)))


@dataclass(frozen=True)
class ChallengeAnswer:
    """The response of a webhook address to our own challenge.

    right: True if X would accept it, False if X would refuse it, None if this machine cannot know. seen: the response,
    as the end of the sentence "From here the address …".
    """

    right: bool | None
    seen: str = ""
