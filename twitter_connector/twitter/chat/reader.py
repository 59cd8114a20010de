"""Reads one encrypted message: decrypts it, checks who signed it, and says what it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatOpened, ChatReceived, ChatStore

from .calls import ChatCalls
from .codec import Session, Unreadable, session
from .contents import opened_of
from .keyring import Keyring
from .library import MISSING, is_installed

log = logging.getLogger(__name__)


class ChatReader:
    """calls: makes the calls of an account."""

    def __init__(self, store: ChatStore, calls: Callable[[Account], ChatCalls]) -> None:
        self._store = store
        self._calls = calls

    def read(self, chat: ChatReceived, account: Account) -> ChatOpened | None:
        """Return what an encrypted message says; None if the account has no keys here, or the library is missing.

        Keys that are missing are asked for at X once. Raises what the calls raise if asking again later may help.
        """
        keys = self._store.keys(account.id)
        if keys is None:
            return None
        if not is_installed():
            log.error("chat_library_missing", extra={"account": account.id, "detail": MISSING})
            return None
        with session(keys) as opener:
            keyring = Keyring(self._store, self._calls(account), opener, account.id, chat.customer_id)
            keyring.learn([chat.key_change])
            event = _tried(opener, chat, keyring)
            if event is None or not event.get("verified", True):
                keyring.look_up()
                keyring.learn([chat.key_change])
                event = _tried(opener, chat, keyring)
            if event is not None and event["type"] == "KeyChange":
                keyring.learn([chat.encoded])
            keyring.save()
        return opened_of(chat, event)


def _tried(opener: Session, chat: ChatReceived, keyring: Keyring) -> Mapping[str, Any] | None:
    try:
        return opener.opened(chat.encoded, chat.customer_id, keyring.present)
    except Unreadable:
        return None
