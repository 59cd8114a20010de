"""Stores the channel type's id, and when CCM was last asked for the settings of an account."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source

_HOLD = source(__package__, "hold")
_BEGIN = source(__package__, "begin_enquiry")
_END = source(__package__, "end_enquiry")


class Enquiries:
    """Requests to CCM about accounts. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def may_pull(self, account_id: str) -> bool:
        """Return True if CCM may be asked about this account now: one process may, once in PULL_SECONDS."""
        key = keys.PULLED.format(account=quote(account_id, safe=""))
        with store_errors():
            return bool(self._client.eval(_HOLD, 1, key, uuid4().hex, keys.PULL_SECONDS, 1))

    def begin_enquiry(self, account_id: str, seconds: int) -> str:
        """Return "" if the caller may ask CCM about an unregistered account now; otherwise the reason why not.

        With "", no other caller may ask for so many seconds, and the caller reports the result to `end_enquiry`.
        The reasons: "asking" (another caller asks), the state an earlier enquiry ended with, or "full" (too many
        accounts were asked about recently).
        """
        with store_errors():
            state = self._client.eval(
                _BEGIN, 1, keys.ENQUIRIES, account_id, keys.ENQUIRIES_MAX, seconds, keys.PULL_SECONDS
            )
        return str(state)

    def end_enquiry(self, account_id: str, state: str, seconds: int) -> None:
        """Store the result of an enquiry for so many seconds, PULL_SECONDS at most. Nobody asks during that time."""
        with store_errors():
            self._client.eval(_END, 1, keys.ENQUIRIES, account_id, state, seconds, keys.PULL_SECONDS)

    def forget_enquiry(self, account_id: str) -> None:
        """Delete the result of an enquiry, so that the next message of this account asks again."""
        with store_errors():
            self._client.hdel(keys.ENQUIRIES, account_id)

    def name_type(self, channel_type_id: str) -> None:
        """Store the id of the channel type that an operator names."""
        with store_errors(), replicated(self._client) as pipe:
            pipe.set(keys.CHANNEL_TYPE, channel_type_id)
            pipe.execute()

    def type_id(self) -> str | None:
        """Return the id of the channel type that an operator set, or None."""
        with store_errors():
            type_id: str | None = self._client.get(keys.CHANNEL_TYPE)  # type: ignore[assignment]
        return type_id
