"""Makes the parts of X Chat for any account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatStore

from ..http import TwitterHttp
from .calls import ChatCalls
from .reader import ChatReader


@dataclass(frozen=True)
class Chats:
    """store: keeps the keys. budget: see AccountMessages."""

    http: TwitterHttp
    base_url: str
    store: ChatStore
    budget: Callable[[str, str, int, int, int], None]

    def reader(self) -> ChatReader:
        """Return what reads encrypted messages."""
        return ChatReader(self.store, self.calls)

    def calls(self, account: Account) -> ChatCalls:
        """Return the calls of an account."""
        return ChatCalls(self.http, self.base_url, account, self.budget)
