"""Sends the events of posts to the subscribers of all they concern: v1.1 webhooks here, API v2 through `x_v2`."""

import time
from functools import partial
from typing import Any

from sandbox.people import Directory
from sandbox.settings import Settings
from sandbox.twitter.bodies import encode
from sandbox.twitter.delivery import OutgoingEvent
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.post_store import Post, PostStore
from sandbox.twitter.tweets import Tweets
from sandbox.twitter.webhooks import Webhook, Webhooks
from sandbox.x_v2.post_activity import V2PostActivity
from sandbox.x_v2.webhooks import V2Webhook


class PostActivity:
    """Sends posts and deletions to subscribers."""

    def __init__(
        self,
        directory: Directory,
        webhooks: Webhooks,
        sender: EventSender,
        settings: Settings,
        post_store: PostStore,
        tweets: Tweets,
        v2: V2PostActivity,
    ) -> None:
        self._directory = directory
        self._webhooks = webhooks
        self._sender = sender
        self._settings = settings
        self._post_store = post_store
        self._tweets = tweets
        self._v2 = v2

    def announce(self, post: Post, times: int = 1, swap: bool = False) -> None:
        """Send a new post to the subscribers of its author and of all it concerns."""
        concerned = self._concerned(post)
        events = [event for user_id in concerned for event in self._created(post, user_id)]
        post.deliveries = {event.delivery.for_user_id: "pending" for event in events}
        for event in events:
            self._sender.submit(event, swap)
            for _ in range(times - 1):
                self._sender.submit(event.copy(self._sender.number()), swap)
        for user_id in concerned:
            self._v2.stream(post, user_id, times)

    def deleted(self, post: Post) -> None:
        """Send a deletion to the subscribers of the author and, if the settings say so, of all the post concerned."""
        now_ms = str(int(time.time() * 1000))
        concerned = self._concerned(post) if self._settings.deletions_of_customers else [post.author_id]
        for user_id in concerned:
            body = self._tweets.deleted(post, user_id, now_ms)
            for webhook in self._webhooks.listening_to(user_id):
                secret = self._directory.apps[webhook.app_id].consumer_secret
                made = self._sender.event(
                    post.id, "tweet_delete_events", user_id, webhook, secret, partial(encode, body)
                )
                self._sender.submit(made)
            for event in self._v2.deleted(post, user_id, now_ms):
                self._sender.submit(event)

    def resume(self) -> None:
        """Repeat deliveries that an earlier run did not finish."""
        for post, user_id in self._post_store.undelivered():
            for event in self._created(post, user_id):
                self._sender.submit(event)

    def again(self, post: Post, webhook: V2Webhook) -> None:
        """Send a post to one webhook of API v2 again, for a replay."""
        for user_id in self._concerned(post):
            for event in self._v2.created(post, user_id, only=webhook):
                self._sender.submit(event)

    def bodies(self, post: Post) -> list[dict[str, Any]]:
        """Return the bodies that tell subscribers of a post."""
        shown: list[dict[str, Any]] = []
        for user_id in self._concerned(post):
            shown += [self._tweets.created(post, user_id) for _ in self._webhooks.listening_to(user_id)]
            shown += self._v2.bodies(post, user_id)
        return shown

    def _concerned(self, post: Post) -> list[str]:
        """Return the ids of the author, of those the post names, and of the authors of the posts it refers to."""
        others = (self._post_store.get(each) for each in (post.in_reply_to_id, post.quoted_id, post.reposted_id))
        return list(
            dict.fromkeys([post.author_id, *post.mentioned_ids, *(other.author_id for other in others if other)])
        )

    def _created(self, post: Post, user_id: str) -> list[OutgoingEvent]:
        def done(status: str, reason: str | None) -> None:
            self._post_store.note_delivery(post, user_id, status, reason)

        def v1(webhook: Webhook) -> OutgoingEvent:
            secret = self._directory.apps[webhook.app_id].consumer_secret
            return self._sender.event(
                post.id,
                "tweet_create_events",
                user_id,
                webhook,
                secret,
                lambda: encode(self._tweets.created(post, user_id)),
                done,
            )

        return [*map(v1, self._webhooks.listening_to(user_id)), *self._v2.created(post, user_id, done)]
