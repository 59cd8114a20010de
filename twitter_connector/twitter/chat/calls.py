"""The calls of X Chat: paths and bodies, all of them ciphertext and public keys. One object serves one account.

https://docs.x.com/x-api/chat
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import Endpoint, UnsupportedKind
from twitter_connector.model.chat import PublicKey
from twitter_connector.model.event import RawEvent, id_text
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.net.answers import Answer

from ..account_messages import AccountMessages
from ..http import odd_answer

# An unknown name among the fields makes X refuse the call.
EVENT_FIELDS = "id,encoded_event,sender_id"
CONVERSATION_FIELDS = "id,updated_at"
EVENTS_MAX = 100
UPLOAD_SECONDS = 60.0


class ChatCalls(AccountMessages):
    """Raises what twitter/http.classify returns."""

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Raise UnsupportedKind: X lists encrypted messages of one conversation at a time."""
        raise UnsupportedKind("not_offered_by_x", "X Chat has no list of an account's messages.")

    def public_keys(self, user_id: str) -> list[PublicKey]:
        """Return a user's public keys as X's directory has them; none for a user who does not use X Chat."""
        return [
            PublicKey(user_id, version, *values)
            for row in self.directory(user_id)
            if (version := id_text(row.get("public_key_version")))
            and all(values := [str(row.get(name) or "") for name in _KEY_FIELDS])
        ]

    def directory(self, user_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a user's entries in X's directory of keys; the account's own have `juicebox_config`."""
        answer = self._chat("GET", f"/2/users/{quote(user_id, safe='')}/public_keys", Endpoint.SHOW)
        return _rows(answer.json())

    def events(self, customer_id: str) -> tuple[list[str], list[str]]:
        """Return (events, key changes) of a conversation, the newest events first, all of them encrypted."""
        params = {"max_results": str(EVENTS_MAX), "chat_message_event.fields": EVENT_FIELDS}
        answer = self._chat("GET", f"{self._path(customer_id)}/events", Endpoint.SHOW, params=params)
        body = mapping_of(answer.json())
        changes = mapping_of(body.get("meta")).get("conversation_key_events")
        rows = [str(row.get("encoded_event") or "") for row in _rows(body)]
        return rows, [str(change) for change in changes] if isinstance(changes, list) else []

    def history(self, customer_id: str, token: str = "") -> tuple[Sequence[Mapping[str, Any]], str]:
        """Return one page of a conversation's events, the newest first, and the token of the next, older one."""
        params = {"max_results": str(EVENTS_MAX), "chat_message_event.fields": EVENT_FIELDS}
        return self._page(f"{self._path(customer_id)}/events", params, token)

    def conversations(self, token: str = "") -> tuple[Sequence[Mapping[str, Any]], str]:
        """Return one page of the account's conversations, and the token of the next one; "" on the last."""
        params = {"max_results": str(EVENTS_MAX), "chat_conversation.fields": CONVERSATION_FIELDS}
        return self._page("/2/chat/conversations", params, token)

    def _page(self, path: str, params: Mapping[str, str], token: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        query = {**params, **({"pagination_token": token} if token else {})}
        body = mapping_of(self._chat("GET", path, Endpoint.LIST, params=query).json())
        return _rows(body), str(mapping_of(body.get("meta")).get("next_token") or "")

    def post(self, customer_id: str, what: str, body: Mapping[str, Any], endpoint: Endpoint) -> Mapping[str, Any]:
        """Post to a conversation and return the `data` of the answer. what: keys, messages, read or typing.

        Raises OutcomeUnknown if a message may have been sent.
        """
        sends = endpoint is Endpoint.SEND
        kwargs: dict[str, Any] = {"json": body} if body else {}
        answer = self._chat("POST", f"{self._path(customer_id)}/{what}", endpoint, acts=sends, **kwargs)
        return mapping_of(mapping_of(answer.json()).get("data"))

    def upload(self, step: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one step of an upload and return the `data` of the answer."""
        path = f"/2/chat/media/upload/{step}"
        answer = self._as_user(
            "POST", path, "chat/upload", Endpoint.UPLOAD, oauth2=True, seconds=UPLOAD_SECONDS, json=body
        )
        return mapping_of(mapping_of(answer.json()).get("data"))

    def register(self, path: str, body: Mapping[str, Any], endpoint: Endpoint) -> object:
        """Post to X's directory of keys and return the JSON of the answer."""
        return self._chat("POST", path, endpoint, json=body).json()

    def _path(self, customer_id: str) -> str:
        one, other = sorted((self._account_id, customer_id), key=int)
        return f"/2/chat/conversations/{quote(one, safe='')}-{quote(other, safe='')}"

    def _chat(self, method: str, path: str, endpoint: Endpoint, *, acts: bool = False, **kwargs: Any) -> Answer:
        # X lists OAuth 1.0a for these calls; its own examples use OAuth 2.0.
        limit = f"chat/{path.rsplit('/', 1)[-1]}"
        answer = self._as_user(method, path, limit, endpoint, acts=acts, oauth2=True, **kwargs)
        # Typing indicators and read marks need no answer.
        has_body = method == "GET" or bool(answer.body.strip())
        if not acts and has_body and not isinstance(answer.json(), Mapping):
            raise odd_answer("X's answer about X Chat is not a JSON object.", endpoint)
        return answer


_KEY_FIELDS = ("public_key", "signing_public_key", "identity_public_key_signature")


def _rows(body: object) -> Sequence[Mapping[str, Any]]:
    data = mapping_of(body).get("data")
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, Mapping)]
