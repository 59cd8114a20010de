"""The history of each account, kept as long as the message log: when its webhook, gaps and attention changed."""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.account_history import AccountEvent
from twitter_connector.model.timestamps import epoch_ms, iso, moment

from .accounts import Accounts

_DETAIL_MAX_CHARS = 300
_MINUTE_MS = 60_000
# Pending counts, while the broker is away.
_REFUSED_MAX = 10_000


class AccountHistory:
    """The histories in the broker. days: how long they are kept; 0 keeps none. Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis, days: int, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._lasts = timedelta(days=days)
        self._clock = clock
        self._lock = threading.Lock()
        # (account, epoch minute) -> count.
        self._refused: Counter[tuple[str, int]] = Counter()

    def add(self, account_id: str, event: str, detail: str = "", since: datetime | None = None) -> None:
        """Store that something happens now. since: from when on it concerns messages."""
        if not self._lasts:
            return
        at_ms = epoch_ms(self._clock())
        # The last value sets apart two equal events of one millisecond.
        row = [at_ms, event, detail[:_DETAIL_MAX_CHARS], epoch_ms(since) if since else 0, secrets.token_hex(4)]
        key = keys.HISTORY.format(account=account_id)
        with store_errors():
            pipe = self._client.pipeline(transaction=True)
            pipe.zadd(key, {json.dumps(row, ensure_ascii=False): at_ms})
            pipe.zremrangebyrank(key, 0, -1 - keys.HISTORY_MAX)
            pipe.zremrangebyscore(key, "-inf", at_ms - self._lasts // timedelta(milliseconds=1))
            pipe.pexpire(key, self._lasts)
            pipe.execute()

    def count_refused(self, account_id: str, at: datetime) -> None:
        """Count an event of a registered account whose signature was refused. `flush` stores the counts.

        Asks the broker nothing: whoever sends such events must cost it nothing.
        """
        minute = epoch_ms(at) // _MINUTE_MS
        with self._lock:
            if self._lasts and len(self._refused) < _REFUSED_MAX:
                self._refused[account_id, minute] += 1

    def flush(self) -> None:
        """Store the counts of this process. Called every few seconds. What the broker does not take stays for later."""
        if not self._refused:
            return
        with self._lock:
            refused, self._refused = self._refused, Counter()
        try:
            with store_errors():
                pipe = self._client.pipeline(transaction=True)
                for (account_id, minute), count in refused.items():
                    day = f"{moment(minute * _MINUTE_MS):%Y-%m-%d}"
                    key = keys.REFUSED_SIGNATURES.format(account=account_id, day=day)
                    pipe.hincrby(key, str(minute), count)
                    pipe.pexpire(key, self._lasts + timedelta(days=1))
                pipe.execute()
        except StoreUnavailable:
            with self._lock:
                self._refused += refused
            raise

    def all(self, account_id: str) -> list[AccountEvent]:
        """Return the history of an account, oldest first."""
        now = self._clock()
        days = [now - timedelta(days=back) for back in range(self._lasts.days + 1)]
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            pipe.zrange(keys.HISTORY.format(account=account_id), 0, -1)
            for day in days:
                pipe.hgetall(keys.REFUSED_SIGNATURES.format(account=account_id, day=f"{day:%Y-%m-%d}"))
            rows, *refused = pipe.execute()
        oldest = now - self._lasts
        events = [_event(row) for row in rows]
        events += [_refused(int(minute), int(count)) for counts in refused for minute, count in counts.items()]
        return sorted((event for event in events if event.at >= oldest), key=lambda event: event.at)


class RecordedAccounts(Accounts):
    """The registered accounts, with a history of what changes."""

    history: AccountHistory

    def save(self, account: Account, *, noted: bool = True) -> None:
        super().save(account)
        if not noted:
            return
        way = account.inbound if not account.sends_only else "sends only"
        self.history.add(account.id, "registered", way)

    def change(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        before: list[Account] = []

        def watched(account: Account) -> Account:
            before[:] = [account]
            return change(account)

        after = super().change(account_id, watched)
        if before and after is not None:
            self._compare(before[0], after)
        return after

    def withdraw(self, account_id: str) -> None:
        super().withdraw(account_id)
        self.history.add(account_id, "unregistered")

    def note(self, account_id: str, **account_status: int) -> None:
        watched = account_status.keys() & _STATUS_FIELDS
        before = self.account_status(account_id) if watched else {}
        super().note(account_id, **account_status)
        for name in watched:
            if before.get(name, _UNSEEN[name]) != account_status[name]:
                _STATUS_FIELDS[name](self.history, account_id, account_status[name], before)

    def _compare(self, before: Account, after: Account) -> None:
        if before.attention != after.attention:
            event = "attention" if after.attention else "attention_over"
            self.history.add(after.id, event, after.attention)
        if before.subscribed != after.subscribed and after.subscribed is not None:
            self.history.add(after.id, "subscribed" if after.subscribed else "not_subscribed")


def _webhook_changed(history: AccountHistory, account_id: str, value: int, before: Mapping[str, int]) -> None:
    history.add(account_id, "webhook_valid" if value else "webhook_invalid")


def _gap_changed(history: AccountHistory, account_id: str, value: int, before: Mapping[str, int]) -> None:
    if value:
        history.add(account_id, "gap_opened", f"messages may be missing from {iso(moment(value))} on", moment(value))
    else:
        begin = moment(before["gap_since"])
        history.add(account_id, "gap_closed", f"of messages from {iso(begin)} on", begin)


# Fields of the account status whose changes are kept, and their values where they were never set.
_STATUS_FIELDS: Mapping[str, Callable[[AccountHistory, str, int, Mapping[str, int]], None]] = {
    "webhook_valid": _webhook_changed,
    "gap_since": _gap_changed,
}
_UNSEEN = {"webhook_valid": -1, "gap_since": 0}


def _event(row: str) -> AccountEvent:
    at_ms, event, detail, since_ms, *_ = json.loads(row)
    found = AccountEvent(moment(at_ms), event, detail)
    return replace(found, since=moment(since_ms)) if since_ms else found


def _refused(minute: int, count: int) -> AccountEvent:
    return AccountEvent(moment(minute * _MINUTE_MS), "signature_refused", f"{count} in this minute")
