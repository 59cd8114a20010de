"""One public post: sent once, below the post that it answers.

Readers cannot unread a post, so an uncertain one is looked for longer than a Direct Message, and it is not sent again
unless X's own timeline shows that it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from twitter_connector.errors import CredentialsRejected, Endpoint, Permanent, RefusedOrDelivered, Scope
from twitter_connector.messages.kinds.comment import post_fingerprint, shown_fingerprint
from twitter_connector.messages.text import holds_link
from twitter_connector.model.plan import MediaRef, SendPost, Upload
from twitter_connector.model.posts import Posts
from twitter_connector.model.usage import POST_SENT, POST_SENT_SUMMONED, POST_SENT_WITH_LINK
from twitter_connector.model.work import COMMENTS

from .ports import SendRecordPort
from .send_step import SendStep
from .sent_lookup import SentDm


@dataclass
class PostStep(SendStep):
    """post: the step as a post, with what it answers. summoned: the customer's post asked for the answer."""

    looks_after: ClassVar[tuple[timedelta, ...]] = (timedelta(seconds=3), timedelta(seconds=12), timedelta(seconds=45))

    posts: Posts = field(kw_only=True)
    post: SendPost = field(kw_only=True)
    summoned: bool = field(kw_only=True)

    @property
    def sent_to(self) -> str:
        """The customer's comments: what the customer read of Direct Messages concerns no post."""
        return self.message.header.customer_id + COMMENTS

    @property
    def usage(self) -> str:
        """What X bills: a post with a link costs most, an answer that its author asked for least."""
        if holds_link(self.post.text):
            return POST_SENT_WITH_LINK
        return POST_SENT_SUMMONED if self.summoned else POST_SENT

    @property
    def digest(self) -> str:
        return post_fingerprint(self.post.text)

    @property
    def echoes_arrive(self) -> bool:
        return False

    def _send(self, media_id: str, sends: int) -> str:
        """Publish the post and return its id. Raises RefusedOrDelivered if X has an equal one after a second send."""
        if media_id and self.post.alt_text:
            with self.tools.endpoints.using(self.account.id, Endpoint.UPLOAD):
                self.posts.describe(media_id, self.post.alt_text)
        try:
            with self.tools.endpoints.using(self.account.id, Endpoint.POST):
                return self.posts.send(replace(self.post, media_id=media_id))
        except Permanent as error:
            if error.reason != "duplicate_post" or sends < 2:
                raise
            # The equal post is most likely the one that was sent before.
            raise RefusedOrDelivered(error.reason, error.detail, endpoint=Endpoint.POST) from error

    def _started(self, begun: SendRecordPort | None) -> dict[str, int]:
        """Return when the first send began: an equal post at X may be that one."""
        if begun is None or not begun.started_ms:
            return super()._started(begun)
        return {"started_ms": begun.started_ms, "started_at_x_ms": begun.started_at_x_ms}

    def _taken_out(self, ref: MediaRef, upload: Upload, keep: Callable[[Upload], None]) -> str:
        return self.tools.media_transfer.take_out(ref, self.account, upload, keep, in_public=True)

    def _echoed(self) -> Sequence[SentDm]:
        return ()

    def _list_after(self, begun: SendRecordPort) -> datetime:
        return self.tools.clock() - self.looks_after[begun.looks] / 2

    def _listed(self, since: datetime, made_after: datetime) -> list[SentDm]:
        """Return the account's answers to the same post. Raises Permanent or CredentialsRejected
        (post_unconfirmed) if X does not list any."""
        now = self.tools.clock()
        try:
            with self.tools.endpoints.using(self.account.id, Endpoint.POST_LIST):
                own = self.tools.post_lookups.sent(self.account.id, self.posts, since, made_after, now)
        except (Permanent, CredentialsRejected) as error:
            family = CredentialsRejected if isinstance(error, CredentialsRejected) else Permanent
            raise family(
                "post_unconfirmed",
                "X did not confirm the post and does not show the account's timeline, so it may be public. Look at it "
                f"in the X app before you send it again. {error.detail}",
                endpoint=Endpoint.POST_LIST,
                scope=Scope.ENDPOINT,
                status=error.status,
                until=error.until,
            ) from error
        below = [post for post in own if post.in_reply_to == self.post.in_reply_to]
        return [(post.id, shown_fingerprint(post.text, post.links), post.created_ms) for post in below]
