"""Direct Messages of API v2: paths and bodies. One object serves one account.

https://docs.x.com/x-api/direct-messages/manage/introduction
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import (
    Endpoint,
    OutcomeUnknown,
    Permanent,
    RecipientRefused,
    Scope,
    ServiceUnavailable,
    UnsupportedKind,
)
from twitter_connector.model.event import DmEchoed, DmReceived, Person, RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.model.lookup import Budget, Page
from twitter_connector.model.plan import SendDm
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.usage import DM_READ, USER_READ

from ..account_messages import SHOW_SECONDS, AccountMessages
from ..dm_objects import load
from ..http import SECONDS, budget_in, day_budgets_in, odd_answer
from ..quoted_words import quotable
from ..rows import rows_of
from .dm_events import (
    EXPANSIONS,
    FIELDS,
    FIELDS_WITHOUT_SENDER,
    MEDIA_FIELDS,
    USER_FIELDS,
    ids_in,
    lacks_messages,
    page_events,
)

LOOKUP_PATH = "/2/dm_events"
# One page of up to 100 messages costs one of the 15 calls that X allows in 15 minutes.
PAGE_MAX = 100
# X bills every message of a page, and most look-ups find what they look for among the newest.
FIRST_PAGE = 20
PAGES_MAX = 10


class V2Messages(AccountMessages):
    """The Direct Messages of one account over API v2."""

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one message and return its id. Raises OutcomeUnknown if it may have been sent."""
        body: dict[str, Any] = {}
        if step.text:
            body["text"] = step.text
        if step.media_id:
            body["attachments"] = [{"media_id": step.media_id}]
        path = f"/2/dm_conversations/with/{quote(recipient_id, safe='')}/messages"
        try:
            response = self._as_user(
                "POST", path, "dm_conversations/with/messages", Endpoint.SEND, acts=True, json=body
            )
        except Permanent as error:
            # Without a word of X (a web page of something on the way, for example) nobody knows who refused what.
            if error.status != 403 or error.reason != "request_refused" or not error.words:
                raise
            raise _refused(error, has_file=bool(step.media_id)) from error
        if position := day_budgets_in(response.headers).get("app"):
            self._app_send(self._account, position[0], position[1], self._http.x_clock.in_service_time(position[2]))
        answer = response.json()
        data = answer.get("data") if isinstance(answer, Mapping) else None
        dm_id = id_text(data.get("dm_event_id")) if isinstance(data, Mapping) else ""
        if not dm_id:
            raise OutcomeUnknown("outcome_unknown", "X's answer to a send names no message id.", endpoint=Endpoint.SEND)
        return dm_id

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        """Raise UnsupportedKind: API v2 has no read marks for unencrypted messages."""
        raise UnsupportedKind("not_offered_by_x", "X API v2 has no read marks for Direct Messages.")

    def show_typing(self, recipient_id: str) -> None:
        """Raise UnsupportedKind: API v2 has no typing indicator for unencrypted messages."""
        raise UnsupportedKind("not_offered_by_x", "X API v2 has no typing indicator for Direct Messages.")

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        """Return one message of the account. X allows 15 calls in 15 minutes."""
        path = f"{LOOKUP_PATH}/{quote(event_id, safe='')}"
        body, _ = self._looked_up(path, {}, Endpoint.SHOW, SHOW_SECONDS)
        events = page_events(body, self._account_id)
        dm = load(events[0].envelope) if events and events[0].readable else None
        if not isinstance(dm, DmReceived | DmEchoed):
            raise odd_answer("X returned something else than a message.", Endpoint.SHOW)
        return dm

    def person(self, user_id: str) -> Person:
        """Return the names of a user; "" for those that X does not return."""
        path = f"/2/users/{quote(user_id, safe='')}"
        answer = self._as_user("GET", path, "users", Endpoint.SHOW, seconds=SHOW_SECONDS)
        data = mapping_of(mapping_of(answer.json()).get("data"))
        if data:
            self._used(self._account_id, USER_READ, [user_id])
        return Person(user_id, str(data.get("name") or ""), str(data.get("username") or ""))

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Yield the account's messages of both directions since a moment, newest first. Each page is one call.

        Raises ServiceUnavailable after a partial page, so that the caller asks again.
        """
        token = ""
        for number in range(PAGES_MAX):
            page = self.page(PAGE_MAX if number else FIRST_PAGE, token)
            for event in page.events:
                if event.created_ms >= epoch_ms(since):
                    yield event
                elif event.readable:
                    return
            if not page.whole:
                raise ServiceUnavailable(
                    "twitter_partial_answer",
                    "X returned only a part of the messages.",
                    scope=Scope.ENDPOINT,
                    endpoint=Endpoint.LIST,
                )
            token = page.next_token
            if not token:
                return
        self._cut_off(PAGES_MAX, since)

    def page(self, size: int, token: str = "") -> Page:
        """Return one page of messages. size: 1 to 100 messages; X bills each one."""
        params = {"max_results": str(size), **({"pagination_token": token} if token else {})}
        body, budget = self._looked_up(LOOKUP_PATH, params, Endpoint.LIST)
        rows_of(body, "data", Endpoint.LIST)
        return Page(
            tuple(page_events(body, self._account_id)),
            next_token=str(mapping_of(body.get("meta")).get("next_token") or ""),
            whole=not lacks_messages(body),
            budget=budget,
        )

    def _looked_up(
        self, path: str, params: dict[str, str], endpoint: Endpoint, seconds: float = SECONDS
    ) -> tuple[Mapping[str, Any], Budget | None]:
        query = {
            **params,
            "event_types": "MessageCreate",
            "dm_event.fields": FIELDS,
            "expansions": EXPANSIONS,
            "media.fields": MEDIA_FIELDS,
            "user.fields": USER_FIELDS,
        }
        if path != LOOKUP_PATH:
            del query["event_types"]
        try:
            answer = self._as_user("GET", path, "dm_events", endpoint, params=query, seconds=seconds)
        except Permanent as error:
            if error.status != 400 or "sender_id" not in error.words:
                raise
            # X's documentation and its OpenAPI document disagree about this field; the expansion names the sender too.
            query["dm_event.fields"] = FIELDS_WITHOUT_SENDER
            answer = self._as_user("GET", path, "dm_events", endpoint, params=query, seconds=seconds)
        body = answer.json()
        if not isinstance(body, Mapping):
            raise odd_answer("X's list of messages is not JSON.", endpoint)
        self._used(self._account_id, DM_READ, ids_in(body))
        position = budget_in(answer.headers)
        if position is None:
            return body, None
        return body, Budget(position[0], position[1], self._http.x_clock.in_service_time(position[2]))


def _refused(error: Permanent, *, has_file: bool) -> Permanent:
    """Return what a refused send means. X refuses a customer and a file alike: 403, with a problem without a type."""
    facts: dict[str, Any] = {"status": error.status, "words": error.words, "endpoint": error.endpoint}
    if has_file:
        words = quotable(error.words)
        cause = f"HTTP 403: “{words}”" if words else "HTTP 403"
        detail = (
            f"X does not accept the file for this customer, or the customer accepts no messages ({cause}). Try a text."
        )
        return Permanent("media_refused", detail, **facts)
    detail = (
        "The customer does not accept Direct Messages from this account, or never wrote to it. Reach them another way "
        "(HTTP 403)."
    )
    return RecipientRefused("recipient_closed", detail, **facts)
