"""What is remembered of the channel itself: its type's id, and when CCM was last asked for an account's settings."""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.lua import source

_BEGIN = source(__package__, "begin_enquiry")
_END = source(__package__, "end_enquiry")


class Enquiries:
    """Raises StoreUnavailable when the broker does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def may_pull(self, account_id: str) -> bool:
        """Say whether CCM may be asked for this account now, and count it as asked: once in a while, by one
        process of all."""
        key = keys.PULLED.format(account=quote(account_id, safe=""))
        with store_errors():
            return bool(self._client.set(key, 1, nx=True, ex=keys.PULL_SECONDS))

    def begin_enquiry(self, account_id: str, seconds: int) -> str:
        """Say whether CCM may be asked about an account nobody registered: "" where the caller, as the only one for so
        many seconds, is to ask now and then to say how it ended. Otherwise how it stands: "asking", the state an
        enquiry ended with, or "full" where too many accounts have been asked about lately."""
        with store_errors():
            state = self._client.eval(
                _BEGIN, 1, keys.ENQUIRIES, account_id, keys.ENQUIRIES_MAX, seconds, keys.PULL_SECONDS
            )
        return str(state)

    def end_enquiry(self, account_id: str, state: str, seconds: int) -> None:
        """Remember for so many seconds, PULL_SECONDS at most, how the enquiry ended; nobody asks meanwhile."""
        with store_errors():
            self._client.eval(_END, 1, keys.ENQUIRIES, account_id, state, seconds, keys.PULL_SECONDS)

    def forget_enquiry(self, account_id: str) -> None:
        """Let the next message of this account ask again."""
        with store_errors():
            self._client.hdel(keys.ENQUIRIES, account_id)

    def name_type(self, channel_type_id: str) -> None:
        with store_errors():
            self._client.set(keys.CHANNEL_TYPE, channel_type_id)

    def type_id(self) -> str | None:
        """Return the id of the channel type an operator named, or None."""
        with store_errors():
            found: str | None = self._client.get(keys.CHANNEL_TYPE)  # type: ignore[assignment]
        return found
