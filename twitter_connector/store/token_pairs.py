"""The last OAuth 2.0 pair of each grant, sealed, by a digest of the refresh token that began it."""

from __future__ import annotations

import hashlib
import json

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.line import Line, Script
from twitter_connector.broker.lua import source
from twitter_connector.broker.replicas import Awaited
from twitter_connector.logs import hide
from twitter_connector.model.oauth2 import TokenPair

from .vault import Vault


class TokenPairs:
    """Raises StoreUnavailable, and Permanent(credentials_key_wrong)."""

    def __init__(self, client: redis.Redis, vault: Vault, line: Line) -> None:
        self._client = client
        self._vault = vault
        # A pair that is lost with the primary ends the grant: X has used up the refresh token before it.
        self._store = Script(line, source(__package__, "store_pair"), (keys.TOKEN_PAIRS,), awaited=Awaited.STEP)

    def of(self, seed: str) -> TokenPair | None:
        """Return the last pair of a grant; None for a seed that was not used yet."""
        with store_errors():
            sealed: str | None = self._client.hget(keys.TOKEN_PAIRS, _digest(seed))  # type: ignore[assignment]
        if sealed is None:
            return None
        access, refresh, seconds, *until = json.loads(self._vault.open(sealed))
        hide(_owner(seed), access, refresh)
        return TokenPair(access, refresh, seconds, *until)

    def store(self, seed: str, pair: TokenPair) -> None:
        """Store a pair in place of the one before, and wait for replicas, if any are wanted."""
        hide(_owner(seed), pair.access_token, pair.refresh_token)
        values = [pair.access_token, pair.refresh_token, pair.seconds, pair.until]
        self._store(_digest(seed), self._vault.seal(json.dumps(values)))

    def replaced(self, seed: str) -> bool:
        """Return whether an account had this grant before the one it has now."""
        with store_errors():
            return bool(seed and self._client.sismember(keys.REPLACED_GRANTS, _digest(seed)))

    def forget(self, seed: str, *, replaced: bool = False) -> None:
        """Remove the pair of a grant. replaced: the account has another grant now."""
        if not seed:
            return
        hide(_owner(seed))
        with store_errors(), replicated(self._client) as pipe:
            pipe.hdel(keys.TOKEN_PAIRS, _digest(seed))
            if replaced:
                pipe.sadd(keys.REPLACED_GRANTS, _digest(seed))
            pipe.execute()


def _owner(seed: str) -> str:
    return f"grant {_digest(seed)[:16]}"


def _digest(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()
