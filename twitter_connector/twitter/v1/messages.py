"""Twitter API v1.1: paths, bodies, and nothing else. One object serves one account.

https://docs.x.com/x-api/enterprise-gnip-2.0/fundamentals/account-activity (webhooks, subscriptions)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ConnectorError, CredentialsRejected, OutcomeUnknown, Permanent, ServiceUnavailable
from twitter_connector.model.account import Credentials, Webhook
from twitter_connector.model.event import DM, DmEchoed, DmReceived
from twitter_connector.model.plan import SendDm
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.net.answers import Answer

from ..http import TwitterHttp, budget_in
from ..token_owner import NOT_OFFERED, owner_of
from .events import load

log = logging.getLogger(__name__)

# Pages of the list of messages are 50 long at most; ten of them reach further back than any outage we settle.
PAGES_MAX = 10
# A reply waits for the message it quotes no longer than this.
SHOW_SECONDS = 3.0
_DM_PATH = "/1.1/direct_messages/"
ALREADY_SUBSCRIBED = 355
CONFLICT = 409
NOT_FOUND = 34


class TwitterV1:
    """One account's Twitter over API v1.1, premium product. Every method raises what twitter/http.py sorts."""

    def __init__(
        self,
        http: TwitterHttp,
        base_url: str,
        credentials: Credentials,
        environment: str | None,
        account_id: str = "",
        budget: Callable[[str, str, int, int, int], None] | None = None,
    ) -> None:
        self._http = http
        self._base = base_url
        self._credentials = credentials
        self._environment = environment or ""
        self._account_id = account_id
        self._budget = budget

    # Direct Messages

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one message and return its id, or where Twitter does not tell it, the first id there can be
        at this moment. The JSON body is not part of the signature."""
        message = {"target": {"recipient_id": recipient_id}, "message_data": {"text": step.text, **step.extras}}
        event = {"event": {"type": "message_create", "message_create": message}}
        begun_ms = int(time.time() * 1000)
        answer = self._signed("POST", "/1.1/direct_messages/events/new.json", acts=True, json=event)
        body = answer.json()
        sent = body.get("event") if isinstance(body, dict) else None
        dm_id = sent.get("id") if isinstance(sent, dict) else None
        if isinstance(dm_id, str | int) and dm_id:
            return str(dm_id)
        if isinstance(body, dict) and "errors" not in body:
            # Twitter's documents leave the id out of this answer. The message is sent all the same, under an id above
            # this one, so that who has read up to it has read the message.
            return first_id_at(begun_ms)
        # A success whose body is not Twitter's: whether it is out, and under which id, is for the echo to tell.
        raise OutcomeUnknown("outcome_unknown", "Twitter's answer to a send names no message id.")

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        # Form fields, which are part of the signature; the documents' own header line says otherwise, wrongly.
        form = {"last_read_event_id": event_id, "recipient_id": recipient_id}
        self._signed("POST", "/1.1/direct_messages/mark_read.json", data=form)

    def show_typing(self, recipient_id: str) -> None:
        self._signed("POST", "/1.1/direct_messages/indicate_typing.json", data={"recipient_id": recipient_id})

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        """Return one of the account's messages of either direction. Twitter allows 15 calls in 15 minutes."""
        params = {"id": event_id}
        body = self._signed("GET", f"{_DM_PATH}events/show.json", params=params, seconds=SHOW_SECONDS).json()
        event = body.get("event") if isinstance(body, dict) else None
        dm = load({"for_user_id": self._account_id, DM: [event], "users": {}})
        if not isinstance(dm, DmReceived | DmEchoed):
            raise ServiceUnavailable("twitter_odd_answer", "Twitter shows something else than a message.")
        return dm

    def sent_since(self, since: datetime) -> list[DmEchoed]:
        return [dm for dm in map(load, self.envelopes_since(since)) if isinstance(dm, DmEchoed)]

    def envelopes_since(self, since: datetime) -> Iterator[dict[str, Any]]:
        """Yield the account's messages of either direction, newest first, back to a moment, each as the envelope the
        webhook would have brought (without names: the list has none). Twitter allows 15 calls in 15 minutes."""
        cursor = ""
        for _ in range(PAGES_MAX):
            params = {"count": "50", **({"cursor": cursor} if cursor else {})}
            body = self._signed("GET", "/1.1/direct_messages/events/list.json", params=params).json()
            if not isinstance(body, dict):
                raise ServiceUnavailable("twitter_odd_answer", "Twitter's list of messages is not JSON.")
            for event in body.get("events") or []:
                envelope: dict[str, Any] = {"for_user_id": self._account_id, DM: [event], "users": {}}
                try:
                    dm = load(envelope)
                except Permanent:
                    continue  # other kinds of events stand in the same list
                if isinstance(dm, DmReceived | DmEchoed):
                    if dm.created_at < since:
                        return
                    yield envelope
            # An empty page with a cursor is possible: the end is where there is no cursor.
            cursor = str(body.get("next_cursor") or "")
            if not cursor:
                return
        log.error(
            "backfill_cut_off", extra={"account": self._account_id, "pages": PAGES_MAX, "since": since.isoformat()}
        )

    # Whose credentials are these?

    def who_am_i(self) -> tuple[str, str, str]:
        """Return id, screen name and name of the account of the access token; "" where Twitter does not say."""
        return owner_of(self._credentials.access_token, lambda path: self._signed("GET", path))

    # Webhooks

    def webhooks(self) -> list[Webhook]:
        """Return the webhooks of the environment; there is at most one on most plans."""
        answer = self._as_app("GET", f"{self._env_path()}/webhooks.json")
        return [found for item in _looked_up_sends(answer) if (found := _webhook(item)) is not None]

    def create_webhook(self, url: str) -> Webhook:
        """Register a URL. Twitter sends its challenge there before it answers."""
        # In `params`, so that it is percent-encoded once, by the library, and signed.
        answer = self._signed("POST", f"{self._env_path()}/webhooks.json", params={"url": url})
        found = _webhook(answer.json()) or next((w for w in self.webhooks() if w.url == url), None)
        if found is None:
            raise ServiceUnavailable("twitter_odd_answer", "Twitter's answer to the registration names no webhook.")
        return found

    def check_webhook(self, webhook_id: str) -> None:
        """Have Twitter send its challenge again; a webhook that answers is valid from then on."""
        self._signed("PUT", f"{self._env_path()}/webhooks/{quote(webhook_id, safe='')}.json")

    def delete_webhook(self, webhook_id: str) -> None:
        self._signed("DELETE", f"{self._env_path()}/webhooks/{quote(webhook_id, safe='')}.json")

    # Subscriptions

    def subscribe(self) -> bool:
        try:
            self._signed("POST", f"{self._env_path()}/subscriptions.json")
        except ConnectorError as error:
            if error.code == ALREADY_SUBSCRIBED or error.status == CONFLICT:
                return False
            raise
        return True

    def subscribed(self) -> bool:
        try:
            self._signed("GET", f"{self._env_path()}/subscriptions.json")
        except ConnectorError as error:
            if error.code == NOT_FOUND or error.status == 404:
                return False
            raise
        return True

    def unsubscribe(self) -> None:
        """End the subscription; fine where there is none."""
        try:
            self._as_app("DELETE", f"{self._env_path()}/subscriptions/{self._account_id}.json")
        except ConnectorError as error:
            if error.status != 404:
                raise

    def application_id(self) -> str:
        """Return Twitter's id of the app itself, which stands in the echo of every message it sends; "" if untold."""
        body = self._as_app("GET", f"{self._env_path()}/subscriptions/list.json").json()
        return str(body.get("application_id") or "") if isinstance(body, dict) else ""

    def user_id(self, username: str) -> str | None:
        """Return the id of a user name, or None where there is no such user.

        Twitter may say "not found" with status 200. https://docs.x.com/x-api/users/lookup
        """
        body = self._as_app("GET", f"/2/users/by/username/{quote(username, safe='')}").json()
        data = body.get("data") if isinstance(body, dict) else None
        return str(data["id"]) if isinstance(data, dict) and data.get("id") else None

    # Ways of asking

    def _env_path(self) -> str:
        return f"/1.1/account_activity/all/{quote(self._environment, safe='')}"

    def _signed(self, method: str, path: str, *, acts: bool = False, **kwargs: Any) -> Answer:
        def seen(headers: Mapping[str, str]) -> None:
            position = budget_in(headers)
            if self._budget is not None and position is not None and path.startswith(_DM_PATH):
                self._budget(self._account_id, path.removeprefix(_DM_PATH).removesuffix(".json"), *position)

        return self._http.signed(method, f"{self._base}{path}", self._credentials, acts=acts, seen=seen, **kwargs)

    def _as_app(self, method: str, path: str) -> Answer:
        """Ask with the app's bearer token, and with the account's signature where there is none to be had:
        documents want the one, live answers were got with the other."""
        token = self._bearer()
        if token:
            try:
                return self._http.bearer(method, f"{self._base}{path}", token)
            except ConnectorError as error:
                if not isinstance(error, CredentialsRejected) and error.status not in (401, 403):
                    raise
        return self._signed(method, path)

    def _bearer(self) -> str:
        """Return the app's bearer token; "" where Twitter gives out none."""
        if self._credentials.bearer_token:
            return self._credentials.bearer_token
        form = {"grant_type": "client_credentials"}
        try:
            body = self._http.basic("POST", f"{self._base}/oauth2/token", self._credentials, data=form).json()
        except ConnectorError as error:
            if not isinstance(error, CredentialsRejected) and error.status not in NOT_OFFERED:
                raise
            return ""
        token = body.get("access_token") if isinstance(body, dict) else None
        return token if isinstance(token, str) else ""


def _looked_up_sends(answer: Answer) -> list[Any]:
    body = answer.json()
    if isinstance(body, list):
        return body
    environments = body.get("environments") if isinstance(body, dict) else None
    if not isinstance(environments, list):
        # Taken for an empty list, it would have a second webhook registered.
        raise ServiceUnavailable("twitter_odd_answer", "Twitter's list of webhooks is not one. Try again later.")
    return [w for e in environments if isinstance(e, dict) for w in e.get("webhooks") or []]


def _webhook(item: object) -> Webhook | None:
    if not isinstance(item, dict) or not item.get("id") or not item.get("url"):
        return None
    # Where nothing is said about it, nothing is wrong with it.
    return Webhook(str(item["id"]), str(item["url"]), item.get("valid", True) is True)
