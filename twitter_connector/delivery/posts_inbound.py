"""Where a customer's public post stands on its way to CIM: its thread, the post that it is a newer version of, and its
deletion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, takewhile

from twitter_connector.messages.kinds.comment import deletion_id, update_id
from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.event import PostEvent
from twitter_connector.model.plan import Skip
from twitter_connector.model.post import PostDeleted, PostReceived
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Effect, InThread, LastComment, Link

from .ports import CommentsPort, ConversationsPort


@dataclass(frozen=True)
class PostsInbound:
    """Reads what is stored of earlier posts. Raises StoreUnavailable."""

    comments: CommentsPort
    conversations: ConversationsPort

    def placed(self, event: PostEvent, accepted_at: datetime) -> tuple[PostEvent | Skip, Sequence[Effect]]:
        """Return a post with its thread, and what settling it stores.

        A deletion that X reports before CIM has the post is noted, and follows the post.
        """
        if isinstance(event, PostDeleted):
            comment = message_id(event.account_id, event.event_id)
            updated = self.conversations.event_of(event.account_id, update_id(comment))
            posts = [event.event_id] if updated is None else [updated, event.event_id]
            comments = tuple(known for post_id in posts for known in self._at_cim(event.account_id, post_id))
            if comments:
                return replace(event, created_at=event.created_at or accepted_at, comment_ids=comments), ()
            return Skip("deletion_of_unknown_post"), (Link(event.account_id, deletion_id(comment), event.event_id),)
        assert isinstance(event, PostReceived)
        post = replace(
            event,
            thread_id=self._thread(event),
            updates=next((each for each in event.earlier_versions if self._at_cim(event.account_id, each)), ""),
            deletion=self._deletion(event, accepted_at),
        )
        thread = InThread(post.account_id, post.event_id, post.thread_id)
        last = LastComment(post.account_id, post.customer_id, post.event_id, epoch_ms(post.created_at))
        if not post.updates:
            return post, (thread, last)
        # An answer to the comment that CIM has stands under the newest version. Its deletion is that of both.
        updated, update = (message_id(post.account_id, each) for each in (post.updates, post.event_id))
        newest = Link(post.account_id, updated, post.event_id)
        return post, (thread, last, newest, Link(post.account_id, update_id(update), post.updates))

    def _thread(self, post: PostReceived) -> str:
        """Return the first post of the thread. API v1.1 names only the post that is answered."""
        if post.thread_id or not post.parent_id:
            return post.thread_id or post.event_id
        return self.comments.thread_of(post.account_id, post.parent_id) or post.parent_id

    def _deletion(self, post: PostReceived, accepted_at: datetime) -> PostDeleted | None:
        """Return the deletion that was noted of a post."""
        comment = message_id(post.account_id, post.event_id)
        if self.conversations.event_of(post.account_id, deletion_id(comment)) is None:
            return None
        return PostDeleted(post.account_id, post.customer_id, post.event_id, accepted_at)

    def _at_cim(self, account_id: str, post_id: str) -> list[str]:
        """Return the ids of the comments that CIM has of a post."""
        comments = (message_id(account_id, post_id, number) for number in count())
        return list(takewhile(lambda each: self.conversations.event_of(account_id, each) is not None, comments))
