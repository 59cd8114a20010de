"""Where a customer's public post stands on its way to CIM: its thread, and the post that it is a newer version of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twitter_connector.messages.message_ids import message_id
from twitter_connector.model.event import PostEvent
from twitter_connector.model.plan import Skip
from twitter_connector.model.post import PostDeleted, PostReceived
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Effect, InThread, LastComment

from .ports import CommentsPort, ConversationsPort


@dataclass(frozen=True)
class PostsInbound:
    """Reads what is stored of earlier posts. Raises StoreUnavailable."""

    comments: CommentsPort
    conversations: ConversationsPort

    def placed(self, event: PostEvent) -> tuple[PostEvent | Skip, Sequence[Effect]]:
        """Return a post with its thread, and what settling it stores. A deletion of a post that CIM never got is
        nothing."""
        if isinstance(event, PostDeleted):
            known = self.conversations.event_of(event.account_id, message_id(event.account_id, event.event_id))
            return (event if known is not None else Skip("deletion_of_unknown_post")), ()
        assert isinstance(event, PostReceived)
        post = replace(event, thread_id=self._thread(event), first_version=self._first_version(event))
        thread = InThread(post.account_id, post.event_id, post.thread_id)
        return post, (thread, LastComment(post.account_id, post.customer_id, post.event_id, epoch_ms(post.created_at)))

    def _thread(self, post: PostReceived) -> str:
        """Return the first post of the thread. API v1.1 names only the post that is answered."""
        if post.thread_id or not post.parent_id:
            return post.thread_id or post.event_id
        return self.comments.thread_of(post.account_id, post.parent_id) or post.parent_id

    def _first_version(self, post: PostReceived) -> str:
        """Return the version that CIM got before; "" if it got none, so that this one is a new comment."""
        if not post.first_version:
            return ""
        known = self.conversations.event_of(post.account_id, message_id(post.account_id, post.first_version))
        return post.first_version if known is not None else ""
