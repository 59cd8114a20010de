"""Makes the parts of X Chat for any account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatStore

from ..http import TwitterHttp
from .calls import ChatCalls
from .library import MISSING, is_installed, library
from .reader import ChatReader
from .setup import ChatSetup


@dataclass(frozen=True)
class Chats:
    """store: keeps the keys. budget: see AccountMessages."""

    http: TwitterHttp
    base_url: str
    store: ChatStore
    budget: Callable[[str, str, int, int, int], None]

    MISSING: ClassVar[str] = MISSING

    def reader(self) -> ChatReader:
        """Return what reads encrypted messages."""
        return ChatReader(self.store, self.calls)

    def setup(self, account: Account) -> ChatSetup:
        """Return what gets an account's keys into the connector."""
        return ChatSetup(account, self.calls(account))

    @staticmethod
    def require_library() -> None:
        """Raise Permanent(chat_library_missing) if the library cannot be loaded."""
        library()

    @staticmethod
    def library_version() -> str | None:
        """Return the version of the library that is installed here; None without one."""
        return version("chatxdk") if is_installed() else None

    def calls(self, account: Account) -> ChatCalls:
        """Return the calls of an account."""
        return ChatCalls(self.http, self.base_url, account, self.budget)
