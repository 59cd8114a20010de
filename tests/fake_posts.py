"""One account's public posts at a fake X."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tests.fakes import FakeClock
from twitter_connector.model.event import RawEvent
from twitter_connector.model.plan import SendPost
from twitter_connector.model.post import OwnPost
from twitter_connector.model.timestamps import epoch_ms


class FakePosts:
    """`failures` fail before anything is published, `swallowed` after it was. hidden: the timeline shows nothing."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.published: list[OwnPost] = []
        self.steps: list[SendPost] = []
        self.acts: list[tuple[str, str]] = []
        self.described: list[tuple[str, str]] = []
        self.failures: list[Exception] = []
        self.swallowed: list[Exception] = []
        self.look_failures: list[Exception] = []
        self.hidden = False
        self.long = False
        self.mentioned: list[RawEvent] = []
        self.asked_since: list[str] = []

    def send(self, step: SendPost) -> str:
        if self.failures:
            raise self.failures.pop(0)
        post_id = str(1_900_000_000_000_000_000 + len(self.published))
        self.published.append(OwnPost(post_id, self._clock.ms, step.in_reply_to, "@ada " + step.text))
        self.steps.append(step)
        if self.swallowed:
            raise self.swallowed.pop(0)
        return post_id

    def describe(self, media_id: str, alt_text: str) -> None:
        self.described.append((media_id, alt_text))

    def like(self, post_id: str) -> None:
        self._act("like", post_id)

    def unlike(self, post_id: str) -> None:
        self._act("unlike", post_id)

    def hide(self, post_id: str) -> None:
        self._act("hide", post_id)

    def delete(self, post_id: str) -> None:
        self._act("delete", post_id)

    def sent_since(self, since: datetime) -> Sequence[OwnPost]:
        if self.look_failures:
            raise self.look_failures.pop(0)
        shown = [] if self.hidden else self.published
        return [replace(post) for post in reversed(shown) if post.created_ms >= epoch_ms(since)]

    def may_be_long(self) -> bool:
        return self.long

    def mentions(self, since_id: str) -> Sequence[RawEvent]:
        """Return the mentions that are newer, newest first."""
        self.asked_since.append(since_id)
        if self.look_failures:
            raise self.look_failures.pop(0)
        return [event for event in reversed(self.mentioned) if int(event.id) > int(since_id)]

    def _act(self, act: str, post_id: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.acts.append((act, post_id))
