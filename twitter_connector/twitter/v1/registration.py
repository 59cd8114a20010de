"""Webhooks and subscriptions of API v1.1 (Account Activity, premium). One object serves one account.

A webhook belongs to an environment of the app: all accounts of an environment share it.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ConnectorError, CredentialsRejected, Endpoint, Permanent
from twitter_connector.model.account import Account, Webhook
from twitter_connector.model.event import id_text
from twitter_connector.model.flavour import CHALLENGE_FAILED, WEBHOOK_LIMIT
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.subscription import DIRECT_MESSAGES, READ_MARKS, TYPING_INDICATORS, Subscriptions, posts_of
from twitter_connector.net.answers import Answer

from ..app_token import app_token
from ..http import TwitterHttp, odd_answer
from ..token_owner import owner_of

ENVIRONMENT = "environment"
URL_REFUSED, ALREADY_SUBSCRIBED, NOT_FOUND = 214, 355, 34
CONFLICT = 409
_EVENTS = (DIRECT_MESSAGES, TYPING_INDICATORS, READ_MARKS)


class V1Registration:
    """Raises what twitter/http.classify returns."""

    def __init__(self, http: TwitterHttp, base_url: str, account: Account) -> None:
        self._http = http
        self._base = base_url
        self._account = account
        self._environment = account.settings.get(ENVIRONMENT, "")

    @property
    def webhook_scope(self) -> Hashable:
        return "v1", self._account.credentials.api_key, self._environment

    @property
    def webhook_place(self) -> str:
        return f"The environment {self._environment}"

    def who_am_i(self) -> tuple[str, str, str]:
        """Return (id, screen name, name) of the access token's owner. Values X does not return are ""."""
        return owner_of(
            self._account.credentials.access_token, lambda path: self._signed("GET", path, Endpoint.CREDENTIALS)
        )

    def user_id(self, username: str) -> str | None:
        """Return the id of a user name, or None where there is no such user.

        X may say "not found" with status 200. https://docs.x.com/x-api/users/lookup
        """
        body = self._as_app("GET", f"/2/users/by/username/{quote(username, safe='')}").json()
        data = body.get("data") if isinstance(body, dict) else None
        return id_text(mapping_of(data).get("id")) or None

    @property
    def needs_webhook(self) -> bool:
        return True

    def webhooks(self) -> list[Webhook]:
        """Return the webhooks of the environment; most plans allow one."""
        answer = self._of_environment(lambda: self._as_app("GET", f"{self._env_path()}/webhooks.json"))
        return [webhook for item in _listed(answer) if (webhook := _webhook(item)) is not None]

    def create_webhook(self, url: str) -> Webhook:
        """Register a URL. X sends its challenge there before it answers. Raises as the Protocol says."""
        # In `params`, so that the library percent-encodes it once, and signs it.
        answer = self._challenged(
            lambda: self._signed("POST", f"{self._env_path()}/webhooks.json", params={"url": url})
        )
        created = _webhook(answer.json()) or next((w for w in self.webhooks() if w.url == url), None)
        if created is None:
            sentence = "X's answer to the registration names no webhook. Register again later."
            raise odd_answer(sentence, Endpoint.REGISTRATION)
        return created

    def check_webhook(self, webhook_id: str) -> None:
        path = f"{self._env_path()}/webhooks/{quote(webhook_id, safe='')}.json"
        self._challenged(lambda: self._signed("PUT", path))

    def delete_webhook(self, webhook_id: str) -> None:
        self._signed("DELETE", f"{self._env_path()}/webhooks/{quote(webhook_id, safe='')}.json")

    @property
    def _subscribed(self) -> Subscriptions:
        """The one subscription, which brings all activity."""
        return Subscriptions(active=True, events=(*_EVENTS, *posts_of(self._account.posts)))

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        """Subscribe the account to the environment's webhook, whichever it is."""
        try:
            self._of_environment(lambda: self._signed("POST", f"{self._env_path()}/subscriptions.json"))
        except ConnectorError as error:
            if error.code != ALREADY_SUBSCRIBED and error.status != CONFLICT:
                raise
            return self._subscribed
        return replace(self._subscribed, new=True)

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        try:
            self._signed("GET", f"{self._env_path()}/subscriptions.json")
        except ConnectorError as error:
            if error.code == NOT_FOUND or error.status == 404:
                return Subscriptions(active=False)
            raise
        return self._subscribed

    def unsubscribe(self) -> None:
        """End the subscription. Does nothing where there is none."""
        try:
            self._as_app("DELETE", f"{self._env_path()}/subscriptions/{self._account.id}.json")
        except ConnectorError as error:
            if error.status != 404:
                raise

    def application_id(self) -> str:
        """Return X's id of our app, which stands in the echo of every message it sends; "" where X does not say."""
        body = self._as_app("GET", f"{self._env_path()}/subscriptions/list.json").json()
        return str(body.get("application_id") or "") if isinstance(body, dict) else ""

    def _challenged(self, call: Callable[[], Answer]) -> Answer:
        """Return the answer. X has one code for a failed challenge, a bad URL and one webhook too many: its words
        tell them apart."""
        try:
            return call()
        except ConnectorError as error:
            if error.code != URL_REFUSED:
                raise
            facts: dict[str, Any] = {"code": error.code, "status": error.status, "words": error.words}
            words = error.words.casefold()
            if "too many resources" in words:
                raise Permanent(WEBHOOK_LIMIT, "X allows no further webhook here (error 214).", **facts) from error
            if "does not meet the requirements" in words and "crc" not in words:
                sentence = "X does not accept this URL for a webhook (error 214)."
                raise Permanent("webhook_url_refused", sentence, **facts) from error
            raise Permanent(CHALLENGE_FAILED, "X's challenge failed (error 214).", **facts) from error

    def _of_environment(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except Permanent as error:
            if error.code != NOT_FOUND and error.status != 404:
                raise
            raise Permanent(
                "environment_unknown",
                f"X does not know the environment {self._environment} for this app "
                f"(error {error.code or error.status}). Write ENVIRONMENT-NAME exactly as the label in the developer "
                "portal, upper and lower case included.",
                code=error.code,
                status=error.status,
                words=error.words,
            ) from error

    def _env_path(self) -> str:
        return f"/1.1/account_activity/all/{quote(self._environment, safe='')}"

    def _signed(self, method: str, path: str, endpoint: Endpoint = Endpoint.REGISTRATION, **kwargs: Any) -> Answer:
        url = f"{self._base}{path}"
        return self._http.signed(method, url, self._account.credentials, endpoint=endpoint, **kwargs)

    def _as_app(self, method: str, path: str) -> Answer:
        """Ask with the app's bearer token, or with the account's signature where X gives no such token: X documents
        the first, live answers came to the second."""
        token = app_token(self._http, self._base, self._account.credentials)
        if token:
            try:
                return self._http.bearer(method, f"{self._base}{path}", token, endpoint=Endpoint.REGISTRATION)
            except ConnectorError as error:
                if not isinstance(error, CredentialsRejected) and error.status not in (401, 403):
                    raise
        return self._signed(method, path)


def _listed(answer: Answer) -> list[Any]:
    body = answer.json()
    if isinstance(body, list):
        return body
    environments = body.get("environments") if isinstance(body, dict) else None
    if not isinstance(environments, list):
        # Read as an empty list, it would make us register a second webhook.
        raise odd_answer("X's list of webhooks cannot be read. Try again later.", Endpoint.REGISTRATION)
    return [w for e in environments if isinstance(e, dict) for w in e.get("webhooks") or []]


def _webhook(item: object) -> Webhook | None:
    if not isinstance(item, dict) or not item.get("id") or not item.get("url"):
        return None
    # A webhook without `valid` is taken as valid.
    return Webhook(str(item["id"]), str(item["url"]), item.get("valid", True) is True)
