"""The last OAuth 2.0 pair of each grant, sealed, by a digest of the refresh token that began it."""

from __future__ import annotations

import hashlib
import json

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.logs import hide
from twitter_connector.model.oauth2 import TokenPair

from .vault import Vault


class TokenPairs:
    """Raises StoreUnavailable, and Permanent(credentials_key_wrong)."""

    def __init__(self, client: redis.Redis, vault: Vault) -> None:
        self._client = client
        self._vault = vault

    def of(self, seed: str) -> TokenPair | None:
        """Return the last pair of a grant; None for a seed that was not used yet."""
        with store_errors():
            sealed: str | None = self._client.hget(keys.TOKEN_PAIRS, _digest(seed))  # type: ignore[assignment]
        if sealed is None:
            return None
        access, refresh, seconds = json.loads(self._vault.open(sealed))
        hide(access, refresh)
        return TokenPair(access, refresh, seconds)

    def store(self, seed: str, pair: TokenPair) -> None:
        """Store a pair in place of the one before."""
        hide(pair.access_token, pair.refresh_token)
        sealed = self._vault.seal(json.dumps([pair.access_token, pair.refresh_token, pair.seconds]))
        with store_errors():
            self._client.hset(keys.TOKEN_PAIRS, _digest(seed), sealed)


def _digest(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()
