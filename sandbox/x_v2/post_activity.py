"""Events of posts for the subscribers of API v2: by webhook, by stream, and by Account Activity v2."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.people import Directory
from sandbox.twitter.bodies import encode
from sandbox.twitter.delivery import OutgoingEvent
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.post_store import Post, PostStore
from sandbox.twitter.tweets import Tweets
from sandbox.x_v2.activity import envelope, enveloped
from sandbox.x_v2.parts import V2
from sandbox.x_v2.posts import Posts
from sandbox.x_v2.streams import line
from sandbox.x_v2.subscriptions import ActivitySubscription
from sandbox.x_v2.webhooks import V2Webhook

Done = Callable[[str, str | None], None]
_BILLED = ("post.mention.create", "post.reply.create")


class V2PostActivity:
    """Makes the events of posts of API v2, and sends those of streams."""

    def __init__(
        self, directory: Directory, sender: EventSender, post_store: PostStore, tweets: Tweets, posts: Posts, v2: V2
    ) -> None:
        self._directory = directory
        self._sender = sender
        self._post_store = post_store
        self._tweets = tweets
        self._posts = posts
        self._v2 = v2

    def created(
        self,
        post: Post,
        user_id: str,
        done: Done = lambda status, reason: None,
        only: V2Webhook | None = None,
    ) -> list[OutgoingEvent]:
        """Return the deliveries that tell the webhooks of an account of a post. only: the one webhook that is told."""
        events = []
        for subscription in self._subscriptions(post, user_id):
            webhook = self._v2.webhooks.find(subscription.webhook_id)
            if webhook is not None and only in (None, webhook):
                render = self._rendered(subscription, post)
                events.append(self._event(post, subscription.event_type, user_id, webhook, render, done))
        for webhook in self._all_activity(user_id):
            if only in (None, webhook):
                render = self._encoded(lambda: self._tweets.created(post, user_id))
                events.append(self._event(post, "account_activity", user_id, webhook, render, done))
        return events

    def stream(self, post: Post, user_id: str, times: int = 1) -> None:
        """Tell the streams of an account's apps of a post, and bill those apps."""
        for subscription in self._subscriptions(post, user_id):
            if subscription.event_type in _BILLED:
                self._v2.credits.charge(subscription.app_id, "post_read", user_id, post.id)
            for _ in range(times):
                self._v2.streams.send(subscription.app_id, line(self.envelope(subscription, post)))

    def deleted(self, post: Post, user_id: str, now_ms: str) -> list[OutgoingEvent]:
        """Return the deliveries that tell the webhooks of an account of a deleted post, and tell its streams."""
        payload, events = {"id": post.id, "author_id": post.author_id}, []
        for subscription in self._v2.subscriptions.of_user(user_id, "post.delete"):
            body = envelope(subscription, payload, f"deleted {post.id}")
            webhook = self._v2.webhooks.find(subscription.webhook_id)
            if webhook is not None:
                events.append(self._event(post, "post.delete", user_id, webhook, partial(encode, body)))
            self._v2.streams.send(subscription.app_id, line(body))
        for webhook in self._all_activity(user_id):
            render = self._encoded(lambda: self._tweets.deleted(post, user_id, now_ms))
            events.append(self._event(post, "account_activity", user_id, webhook, render))
        return events

    def bodies(self, post: Post, user_id: str) -> list[dict[str, Any]]:
        """Return the bodies that tell an account of a post."""
        return [
            *(self.envelope(subscription, post) for subscription in self._subscriptions(post, user_id)),
            *(self._tweets.created(post, user_id) for _ in self._all_activity(user_id)),
        ]

    def envelope(self, subscription: ActivitySubscription, post: Post) -> dict[str, Any]:
        """Return the body of an event for a subscription. Its event_uuid is the id of the post."""
        payload, includes = self._posts.event(post)
        return enveloped(subscription, payload, post.id, includes=includes)

    def _subscriptions(self, post: Post, user_id: str) -> list[ActivitySubscription]:
        """Return the subscriptions of an account to what a post is for it. Without credit, billed events stop."""
        types = self._types(post, user_id)
        return [
            subscription
            for subscription in self._v2.subscriptions.of_user(user_id)
            if subscription.event_type in types
            and (subscription.event_type not in _BILLED or self._v2.credits.refusal(subscription.app_id) is None)
        ]

    def _types(self, post: Post, user_id: str) -> set[str]:
        """Return the event types of a post for an account. A reply to a reply is no `post.reply.create`."""
        if post.author_id == user_id:
            return {"post.create"}
        types = {"post.mention.create"} if user_id in post.mentioned_ids and not post.reposted_id else set()
        parent = self._post_store.get(post.in_reply_to_id)
        if parent is not None and parent.author_id == user_id and parent.in_reply_to_id is None:
            types.add("post.reply.create")
        for kind, other_id in (("quote", post.quoted_id), ("repost", post.reposted_id)):
            other = self._post_store.get(other_id)
            if other is not None and other.author_id == user_id:
                types.add(f"post.{kind}.create")
        return types

    def _all_activity(self, user_id: str) -> list[V2Webhook]:
        if not self._v2.settings.account_activity_delivers:
            return []
        entries = self._v2.account_activity.of_user(user_id)
        return [webhook for entry in entries if (webhook := self._v2.webhooks.find(entry.webhook_id))]

    def _rendered(self, subscription: ActivitySubscription, post: Post) -> Callable[[], bytes]:
        return self._encoded(lambda: self.envelope(subscription, post))

    def _encoded(self, body: Callable[[], dict[str, Any]]) -> Callable[[], bytes]:
        return lambda: encode(body())

    def _event(
        self,
        post: Post,
        kind: str,
        user_id: str,
        webhook: V2Webhook,
        render: Callable[[], bytes],
        done: Done = lambda status, reason: None,
    ) -> OutgoingEvent:
        secret = self._directory.apps[webhook.app_id].consumer_secret
        return self._sender.event(post.id, kind, user_id, webhook, secret, render, done, v2=True)
