"""Direct Messages of API v1.1: paths and bodies. One object serves one account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from twitter_connector.errors import Endpoint, OutcomeUnknown
from twitter_connector.model.event import DM, DmEchoed, DmReceived, RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.plan import QuickReply, SendDm
from twitter_connector.model.timestamps import epoch_ms, first_id_at
from twitter_connector.net.answers import Answer

from ..account_messages import SHOW_SECONDS, AccountMessages
from ..dm_objects import load, raw_event
from ..http import errors_in, odd_answer
from ..rows import rows_of

# Pages of the list of messages are 50 long at most; ten of them reach further back than any outage we settle.
PAGES_MAX = 10
# A typing indicator that takes longer is not worth a thread.
TYPING_SECONDS = 3.0
_DM_PATH = "/1.1/direct_messages/"


class V1Messages(AccountMessages):
    """The Direct Messages of one account over API v1.1."""

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one message and return its id; if X does not name it, the first id that is possible
        at this moment. The JSON body is not part of the signature."""
        message = {"target": {"recipient_id": recipient_id}, "message_data": message_data(step)}
        event = {"event": {"type": "message_create", "message_create": message}}
        begun_at = self._http.x_clock()
        answer = self._signed("POST", "/1.1/direct_messages/events/new.json", Endpoint.SEND, acts=True, json=event)
        body = answer.json()
        if dm_id := id_text(mapping_of(mapping_of(body).get("event")).get("id")):
            return dm_id
        if isinstance(body, dict) and not errors_in(body):
            # X's documents leave the id out of this answer. The message is sent all the same, under an id above
            # this one, so that who has read up to it has read the message.
            return first_id_at(epoch_ms(begun_at))
        # A success whose body is not X's: the echo will show whether the message was sent, and its id.
        raise OutcomeUnknown("outcome_unknown", "X's answer to a send names no message id.", endpoint=Endpoint.SEND)

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        # Form fields, which are part of the signature; the documents' own header line says otherwise, wrongly.
        form = {"last_read_event_id": event_id, "recipient_id": recipient_id}
        self._signed("POST", "/1.1/direct_messages/mark_read.json", Endpoint.MARK_READ, data=form)

    def show_typing(self, recipient_id: str) -> None:
        form = {"recipient_id": recipient_id}
        path = "/1.1/direct_messages/indicate_typing.json"
        self._signed("POST", path, Endpoint.TYPING, seconds=TYPING_SECONDS, data=form)

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        """Return one of the account's messages of either direction. X allows 15 calls in 15 minutes."""
        params = {"id": event_id}
        path = f"{_DM_PATH}events/show.json"
        body = self._signed("GET", path, Endpoint.SHOW, params=params, seconds=SHOW_SECONDS).json()
        event = body.get("event") if isinstance(body, dict) else None
        dm = load({"for_user_id": self._account_id, DM: [event], "users": {}}) if isinstance(event, dict) else None
        if not isinstance(dm, DmReceived | DmEchoed):
            raise odd_answer("X shows something else than a message.", Endpoint.SHOW)
        return dm

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Yield the account's messages of both directions since a moment, newest first, each as the webhook would
        have brought it, but without names: the list has none. X allows 15 calls in 15 minutes."""
        cursor = ""
        for _ in range(PAGES_MAX):
            params = {"count": "50", **({"cursor": cursor} if cursor else {})}
            body = self._signed("GET", "/1.1/direct_messages/events/list.json", Endpoint.LIST, params=params).json()
            for item in rows_of(body, "events", Endpoint.LIST):
                event = raw_event(DM, item, self._account_id, {})
                if not event.readable and mapping_of(item).get("type") != "message_create":
                    continue  # the list also has events of other kinds
                if event.created_ms >= epoch_ms(since):
                    yield event
                elif event.readable:
                    return
            # A page may be empty and have a cursor: the end is where there is no cursor.
            cursor = str(body.get("next_cursor") or "")
            if not cursor:
                return
        self._cut_off(PAGES_MAX, since)

    def _signed(self, method: str, path: str, endpoint: Endpoint, **kwargs: Any) -> Answer:
        limit = path.removeprefix(_DM_PATH).removesuffix(".json")
        return self._as_user(method, path, limit, endpoint, **kwargs)


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
