"""Webhooks of API v2, and who the account is. One object serves one account.

A webhook belongs to the developer account, and one URL may serve several accounts. Other tools' webhooks and
subscriptions are never changed.

https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from twitter_connector.errors import Endpoint, Permanent
from twitter_connector.model.account import AAA, POLL, Account, Webhook
from twitter_connector.model.event import id_text
from twitter_connector.model.json_fields import mapping_of, text_of
from twitter_connector.model.post import MENTIONS, REPLIES
from twitter_connector.model.subscription import (
    DIRECT_MESSAGES,
    READ_MARKS,
    TYPING_INDICATORS,
    Subscription,
    Subscriptions,
    posts_of,
)
from twitter_connector.model.usage import USER_READ

from ..http import TwitterHttp, odd_answer
from ..rows import rows_of
from ..token_owner import named_in
from .calls import V2Calls, body_of
from .subscriptions import OWN, REQUIRED, AccountActivitySubscription, ActivitySubscriptions
from .webhook_refusals import REUSE, named

_MESSAGES = {REQUIRED: DIRECT_MESSAGES, "dm.indicate_typing": TYPING_INDICATORS, "dm.read": READ_MARKS}
_EVENTS = {**_MESSAGES, "post.mention.create": MENTIONS, "post.reply.create": REPLIES}
_MINUTE = "%Y%m%d%H%M"


class V2Registration:
    """Raises what twitter/http.classify returns."""

    def __init__(
        self,
        http: TwitterHttp,
        base_url: str,
        token_url: str,
        account: Account,
        used: Callable[[str, str, Sequence[str]], None] = lambda account_id, kind, ids: None,
    ) -> None:
        """used: called with account id, kind and ids of what X bills."""
        self._used = used
        self._calls = V2Calls(http, base_url, token_url, account)
        self._account = account
        kind = AccountActivitySubscription if account.inbound == AAA else ActivitySubscriptions
        self._subscriptions = kind(self._calls, account.id, account.posts, account.remarks)

    @property
    def webhook_scope(self) -> Hashable:
        return "v2", self._account.credentials.api_key

    @property
    def webhook_place(self) -> str:
        return "The developer account"

    def who_am_i(self) -> tuple[str, str, str]:
        """Return (id, user name, name) of the token's owner. Values X does not return are ""."""
        data = mapping_of(body_of(self._calls.as_user("GET", "/2/users/me", Endpoint.CREDENTIALS)).get("data"))
        # X also answers 200 with `errors` and without `data`.
        owner = id_text(data.get("id")) or named_in(self._account.credentials.access_token)
        return owner, str(data.get("username") or ""), str(data.get("name") or "")

    def user_id(self, username: str) -> str | None:
        """Return the id of a user name, or None if there is no such user."""
        data = body_of(self._calls.as_app("GET", f"/2/users/by/username/{quote(username, safe='')}")).get("data")
        user_id = id_text(mapping_of(data).get("id"))
        if user_id:
            self._used(self._account.id, USER_READ, [user_id])
        return user_id or None

    def webhooks(self) -> list[Webhook]:
        """Return the webhooks of the developer account."""
        answer = self._calls.as_app("GET", "/2/webhooks", params={"webhook_config.fields": "created_at,id,url,valid"})
        body = answer.json()
        # Without a webhook, X was seen to leave `data` out. Read as none, an odd list would make us register another.
        if isinstance(body, Mapping) and isinstance(body.get("data"), Mapping):
            raise odd_answer("X's list of webhooks cannot be read. Try again later.", Endpoint.REGISTRATION)
        rows = rows_of(body, "data", Endpoint.REGISTRATION)
        return [webhook for row in rows if (webhook := _webhook(row)) is not None]

    def create_webhook(self, url: str) -> Webhook:
        """Register a URL, or return the webhook that has it. X sends its challenge there before it answers.

        Raises as the Protocol says.
        """
        try:
            answer = self._calls.as_app("POST", "/2/webhooks", json={"url": url})
        except Permanent as error:
            if not error.words.startswith(REUSE):
                raise named(error) from error
            # X says so also for a URL that is registered already.
            listed = next((w for w in self.webhooks() if w.url == url), None)
            if listed is None:
                raise named(error) from error
            return listed
        body = body_of(answer)
        created = (
            _webhook(body.get("data")) or _webhook(body) or next((w for w in self.webhooks() if w.url == url), None)
        )
        if created is None:
            raise odd_answer(
                "X's answer to the registration names no webhook. Register again later.", Endpoint.REGISTRATION
            )
        return created

    def check_webhook(self, webhook_id: str) -> None:
        """Have X repeat its challenge. A webhook that answers is valid from then on. Raises CHALLENGE_FAILED."""
        try:
            self._calls.as_app("PUT", f"/2/webhooks/{quote(webhook_id, safe='')}")
        except Permanent as error:
            raise named(error) from error

    def delete_webhook(self, webhook_id: str) -> None:
        self._calls.as_app("DELETE", f"/2/webhooks/{quote(webhook_id, safe='')}")

    def replay(self, since: datetime, until: datetime) -> str:
        """Have X deliver the events of a span of time, in whole minutes, to the webhook again. Return the job's id.

        Raises Permanent if X does not, for example because a job of this webhook is under way.
        """
        webhook = self._account.webhook
        body = {
            "webhook_id": webhook.id if webhook is not None else "",
            "from_date": since.strftime(_MINUTE),
            "to_date": until.strftime(_MINUTE),
        }
        data = mapping_of(body_of(self._calls.as_app("POST", "/2/webhooks/replay", json=body)).get("data"))
        job_id = text_of(data.get("job_id"))
        if not job_id:
            raise odd_answer("X's answer to a replay names no job.", Endpoint.REGISTRATION)
        return job_id

    @property
    def needs_webhook(self) -> bool:
        return self._account.needs_webhook

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        """Subscribe the account's events to a webhook, or to the stream only for None."""
        if self._account.inbound == POLL:
            return self._polled()
        new = self._subscriptions.subscribe(webhook.id if webhook else "")
        return Subscriptions(active=True, new=new, remarks=tuple(self._subscriptions.remarks))

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        """Return what X delivers to the webhook, or to the stream for None."""
        if self._account.inbound == POLL:
            return self._polled()
        webhook_id = webhook.id if webhook else ""
        if self._account.inbound == AAA:
            active = bool(webhook_id) and self._subscriptions.subscribed(webhook_id)
            return Subscriptions(active=active, events=(*_MESSAGES.values(), *self._chosen) if active else ())
        listed = [s for s in self._subscriptions.listed() if webhook_id in ("", s.webhook_id)]
        return Subscriptions(
            active=any(s.event == REQUIRED for s in listed),
            events=tuple(word for event, word in _EVENTS.items() if event in {s.event for s in listed}),
            items=tuple(Subscription(s.event, s.id) for s in listed),
            remarks=self._subscriptions.still_true(self._account.remarks, listed),
            own=any(s.event == OWN for s in listed),
        )

    def _polled(self) -> Subscriptions:
        """Return what is read by polling, which needs no subscription."""
        return Subscriptions(active=None, events=(DIRECT_MESSAGES, *self._chosen))

    @property
    def _chosen(self) -> tuple[str, ...]:
        return posts_of(self._account.posts)

    def unsubscribe(self) -> None:
        """Delete the account's subscriptions that are ours. Does nothing if there are none."""
        webhook = self._account.webhook
        if self._account.inbound == POLL or (self._account.inbound == AAA and webhook is None):
            return
        self._subscriptions.unsubscribe(webhook.id if webhook else "")

    def application_id(self) -> str:
        """Return "": API v2 does not tell the app's id, and its events name no app."""
        return ""


def _webhook(row: object) -> Webhook | None:
    webhook_id = id_text(mapping_of(row).get("id"))
    if not webhook_id or not isinstance(row, Mapping) or not row.get("url"):
        return None
    return Webhook(webhook_id, str(row["url"]), row.get("valid", True) is True)
