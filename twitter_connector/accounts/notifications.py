"""Tells NOTIFY_URL once when an account needs a person, and once when it is well again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from twitter_connector.errors import ConnectorError
from twitter_connector.model.account import Account

log = logging.getLogger(__name__)

# In the account status: 1 while the last notification said that a person is needed.
NOTIFIED = "notified"


class StatusPort(Protocol):
    """See store/accounts.py."""

    def note(self, account_id: str, **account_status: int) -> None: ...
    def account_status(self, account_id: str) -> Mapping[str, int]: ...


class Notifications:
    """post: sends a sentence, and raises ConnectorError if it was not taken."""

    def __init__(self, post: Callable[[str], None], accounts: StatusPort) -> None:
        self._post = post
        self._accounts = accounts

    def notify(self, account: Account, attention: str | None) -> None:
        """Send a notification if the account's need of a person has begun or ended since the last one.

        attention: what a person has to do; None or "" for nothing. A notification that is not taken is logged and sent
        by the next call. Raises StoreUnavailable.
        """
        if bool(attention) == bool(self._accounts.account_status(account.id).get(NOTIFIED)):
            return
        name = f"@{account.screen_name} ({account.id})" if account.screen_name else account.id
        sentence = f"needs a person: {attention}" if attention else "is well again."
        try:
            self._post(f"X account {name} {sentence}")
        except ConnectorError as error:
            log.warning("notification_not_sent", extra={"reason": error.reason, "status": error.status})
            return
        self._accounts.note(account.id, **{NOTIFIED: int(bool(attention))})
