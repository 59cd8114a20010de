"""Subscriptions of API v2: one for each event of the X Activity API, or one for all activity (Account Activity v2).

Subscriptions with another tag may belong to another tool of the same app. They are never changed.

https://docs.x.com/x-api/activity/introduction, https://docs.x.com/x-api/account-activity/introduction
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ConnectorError, CredentialsRejected, Endpoint, Permanent, StoreUnavailable
from twitter_connector.model.account import Remark
from twitter_connector.model.event import id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.post import ALL, MENTIONS, OFF, REPLIES

from ..rows import rows_of
from .calls import V2Calls, body_of

log = logging.getLogger(__name__)

ACTIVITY = "/2/activity/subscriptions"
TAG = "twitter-connector"
REQUIRED = "dm.received"
# The account's own messages.
OWN = "dm.sent"
# Each of these may be missing: the account works without.
WANTED = (OWN, "dm.read", "dm.indicate_typing", "chat.received", "oauth.revoke")
# Public posts, by the account's choice. Their deletions come for each choice.
POSTS: Mapping[str, tuple[str, ...]] = {
    OFF: (),
    MENTIONS: ("post.mention.create", "post.delete"),
    REPLIES: ("post.reply.create", "post.delete"),
    ALL: ("post.mention.create", "post.reply.create", "post.delete"),
}
# X accepts no user for this event.
_WITHOUT_USER = "oauth.revoke"
PAGES_MAX = 20
# X's pages and its OpenAPI document disagree about OAuth 1.0a for private events.
_OAUTH2 = (
    "For a subscription X may want an OAuth 2.0 token of the account: give it one with `twitter-connector authorize`, "
    "then register again."
)


@dataclass(frozen=True)
class Subscription:
    """One subscription. webhook_id: "" if its events go to the stream only. user_id: "" for events without a filter."""

    id: str
    event: str
    user_id: str
    tag: str
    webhook_id: str


class ActivitySubscriptions:
    """One account's subscriptions of the X Activity API. remarks: on the optional ones, of the last `subscribe`."""

    def __init__(self, calls: V2Calls, account_id: str, posts: str = OFF, known: Sequence[Remark] = ()) -> None:
        """posts: which public posts the account takes in, see model/post. known: remarks so far. An optional
        subscription that X refused before is not tried again."""
        self._calls = calls
        self._account_id = account_id
        self._posts = POSTS[posts]
        self._known = {remark.event: remark for remark in known}
        self.remarks: list[Remark] = []

    def subscribe(self, webhook_id: str) -> bool:
        """Subscribe every event to a webhook, or to the stream only for "". Return True if something was missing.

        Raises Permanent(subscription_elsewhere) if another tool of the app receives the account's messages.
        """
        self.remarks = []
        listed = {s.event: s for s in self._all()}
        try:
            changed = self._subscribe(REQUIRED, listed.get(REQUIRED), webhook_id)
        except (Permanent, CredentialsRejected) as error:
            raise self._explained(error) from error
        for event in (*WANTED, *self._posts):
            changed |= self._subscribe_optional(event, listed.get(event), webhook_id)
        return self._without_posts(listed) or changed

    def still_true(self, known: Iterable[Remark], listed: Iterable[Subscription]) -> tuple[Remark, ...]:
        """Return those of the remarks that X's list still bears out."""
        wanted, present = {*WANTED, *self._posts}, {s.event for s in listed}
        return tuple(r for r in known if (r.event in wanted) != (r.event in present))

    def _subscribe_optional(self, event: str, listed: Subscription | None, webhook_id: str) -> bool:
        """Subscribe an event that the account can do without. Return whether that was necessary and succeeded."""
        before = self._known.get(event)
        if listed is None and before is not None and before.refused:
            self.remarks.append(before)
            return False
        # While X has trouble, each further call would keep the caller waiting for its whole time.
        trouble = next((r for r in self.remarks if not r.refused), None)
        if trouble is not None and not _serves(listed, webhook_id):
            self.remarks.append(Remark(event, trouble.sentence.replace(trouble.event, event), refused=False))
            return False
        try:
            return self._subscribe(event, listed, webhook_id)
        except StoreUnavailable:
            raise
        except (Permanent, CredentialsRejected) as error:
            # X's words for a token that may not are "Unauthorized" and "Forbidden".
            words = error.words if error.status not in (401, 403) else ""
            reason = words or self._explained(error).detail
            remark = Remark(event, f"X refused the optional subscription {event}: {reason}", refused=True)
        except ConnectorError as error:
            remark = Remark(
                event, f"X did not create the optional subscription {event}: {_later(error)}", refused=False
            )
        self._remarked(remark)
        return False

    def _remarked(self, remark: Remark) -> None:
        log.warning(
            "subscription_missing",
            extra={"account": self._account_id, "event_type": remark.event, "detail": remark.sentence},
        )
        self.remarks.append(remark)

    def _explained(self, error: ConnectorError) -> ConnectorError:
        """Return the refusal of a subscription; for a token of OAuth 1.0a with what X may want instead."""
        if error.status not in (401, 403) or error.reason not in ("credentials_rejected", "request_refused"):
            return error
        return error if self._calls.has_oauth2 else error.extended(_OAUTH2)

    def subscribed(self, webhook_id: str) -> bool:
        """Return True if X delivers the account's messages to this webhook, or to the stream for ""."""
        return any(s.event == REQUIRED and webhook_id in ("", s.webhook_id) for s in self.listed())

    def listed(self) -> list[Subscription]:
        """Return the account's subscriptions that are ours, as X lists them."""
        return [s for s in self._all() if s.tag == TAG]

    def unsubscribe(self, webhook_id: str) -> None:
        """Delete the account's subscriptions that are ours. Does nothing if there are none."""
        # A subscription without a user serves the other accounts of the app too.
        for subscription in (s for s in self.listed() if s.user_id):
            _delete(self._calls, f"{ACTIVITY}/{quote(subscription.id, safe='')}")

    def _without_posts(self, known: Mapping[str, Subscription]) -> bool:
        """Delete our subscriptions of posts that the account does not take in. Return True if there were any."""
        ours = [known[event] for event in POSTS[ALL] if event in known and known[event].tag == TAG]
        unwanted = [s for s in ours if s.event not in self._posts and s.user_id]
        for subscription in unwanted:
            try:
                _delete(self._calls, f"{ACTIVITY}/{quote(subscription.id, safe='')}")
            except StoreUnavailable:
                raise
            except ConnectorError as error:
                event = subscription.event
                sentence = f"X did not delete the subscription {event}, whose posts are ignored here: {_later(error)}"
                self._remarked(Remark(event, sentence, refused=False))
        return bool(unwanted)

    def _subscribe(self, event: str, known: Subscription | None, webhook_id: str) -> bool:
        if known is not None:
            return self._kept(known, webhook_id)
        user = {} if event == _WITHOUT_USER else {"user_id": self._account_id}
        body: dict[str, Any] = {"event_type": event, "tag": TAG, "filter": user}
        if webhook_id:
            body["webhook_id"] = webhook_id
        try:
            self._calls.as_user("POST", ACTIVITY, json=body, oauth2=True)
        except Permanent as error:
            if error.status != 409 and "duplicate" not in error.words.lower():
                raise
            # A lost answer may have created it. See where it points.
            listed = next((s for s in self._all() if s.event == event), None)
            return listed is not None and self._kept(listed, webhook_id)
        return True

    def _kept(self, known: Subscription, webhook_id: str) -> bool:
        """Keep a subscription; point ours to the webhook. Return True if that was necessary."""
        if _serves(known, webhook_id):
            return False
        if known.tag != TAG:
            raise Permanent(
                "subscription_elsewhere",
                f"Another tool of this app receives {known.event} of the account (subscription {known.id}, webhook "
                f"{known.webhook_id or 'none: the stream'}). It was not changed. Delete that subscription at X, then "
                "register again.",
                endpoint=Endpoint.REGISTRATION,
                ours=True,
                status=409,
            )
        body = {"tag": TAG, "webhook_id": webhook_id}
        self._calls.as_app("PUT", f"{ACTIVITY}/{quote(known.id, safe='')}", json=body)
        return True

    def _all(self) -> list[Subscription]:
        rows: list[Subscription] = []
        token = ""
        for _ in range(PAGES_MAX):
            params = {"max_results": "1000", **({"pagination_token": token} if token else {})}
            body = self._calls.as_app("GET", ACTIVITY, params=params).json()
            # Read as none, an odd list would make us report an account as not subscribed.
            rows_of(body, "data", Endpoint.REGISTRATION)
            rows += subscriptions_in(body)
            token = str(mapping_of(body.get("meta")).get("next_token") or "")
            if not token:
                break
        return events_of(rows, self._account_id)


class AccountActivitySubscription:
    """One account's subscription of Account Activity v2, which brings all its activity."""

    remarks: tuple[Remark, ...] = ()

    def __init__(self, calls: V2Calls, account_id: str, posts: str = OFF, known: Sequence[Remark] = ()) -> None:
        """posts: of no effect, since all activity comes; see delivery/intake. known: of no effect."""
        self._calls = calls
        self._account_id = account_id

    def subscribe(self, webhook_id: str) -> bool:
        """Subscribe the account to a webhook. Return False if it was subscribed already."""
        try:
            self._calls.as_user("POST", f"{_activity_of(webhook_id)}/all", json={})
        except Permanent as error:
            if error.status != 409 and "DuplicateSubscriptionFailed" not in error.words:
                raise
            return False
        return True

    def subscribed(self, webhook_id: str) -> bool:
        """Return True if X delivers the account's activity to this webhook."""
        try:
            body = body_of(self._calls.as_user("GET", f"{_activity_of(webhook_id)}/all"))
        except ConnectorError as error:
            if error.status == 404:
                return False
            raise
        return mapping_of(body.get("data")).get("subscribed") is True

    def listed(self) -> list[Subscription]:
        """Return nothing: this subscription has no id."""
        return []

    def still_true(self, known: Iterable[Remark], listed: Iterable[Subscription]) -> tuple[Remark, ...]:
        """Return nothing: there is only one subscription, and it is required."""
        return ()

    def unsubscribe(self, webhook_id: str) -> None:
        """Delete the account's subscription. Does nothing if there is none."""
        _delete(self._calls, f"{_activity_of(webhook_id)}/{quote(self._account_id, safe='')}/all")


def subscriptions_in(body: Mapping[str, Any]) -> list[Subscription]:
    """Return the subscriptions of an answer.

    X answers with a list, with one object, and with an object inside `subscription`; accept all three.
    """
    data = body.get("data")
    if isinstance(data, Mapping):
        inner = data.get("subscription")
        data = [inner if isinstance(inner, Mapping) else data]
    rows = [row for row in data if isinstance(row, Mapping)] if isinstance(data, list) else []
    return [
        Subscription(
            id=id_text(row.get("subscription_id") or row.get("id")),
            event=str(row.get("event_type") or ""),
            user_id=id_text(mapping_of(row.get("filter")).get("user_id")),
            tag=str(row.get("tag") or ""),
            webhook_id=id_text(row.get("webhook_id")),
        )
        for row in rows
    ]


def events_of(subscriptions: Iterable[Subscription], user_id: str) -> list[Subscription]:
    """Return the subscriptions of one user, and those without a filter; one for each event, ours before another's."""
    of_user = [s for s in subscriptions if s.id and s.user_id in (user_id, "")]
    by_event: dict[str, Subscription] = {}
    for subscription in sorted(of_user, key=lambda s: s.tag != TAG):
        by_event.setdefault(subscription.event, subscription)
    return list(by_event.values())


def _serves(subscription: Subscription | None, webhook_id: str) -> bool:
    """Return whether a subscription delivers to this webhook, or to the stream for ""."""
    # The stream gets the events of a subscription with a webhook too.
    return subscription is not None and webhook_id in ("", subscription.webhook_id)


def _later(error: ConnectorError) -> str:
    return f"{error.detail} The next check of the account tries again."


def _activity_of(webhook_id: str) -> str:
    return f"/2/account_activity/webhooks/{quote(webhook_id, safe='')}/subscriptions"


def _delete(calls: V2Calls, path: str) -> None:
    try:
        calls.as_app("DELETE", path)
    except ConnectorError as error:
        if error.status != 404:
            raise
