"""X Chat's keys, sealed: the private keys of accounts, and the keys of their conversations."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.logs import hide
from twitter_connector.model.chat import ChatKeys, ConversationKeys, PublicKey

from .chat_notices import notice_key
from .vault import Vault


class ChatKeyStore:
    """Every method raises StoreUnavailable; those that open keys raise Permanent(credentials_key_wrong)."""

    def __init__(self, client: redis.Redis, vault: Vault) -> None:
        self._client = client
        self._vault = vault

    def keys(self, account_id: str) -> ChatKeys | None:
        """Return the private keys of an account; None without any."""
        with store_errors():
            sealed: str | None = self._client.hget(keys.CHAT_KEYS, account_id)  # type: ignore[assignment]
        if sealed is None:
            return None
        version, blob = json.loads(self._vault.open(sealed))
        hide(_owner(account_id), blob)
        return ChatKeys(account_id, version, base64.b64decode(blob))

    def has_keys(self, account_id: str) -> bool:
        """Return whether there are private keys of an account, without opening them."""
        with store_errors():
            return bool(self._client.hexists(keys.CHAT_KEYS, account_id))

    def store(self, chat_keys: ChatKeys) -> None:
        """Store an account's keys in place of those before. The keys of its conversations stay."""
        blob = base64.b64encode(chat_keys.blob).decode()
        hide(_owner(chat_keys.account_id), blob)
        sealed = self._vault.seal(json.dumps([chat_keys.version, blob]))
        with store_errors(), replicated(self._client) as pipe:
            pipe.hset(keys.CHAT_KEYS, chat_keys.account_id, sealed)
            pipe.execute()

    def forget(self, account_id: str) -> bool:
        """Delete the keys of an account and of all its conversations. Return whether there were any.

        Their next encrypted message brings a notice again, also on a day that had one before the keys came.
        """
        hide(_owner(account_id))
        with store_errors():
            customers: list[str] = self._client.hkeys(_conversations(account_id))  # type: ignore[assignment]
            with replicated(self._client) as pipe:
                pipe.hdel(keys.CHAT_KEYS, account_id)
                pipe.delete(_conversations(account_id))
                if customers:
                    pipe.delete(*(notice_key(account_id, customer_id) for customer_id in customers))
                deleted = pipe.execute()
        return any(deleted[:2])

    def conversations(self, account_id: str) -> int:
        """Return how many conversations of an account have keys here."""
        with store_errors():
            return int(self._client.hlen(_conversations(account_id)))

    def conversation(self, account_id: str, customer_id: str) -> ConversationKeys:
        """Return the keys of a conversation, empty ones if none are stored."""
        with store_errors():
            sealed: str | None = self._client.hget(_conversations(account_id), customer_id)  # type: ignore[assignment]
        if sealed is None:
            return ConversationKeys()
        by_version, public_keys = json.loads(self._vault.open(sealed))
        opened = {version: base64.b64decode(key) for version, key in by_version.items()}
        return ConversationKeys(opened, tuple(PublicKey(**key) for key in public_keys))

    def keep(self, account_id: str, customer_id: str, conversation: ConversationKeys) -> None:
        """Store the keys of a conversation. If there are too many, those of another one go."""
        by_version = {version: base64.b64encode(key).decode() for version, key in conversation.keys.items()}
        sealed = self._vault.seal(json.dumps([by_version, [asdict(key) for key in conversation.public_keys]]))
        with store_errors():
            self._client.hset(_conversations(account_id), customer_id, sealed)
            if self.conversations(account_id) > keys.CHAT_CONVERSATIONS_MAX:
                # Two are asked for, since one of them may be this.
                known: list[str] = self._client.hrandfield(_conversations(account_id), 2)  # type: ignore[assignment]
                self._client.hdel(_conversations(account_id), *[one for one in known if one != customer_id][:1])


def _owner(account_id: str) -> str:
    return f"X Chat keys of {account_id}"


def _conversations(account_id: str) -> str:
    return keys.CHAT_CONVERSATIONS.format(account=quote(account_id, safe=""))
