"""Makes the parts of X Chat for any account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import ClassVar

from twitter_connector.model.account import V2, Account
from twitter_connector.model.chat import ChatStore
from twitter_connector.net.http_client import HttpClient

from ..http import TwitterHttp
from .calls import ChatCalls
from .history import ChatHistory
from .library import MISSING, is_installed, library
from .media import ChatDownloads, ChatUploads
from .messages import ChatMessages
from .reader import ChatReader
from .setup import ChatSetup


@dataclass(frozen=True)
class Chats:
    """store: keeps the keys. budget: see AccountMessages."""

    http: TwitterHttp
    http_client: HttpClient
    clock: Callable[[], datetime]
    base_url: str
    store: ChatStore
    budget: Callable[[str, str, int, int, int], None]

    MISSING: ClassVar[str] = MISSING

    def reader(self) -> ChatReader:
        """Return what reads encrypted messages."""
        return ChatReader(self.store, self.calls)

    def messages(self, account: Account) -> ChatMessages:
        """Return what writes an account's encrypted messages."""
        return ChatMessages(self.store, self.calls, account)

    def uploads(self, account: Account, customer_id: str) -> ChatUploads:
        """Return the uploads to one encrypted conversation."""
        return ChatUploads(self.store, self.calls(account), account, customer_id)

    def downloads(self) -> ChatDownloads:
        """Return the files of encrypted conversations."""
        return ChatDownloads(self.http_client, self.base_url, self.store, self.clock)

    def ready(self, account: Account) -> bool:
        """Return whether the account's encrypted messages can be written here."""
        return account.flavour == V2 and is_installed() and self.store.has_keys(account.id)

    def setup(self, account: Account) -> ChatSetup:
        """Return what gets an account's keys into the connector."""
        return ChatSetup(account, self.calls(account))

    def history(self, account: Account) -> ChatHistory:
        """Return the account's encrypted conversations as X keeps them."""
        return ChatHistory(self.calls(account), account.id)

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
