"""Account id -> Account. Credentials are encrypted; everything else is readable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.changes import replicated
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account

from .account_rows import AccountRows
from .vault import Vault

# How long a process may use what it last read. Other processes see a registration within this time, or at once where
# they read again: for an unknown account, a signature that does not match, and a challenge.
CACHE_SECONDS = 30.0
# Unregistered ids come from outside, so their number is limited.
CACHED_MAX = 10_000
# Guessed account ids or signatures must not cause one read of the broker each.
REFRESH_PAUSE_SECONDS = 1.0
# So many concurrent changes of one account do not occur in practice.
_CHANGE_TRIES = 20


def utc_now() -> datetime:
    return datetime.now(UTC)


class Accounts:
    """The registered accounts. Raises StoreUnavailable if the broker does not answer and the cache is empty.

    clock: monotonic seconds, for the cache. now: the present moment, for retired secrets.
    """

    def __init__(
        self,
        client: redis.Redis,
        vault: Vault,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._rows = AccountRows(vault, now)
        self._clock = clock
        self._now = now
        self._cache: dict[str, tuple[float, Account | None]] = {}

    def get(self, account_id: str, *, max_age: float = CACHE_SECONDS) -> Account | None:
        """Return the account as read at most `max_age` seconds ago, or None if nobody registered it."""
        known = self._cache.get(account_id)
        if known is not None and self._clock() - known[0] < max_age:
            return known[1]
        with store_errors():
            row: str | None = self._client.hget(keys.ACCOUNTS, account_id)  # type: ignore[assignment]
        account = self._rows.load(row) if row else None
        if account is None and len(self._cache) > CACHED_MAX:
            self._cache.clear()
        self._cache[account_id] = (self._clock(), account)
        return account

    def current(self, account_id: str) -> Account | None:
        """Return the account as read at most a second ago, or None if nobody registered it by now."""
        return self.get(account_id, max_age=REFRESH_PAUSE_SECONDS) or self.get(account_id, max_age=0)

    def fresh(self, account_id: str) -> Account | None:
        """Return the account if this process read it recently, otherwise None. Never asks the broker."""
        known = self._cache.get(account_id)
        return known[1] if known is not None and self._clock() - known[0] < CACHE_SECONDS else None

    def last_known(self, account_id: str) -> Account | None:
        """Return the account as this process last read it, however old. For answers while the broker is away."""
        known = self._cache.get(account_id)
        return known[1] if known else None

    def all(self) -> list[Account]:
        with store_errors():
            rows: dict[str, str] = self._client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
        return [self._rows.load(row) for _, row in sorted(rows.items())]

    def refresh(self) -> list[Account]:
        """Read all accounts into the cache, and return them. So events are verified quickly, and while the broker is
        away, and what another process changed counts here at once."""
        asked = self._clock()
        stored = {account.id: account for account in self.all()}
        known = {account_id for account_id, (_, account) in list(self._cache.items()) if account is not None}
        for account_id in known | set(stored):
            if self._cache.get(account_id, (0.0, None))[0] <= asked:
                self._cache[account_id] = (asked, stored.get(account_id))
        return list(stored.values())

    def save(self, account: Account, *, noted: bool = True) -> None:
        """Store an account, whatever is stored under its id. Raises Permanent(stored_form_old); see AccountRows.

        noted: its history says that it was registered, see store/account_history.py.
        """
        self._write(account.id, lambda row: account, registered=True)

    def add(self, account: Account) -> bool:
        """Store an account unless one with this id is stored. Return True if it was stored."""
        return self._write(account.id, lambda row: None if row else account) is not None

    def change(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        """Apply `change` to the stored account and save it. If another process saved it meanwhile, apply `change` to
        the newer one. Return the account as it is stored now, or None if nobody registered it."""
        stored: Account | None = None

        def changed(row: str | None) -> Account | None:
            nonlocal stored
            before = self._rows.load(row) if row else None
            stored = change(before) if before else None
            return stored if stored != before else None

        self._write(account_id, changed)
        self._cache[account_id] = (self._clock(), stored)
        return stored

    def _write(
        self, account_id: str, new: Callable[[str | None], Account | None], *, registered: bool = False
    ) -> Account | None:
        """Store what `new` returns for the stored row, unless it returns None. Return what it returned."""
        with store_errors(), replicated(self._client) as pipe:
            for _ in range(_CHANGE_TRIES):
                try:
                    pipe.watch(keys.ACCOUNTS, keys.ACCOUNTS_FORM)  # type: ignore[no-untyped-call]
                    row: str | None = pipe.hget(keys.ACCOUNTS, account_id)  # type: ignore[assignment]
                    mark: str | None = pipe.get(keys.ACCOUNTS_FORM)  # type: ignore[assignment]
                    account = new(row)
                    if account is not None:
                        pipe.multi()
                        pipe.hset(keys.ACCOUNTS, account_id, self._rows.dump(account, mark))
                        if registered:
                            pipe.srem(keys.UNREGISTERED, account_id)
                        pipe.execute()
                    pipe.reset()
                except redis.WatchError:
                    continue
                if account is None:
                    self._cache.pop(account_id, None)
                else:
                    self._cache[account_id] = (self._clock(), account)
                    self._publish(account_id)
                return account
        raise StoreUnavailable("account_contended", f"Many processes are changing account {account_id}.", ours=True)

    def _publish(self, account_id: str) -> None:
        """Have the other processes read the accounts. If the broker does not take it, they do so some seconds later."""
        with suppress(redis.RedisError):
            self._client.publish(keys.ACCOUNT_CHANGES, account_id)

    def proved(self, account_id: str) -> None:
        """Record that X uses the newest consumer secret. The retired secrets end some time later."""

        def ends(account: Account) -> Account:
            if not account.retired_secrets or account.retired_until:
                return account
            return replace(account, retired_until=self._now() + timedelta(seconds=keys.RETIRED_SECONDS))

        self.change(account_id, ends)

    def forget_retired(self) -> list[str]:
        """Delete the retired secrets whose time is over. Return the accounts that had one.

        Nothing accepts such a secret any more, even before it is deleted.
        """
        with store_errors():
            rows: dict[str, str] = self._client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
        over = [account_id for account_id, row in rows.items() if self._rows.retirement_is_over(row)]
        for account_id in over:
            # Loading drops expired secrets, so writing the account back deletes them. Newer ones stay.
            self.change(account_id, lambda a: a if a.retired_secrets else replace(a, retired_until=None))
        return sorted(over)

    def remove(self, account_id: str, *, withdrawn: bool = False) -> None:
        """Remove an account. withdrawn: on an operator's request, see `withdraw`."""
        with store_errors(), replicated(self._client) as pipe:
            if withdrawn:
                pipe.sadd(keys.UNREGISTERED, account_id)
            pipe.hdel(keys.ACCOUNTS, account_id)
            pipe.hdel(keys.CHAT_KEYS, account_id)
            pipe.delete(
                keys.CHAT_CONVERSATIONS.format(account=account_id),
                keys.ACCOUNT_STATUS.format(account=account_id),
                keys.ENDPOINT_PAUSES.format(account=account_id),
            )
            pipe.execute()
        self._cache.pop(account_id, None)
        self._publish(account_id)

    def withdraw(self, account_id: str) -> None:
        """Remove an account on an operator's request. `withdrawn` returns True until it is registered again."""
        self.remove(account_id, withdrawn=True)

    def withdrawn(self, account_id: str) -> bool:
        with store_errors():
            return bool(self._client.sismember(keys.UNREGISTERED, account_id))

    def note(self, account_id: str, **account_status: int) -> None:
        """Record values of the account status, most of them epoch milliseconds (`last_crc_at=...`)."""
        with store_errors():
            self._client.hset(
                keys.ACCOUNT_STATUS.format(account=account_id), mapping={k: str(v) for k, v in account_status.items()}
            )

    def note_alive(self, moments: Mapping[str, int]) -> None:
        """Record until when the service received an account's events (epoch ms, by account), in one write."""
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for account_id, at in moments.items():
                pipe.hset(keys.ACCOUNT_STATUS.format(account=account_id), "alive_at", str(at))
            pipe.execute()

    def account_status(self, account_id: str) -> dict[str, int]:
        with store_errors():
            stored: dict[str, str] = self._client.hgetall(keys.ACCOUNT_STATUS.format(account=account_id))  # type: ignore[assignment]
        return {k: int(v) for k, v in stored.items()}
