"""Webhooks of API v2, and who the account is. One object serves one account.

A webhook belongs to the developer account, and one URL may serve several accounts. Other tools' webhooks and
subscriptions are never changed.

https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from urllib.parse import quote

from twitter_connector.errors import Endpoint, Permanent
from twitter_connector.model.account import Account, Webhook
from twitter_connector.model.event import id_text

from ..http import TwitterHttp
from .calls import V2Calls, body_of, mapping, odd_answer
from .subscriptions import AccountActivitySubscription, ActivitySubscriptions, Subscription

AAA = "aaa"
INBOUND = "inbound"
# The name of X's reason stands before a colon in `errors[].message`, and in `words` of our error.
_REUSE = ("DuplicateUrlFailed", "WebhookLimitExceeded")


class V2Registration:
    """Raises what twitter/http.classify returns."""

    def __init__(self, http: TwitterHttp, base_url: str, token_url: str, account: Account) -> None:
        self._calls = V2Calls(http, base_url, token_url, account)
        self._account = account
        kind = AccountActivitySubscription if account.settings.get(INBOUND) == AAA else ActivitySubscriptions
        self._subscriptions = kind(self._calls, account.id)

    @property
    def webhook_scope(self) -> Hashable:
        return "v2", self._account.credentials.api_key

    @property
    def webhook_place(self) -> str:
        return "The developer account"

    def who_am_i(self) -> tuple[str, str, str]:
        """Return (id, user name, name) of the token's owner. Values X does not return are ""."""
        data = mapping(body_of(self._calls.as_user("GET", "/2/users/me", Endpoint.CREDENTIALS)).get("data"))
        return id_text(data.get("id")), str(data.get("username") or ""), str(data.get("name") or "")

    def user_id(self, username: str) -> str | None:
        """Return the id of a user name, or None if there is no such user."""
        data = body_of(self._calls.as_app("GET", f"/2/users/by/username/{quote(username, safe='')}")).get("data")
        return id_text(mapping(data).get("id")) or None

    def webhooks(self) -> list[Webhook]:
        """Return the webhooks of the developer account."""
        body = body_of(
            self._calls.as_app("GET", "/2/webhooks", params={"webhook_config.fields": "created_at,id,url,valid"})
        )
        # Without a webhook, X was seen to leave `data` out.
        rows = body.get("data") or []
        if not isinstance(rows, list):
            raise odd_answer("X's list of webhooks cannot be read. Try again later.")
        return [webhook for row in rows if (webhook := _webhook(row)) is not None]

    def create_webhook(self, url: str) -> Webhook:
        """Register a URL, or return the webhook that has it. X sends its challenge there before it answers."""
        try:
            answer = self._calls.as_app("POST", "/2/webhooks", json={"url": url})
        except Permanent as error:
            if not error.words.startswith(_REUSE):
                raise
            # X says so also for a URL that is registered already.
            listed = next((w for w in self.webhooks() if w.url == url), None)
            if listed is None:
                raise
            return listed
        body = body_of(answer)
        created = (
            _webhook(body.get("data")) or _webhook(body) or next((w for w in self.webhooks() if w.url == url), None)
        )
        if created is None:
            raise odd_answer("X's answer to the registration names no webhook.")
        return created

    def check_webhook(self, webhook_id: str) -> None:
        """Have X repeat its challenge. A webhook that answers is valid from then on."""
        self._calls.as_app("PUT", f"/2/webhooks/{quote(webhook_id, safe='')}")

    def delete_webhook(self, webhook_id: str) -> None:
        self._calls.as_app("DELETE", f"/2/webhooks/{quote(webhook_id, safe='')}")

    def subscribe(self, webhook_id: str = "") -> bool:
        """Subscribe the account's events to a webhook, or to the stream only for "". Return True if one was missing."""
        return self._subscriptions.subscribe(webhook_id)

    def subscribed(self) -> bool:
        """Return True if X delivers the account's messages to its webhook, or to the stream if it has none."""
        return self._subscriptions.subscribed(self._webhook_id)

    def unsubscribe(self) -> None:
        """Delete the account's subscriptions that are ours. Does nothing if there are none."""
        self._subscriptions.unsubscribe(self._webhook_id)

    def subscriptions(self) -> list[Subscription]:
        """Return the account's subscriptions that are ours, as X lists them."""
        return self._subscriptions.listed()

    @property
    def remarks(self) -> Sequence[str]:
        """A sentence for each optional subscription that X refused."""
        return self._subscriptions.remarks

    def application_id(self) -> str:
        """Return "": API v2 does not tell the app's id, and its events name no app."""
        return ""

    @property
    def _webhook_id(self) -> str:
        return self._account.webhook.id if self._account.webhook else ""


def _webhook(row: object) -> Webhook | None:
    webhook_id = id_text(mapping(row).get("id"))
    if not webhook_id or not isinstance(row, Mapping) or not row.get("url"):
        return None
    return Webhook(webhook_id, str(row["url"]), row.get("valid", True) is True)
