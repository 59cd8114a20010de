"""What the Direct Messages of all flavours share: calls whose rate limits are noted, and the account's own messages."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from twitter_connector.errors import Endpoint
from twitter_connector.model.account import Account
from twitter_connector.model.event import DmEchoed, RawEvent
from twitter_connector.model.lookup import SentList
from twitter_connector.model.timestamps import moment
from twitter_connector.net.answers import Answer

from .http import TwitterHttp, budget_in, day_budgets_in

log = logging.getLogger(__name__)

# A reply waits no longer than this for the message that it quotes.
SHOW_SECONDS = 3.0

# From where on a list is whole of which nothing could be read.
_NOWHERE = datetime.max.replace(tzinfo=UTC)

# Takes the account that sent a message, and limit, remaining and reset of its app's limit of 24 hours.
AppSend = Callable[[Account, int, int, datetime], None]


class AccountCalls:
    """Raises what twitter/http.classify returns. budget: called with account id, endpoint, limit, remaining and reset
    (epoch seconds) of each answer that has them. used: called with account id, kind and ids of what X bills.
    app_send: called after each message that was sent, if X names the app's limit of 24 hours."""

    def __init__(
        self,
        http: TwitterHttp,
        base_url: str,
        account: Account,
        budget: Callable[[str, str, int, int, int], None],
        used: Callable[[str, str, Sequence[str]], None] = lambda account_id, kind, ids: None,
        app_send: AppSend = lambda account, limit, remaining, reset: None,
    ) -> None:
        self._http = http
        self._base = base_url
        self._credentials = account.credentials
        self._account_id = account.id
        self._budget = budget
        self._used = used
        self._account = account
        self._app_send = app_send

    def _as_user(
        self, method: str, path: str, limit: str, endpoint: Endpoint, *, acts: bool = False, **kwargs: Any
    ) -> Answer:
        """Call X as the account. limit: the name under which the status shows the call's rate limit."""

        def seen(headers: Mapping[str, str]) -> None:
            position = budget_in(headers)
            if position is not None:
                self._budget(self._account_id, limit, *position)
            for name, of_day in day_budgets_in(headers).items():
                self._budget(self._account_id, f"{limit}, 24 hours, {name}", *of_day)

        url = f"{self._base}{path}"
        return self._http.signed(method, url, self._credentials, endpoint=endpoint, acts=acts, seen=seen, **kwargs)


class AccountMessages(AccountCalls, ABC):
    """The Direct Messages of one account, for one caller at a time."""

    _left_unread = False

    @abstractmethod
    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        """Yield the account's messages of both directions since a moment, newest first."""

    def sent_since(self, since: datetime) -> SentList:
        """Return the account's own messages since a moment, newest first. X allows 15 calls in 15 minutes."""
        self._left_unread = False
        own, reaches = SentList(), _NOWHERE
        for e in self.events_since(since):
            if e.readable:
                reaches = min(reaches, moment(e.created_ms))
            if e.own:
                at = moment(e.created_ms)
                own.append(DmEchoed(self._account_id, e.customer_id, e.id, at, e.text, e.links, e.app_id or None))
        own.reaches = reaches if self._left_unread else None
        return own

    def _cut_off(self, pages: int, since: datetime) -> None:
        """Note and log that older messages were left unread after so many pages."""
        self._left_unread = True
        log.error("backfill_cut_off", extra={"account": self._account_id, "pages": pages, "since": since.isoformat()})
