"""Secrets of accounts whose address is tried by our own challenge before they are registered."""

from __future__ import annotations

from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors

from .vault import Vault


class Trials:
    """Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis, vault: Vault) -> None:
        self._client = client
        self._vault = vault

    def begin(self, account_id: str, consumer_secret: str) -> None:
        """Let every replica answer challenges for this account for some seconds."""
        with store_errors():
            self._client.set(_key(account_id), self._vault.seal(consumer_secret), ex=keys.TRIAL_SECONDS)

    def secret(self, account_id: str) -> str | None:
        """Return the consumer secret of an account that is being tried; None for any other."""
        with store_errors():
            sealed: str | None = self._client.get(_key(account_id))  # type: ignore[assignment]
        return None if sealed is None else self._vault.open(sealed)

    def end(self, account_id: str) -> None:
        with store_errors():
            self._client.delete(_key(account_id))


def _key(account_id: str) -> str:
    return keys.TRIAL.format(account=quote(account_id, safe=""))
