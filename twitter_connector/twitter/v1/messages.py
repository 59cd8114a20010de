"""Direct Messages of API v1.1: paths and bodies. One object serves one account."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from twitter_connector.errors import Endpoint, OutcomeUnknown, Scope, ServiceUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.event import DM, DmEchoed, DmReceived, RawEvent
from twitter_connector.model.plan import QuickReply, SendDm
from twitter_connector.model.timestamps import epoch_ms, first_id_at, moment
from twitter_connector.net.answers import Answer

from ..dm_objects import load, raw_event
from ..http import TwitterHttp, budget_in

log = logging.getLogger(__name__)

# Pages of the list of messages are 50 long at most; ten of them reach further back than any outage we settle.
PAGES_MAX = 10
# A reply waits for the message it quotes no longer than this.
SHOW_SECONDS = 3.0
# A typing indicator that takes longer is not worth a thread.
TYPING_SECONDS = 3.0
_DM_PATH = "/1.1/direct_messages/"


class V1Messages:
    """Raises what twitter/http.classify returns. budget: called with account id, endpoint, limit, remaining and reset
    (epoch seconds) of each answer that has them."""

    def __init__(
        self,
        http: TwitterHttp,
        base_url: str,
        account: Account,
        budget: Callable[[str, str, int, int, int], None],
    ) -> None:
        self._http = http
        self._base = base_url
        self._credentials = account.credentials
        self._account_id = account.id
        self._budget = budget

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one message and return its id, or where Twitter does not tell it, the first id there can be
        at this moment. The JSON body is not part of the signature."""
        message = {"target": {"recipient_id": recipient_id}, "message_data": message_data(step)}
        event = {"event": {"type": "message_create", "message_create": message}}
        begun_ms = int(time.time() * 1000)
        answer = self._signed("POST", "/1.1/direct_messages/events/new.json", Endpoint.SEND, acts=True, json=event)
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
        raise OutcomeUnknown(
            "outcome_unknown", "Twitter's answer to a send names no message id.", endpoint=Endpoint.SEND
        )

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        # Form fields, which are part of the signature; the documents' own header line says otherwise, wrongly.
        form = {"last_read_event_id": event_id, "recipient_id": recipient_id}
        self._signed("POST", "/1.1/direct_messages/mark_read.json", Endpoint.MARK_READ, data=form)

    def show_typing(self, recipient_id: str) -> None:
        form = {"recipient_id": recipient_id}
        path = "/1.1/direct_messages/indicate_typing.json"
        self._signed("POST", path, Endpoint.TYPING, seconds=TYPING_SECONDS, data=form)

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        """Return one of the account's messages of either direction. Twitter allows 15 calls in 15 minutes."""
        params = {"id": event_id}
        path = f"{_DM_PATH}events/show.json"
        body = self._signed("GET", path, Endpoint.SHOW, params=params, seconds=SHOW_SECONDS).json()
        event = body.get("event") if isinstance(body, dict) else None
        dm = load({"for_user_id": self._account_id, DM: [event], "users": {}})
        if not isinstance(dm, DmReceived | DmEchoed):
            raise _odd("X shows something else than a message.", Endpoint.SHOW)
        return dm

    def sent_since(self, since: datetime) -> list[DmEchoed]:
        """Return the account's own messages since a moment, newest first. X allows 15 calls in 15 minutes."""
        return [
            DmEchoed(self._account_id, e.customer_id, e.id, moment(e.created_ms), e.text, e.links, e.app_id or None)
            for e in self.events_since(since)
            if e.own
        ]

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Yield the account's messages of both directions since a moment, newest first, each as the webhook would
        have brought it, but without names: the list has none. X allows 15 calls in 15 minutes."""
        cursor = ""
        for _ in range(PAGES_MAX):
            params = {"count": "50", **({"cursor": cursor} if cursor else {})}
            body = self._signed("GET", "/1.1/direct_messages/events/list.json", Endpoint.LIST, params=params).json()
            if not isinstance(body, dict):
                raise _odd("X's list of messages is not JSON.", Endpoint.LIST)
            for item in body.get("events") or []:
                event = raw_event(DM, item, self._account_id, {})
                if not event.readable:
                    continue  # the list also has events of other kinds
                if event.created_ms < epoch_ms(since):
                    return
                yield event
            # A page may be empty and have a cursor: the end is where there is no cursor.
            cursor = str(body.get("next_cursor") or "")
            if not cursor:
                return
        log.error(
            "backfill_cut_off", extra={"account": self._account_id, "pages": PAGES_MAX, "since": since.isoformat()}
        )

    def _signed(self, method: str, path: str, endpoint: Endpoint, *, acts: bool = False, **kwargs: Any) -> Answer:
        def seen(headers: Mapping[str, str]) -> None:
            position = budget_in(headers)
            if position is not None and path.startswith(_DM_PATH):
                self._budget(self._account_id, path.removeprefix(_DM_PATH).removesuffix(".json"), *position)

        url = f"{self._base}{path}"
        return self._http.signed(method, url, self._credentials, endpoint=endpoint, acts=acts, seen=seen, **kwargs)


def _odd(detail: str, endpoint: Endpoint) -> ServiceUnavailable:
    return ServiceUnavailable("twitter_odd_answer", detail, scope=Scope.ENDPOINT, endpoint=endpoint)


def message_data(step: SendDm) -> dict[str, Any]:
    """Return the `message_data` of a message.

    https://developer.x.com/en/docs/twitter-api/v1/direct-messages/sending-and-receiving/api-reference/new-event
    """
    data: dict[str, Any] = {"text": step.text}
    if step.quick_replies:
        data["quick_reply"] = {"type": "options", "options": [_option(option) for option in step.quick_replies]}
    if step.link_buttons:
        data["ctas"] = [{"type": "web_url", "label": b.label, "url": b.url} for b in step.link_buttons]
    if step.media_id:
        data["attachment"] = {"type": "media", "media": {"id": step.media_id}}
    elif step.location is not None:
        # GeoJSON: longitude first.
        point = {"type": "Point", "coordinates": [step.location.longitude, step.location.latitude]}
        location = {"type": "shared_coordinate", "shared_coordinate": {"coordinates": point}}
        data["attachment"] = {"type": "location", "location": location}
    return data


def _option(option: QuickReply) -> dict[str, str]:
    fields = {"label": option.label, "metadata": option.metadata}
    return {**fields, "description": option.description} if option.description else fields
