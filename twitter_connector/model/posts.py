"""The public posts of one account at X, as delivery and accounts use them. Made in `twitter/flavours`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from .event import RawEvent
from .plan import SendPost
from .post import OwnPost


class Posts(Protocol):
    """Every method raises an error of one of the families."""

    def send(self, step: SendPost) -> str:
        """Send one post; return its id. Raises OutcomeUnknown if it may have been sent."""

    def describe(self, media_id: str, alt_text: str) -> None:
        """Give an uploaded picture its alternative text."""

    def like(self, post_id: str) -> None: ...
    def unlike(self, post_id: str) -> None: ...
    def hide(self, post_id: str) -> None: ...
    def delete(self, post_id: str) -> None:
        """Delete a post of the account. A post that is gone already is no error."""

    def sent_since(self, since: datetime) -> Sequence[OwnPost]:
        """Return the account's own posts since a moment, newest first."""

    def may_be_long(self) -> bool:
        """Return whether X takes posts of more than 280 characters from the account."""

    def mentions(self, since_id: str) -> Sequence[RawEvent]:
        """Return the posts that mention the account and are newer than `since_id`, newest first."""
