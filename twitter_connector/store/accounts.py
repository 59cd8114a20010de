"""Account id -> Account. Credentials are encrypted; everything else is readable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.errors import StoreUnavailable
from twitter_connector.logs import hide
from twitter_connector.model.account import V1, Account, Credentials, Webhook
from twitter_connector.model.timestamps import epoch_ms, moment

from .vault import Vault

# How long a process may act on what it last read. Registration in one process is seen by the others within
# this time, or at once where they look afresh (an unknown account, a signature that does not fit, a challenge).
CACHE_SECONDS = 30.0
# Someone who guesses account ids or signatures must not turn each guess into a read of the broker.
REFRESH_PAUSE_SECONDS = 1.0
# Nobody changes one account that often at the same moment.
_CHANGE_TRIES = 20


def utc_now() -> datetime:
    return datetime.now(UTC)


class Accounts:
    """The registered accounts. Raises StoreUnavailable when the broker does not answer and the cache is empty.

    clock: seconds that only grow, for the cache. now: the present moment, for retired secrets.
    """

    def __init__(
        self,
        client: redis.Redis,
        vault: Vault,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._vault = vault
        self._clock = clock
        self._now = now
        self._cache: dict[str, tuple[float, Account | None]] = {}

    def get(self, account_id: str, *, max_age: float = CACHE_SECONDS) -> Account | None:
        """Return the account as read at most `max_age` seconds ago, or None where nobody registered it."""
        known = self._cache.get(account_id)
        if known is not None and self._clock() - known[0] < max_age:
            return known[1]
        with store_errors():
            row: str | None = self._client.hget(keys.ACCOUNTS, account_id)  # type: ignore[assignment]
        account = self._load(row) if row else None
        if account is None and len(self._cache) > 10_000:
            self._cache.clear()  # ids nobody registered come from outside; their number has a limit
        self._cache[account_id] = (self._clock(), account)
        return account

    def fresh(self, account_id: str) -> Account | None:
        """Return the account if this process has read it lately; never asks the broker."""
        known = self._cache.get(account_id)
        return known[1] if known is not None and self._clock() - known[0] < CACHE_SECONDS else None

    def last_known(self, account_id: str) -> Account | None:
        """Return what this process read last, however old; for answering while the broker is away."""
        known = self._cache.get(account_id)
        return known[1] if known else None

    def all(self) -> list[Account]:
        with store_errors():
            rows: dict[str, str] = self._client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
        return [self._load(row) for _, row in sorted(rows.items())]

    def refresh(self) -> None:
        """Read every account anew, so that events can be verified without asking, and while the broker is away."""
        asked = self._clock()
        found = {account.id: account for account in self.all()}
        known = {account_id for account_id, (_, account) in list(self._cache.items()) if account is not None}
        for account_id in known | set(found):
            if self._cache.get(account_id, (0.0, None))[0] <= asked:
                self._cache[account_id] = (asked, found.get(account_id))

    def save(self, account: Account) -> None:
        with store_errors(), self._client.pipeline(transaction=True) as pipe:
            pipe.hset(keys.ACCOUNTS, account.id, self._dump(account))
            pipe.srem(keys.UNREGISTERED, account.id)
            pipe.execute()
        self._cache[account.id] = (self._clock(), account)

    def add(self, account: Account) -> bool:
        """Save an account unless there is one of that id by now; return whether it was saved."""
        with store_errors():
            added = bool(self._client.hsetnx(keys.ACCOUNTS, account.id, self._dump(account)))
        self._cache.pop(account.id, None)
        return added

    def change(self, account_id: str, how: Callable[[Account], Account]) -> Account | None:
        """Replace an account by what `how` makes of it, unless somebody else changed it meanwhile: then make it of
        that. Return the account as it is now, or None where nobody registered it."""
        with store_errors(), self._client.pipeline(transaction=True) as pipe:
            for _ in range(_CHANGE_TRIES):
                try:
                    pipe.watch(keys.ACCOUNTS)  # type: ignore[no-untyped-call]
                    row: str | None = pipe.hget(keys.ACCOUNTS, account_id)  # type: ignore[assignment]
                    account = self._load(row) if row else None
                    changed = how(account) if account else None
                    if account is not None and changed is not None and changed != account:
                        pipe.multi()
                        pipe.hset(keys.ACCOUNTS, account_id, self._dump(changed))
                        pipe.execute()
                    pipe.reset()
                except redis.WatchError:
                    continue
                self._cache[account_id] = (self._clock(), changed)
                return changed
        raise StoreUnavailable(
            "account_contended", f"Account {account_id} is being changed by many at once.", ours=True
        )

    def proved(self, account_id: str) -> None:
        """Note that the newest consumer secret has been seen to work. Those before it end a while later."""

        def ends(account: Account) -> Account:
            if not account.retired_secrets or account.retired_until:
                return account
            return replace(account, retired_until=self._now() + timedelta(seconds=keys.RETIRED_SECONDS))

        self.change(account_id, ends)

    def forget_retired(self) -> list[str]:
        """Take out of the store every retired secret whose time is over; nobody verifies with it any more as it
        is. Return the accounts that had one."""
        with store_errors():
            rows: dict[str, str] = self._client.hgetall(keys.ACCOUNTS)  # type: ignore[assignment]
        over = [account_id for account_id, row in rows.items() if self._is_over(json.loads(row).get("retired_until"))]
        for account_id in over:
            # Loaded without it already, so that writing it back is enough; unless there are new ones by now.
            self.change(account_id, lambda a: a if a.retired_secrets else replace(a, retired_until=None))
        return sorted(over)

    def _is_over(self, until_ms: int | None) -> bool:
        return until_ms is not None and moment(until_ms) <= self._now()

    def remove(self, account_id: str) -> None:
        with store_errors():
            self._client.hdel(keys.ACCOUNTS, account_id)
            self._client.delete(keys.ACCOUNT_STATUS.format(account=account_id))
        self._cache.pop(account_id, None)

    def withdraw(self, account_id: str) -> None:
        """Remove an account because an operator wants so: until it is registered again, `withdrawn` says so."""
        with store_errors():
            self._client.sadd(keys.UNREGISTERED, account_id)
        self.remove(account_id)

    def withdrawn(self, account_id: str) -> bool:
        with store_errors():
            return bool(self._client.sismember(keys.UNREGISTERED, account_id))

    def note(self, account_id: str, **account_status: int) -> None:
        """Remember signs of life, each an epoch-ms moment: last_crc_at and the like."""
        with store_errors():
            self._client.hset(
                keys.ACCOUNT_STATUS.format(account=account_id), mapping={k: str(v) for k, v in account_status.items()}
            )

    def account_status(self, account_id: str) -> dict[str, int]:
        with store_errors():
            found: dict[str, str] = self._client.hgetall(keys.ACCOUNT_STATUS.format(account=account_id))  # type: ignore[assignment]
        return {k: int(v) for k, v in found.items()}

    def _dump(self, account: Account) -> str:
        c = account.credentials
        secrets = [
            c.api_key,
            c.api_key_secret,
            c.access_token,
            c.access_token_secret,
            c.bearer_token,
            list(account.retired_secrets),
        ]
        fields: dict[str, Any] = {
            "id": account.id,
            "screen_name": account.screen_name,
            "name": account.name,
            "webhook_url": account.webhook_url,
            # 0.1.0 reads this key and no other; what it writes has no `flavour` and no `settings`.
            "environment": account.settings.get("environment"),
            "flavour": account.flavour,
            "settings": dict(account.settings),
            "webhook": [account.webhook.id, account.webhook.url, account.webhook.valid] if account.webhook else None,
            "subscribed": account.subscribed,
            "attention": account.attention,
            "app_id": account.app_id,
            "registered_at": epoch_ms(account.registered_at) if account.registered_at else None,
            "retired_until": epoch_ms(account.retired_until) if account.retired_until else None,
            "sealed": self._vault.seal(json.dumps(secrets)),
        }
        return json.dumps(fields)

    def _load(self, row: str) -> Account:
        fields = json.loads(row)
        *four_and_bearer, retired = json.loads(self._vault.open(fields["sealed"]))
        hide(*(value for value in (*four_and_bearer, *retired) if value))
        until = fields.get("retired_until")
        return Account(
            id=fields["id"],
            credentials=Credentials(*four_and_bearer),
            webhook_url=fields["webhook_url"],
            settings=_settings(fields),
            flavour=fields.get("flavour", V1),
            screen_name=fields["screen_name"],
            name=fields["name"],
            webhook=Webhook(*fields["webhook"]) if fields["webhook"] else None,
            subscribed=fields["subscribed"],
            attention=fields["attention"],
            app_id=fields.get("app_id", ""),
            registered_at=moment(fields["registered_at"]) if fields["registered_at"] is not None else None,
            retired_secrets=() if self._is_over(until) else tuple(retired),
            retired_until=moment(until) if until is not None else None,
        )


def _settings(fields: Mapping[str, Any]) -> dict[str, str]:
    if "settings" in fields:
        return dict(fields["settings"])
    return {"environment": fields["environment"]} if fields["environment"] else {}
