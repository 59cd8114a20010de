"""Keeps OAuth 2.0 access tokens fresh. A refresh token is used once, by one process, under a lock in the store.

The new pair is stored before anybody uses it. Using a refresh token twice may end the grant, so whoever gets the lock
reads the stored pair again first.

https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, CredentialsRejected, Retryable, StoreUnavailable
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.oauth2 import ENDED_AT, GRANT_LASTS, NEXT_AT, REFRESHED_AT, SCOPES, UNTIL, TokenPair
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.work import Direction

from .ports import AccountsPort, AccountStatusPort, LanesPort, LocksPort, PairsPort

log = logging.getLogger(__name__)

# Access tokens last two hours. One that lives shorter is refreshed in the last quarter of its life.
BEFORE_ITS_END = timedelta(minutes=2)
_QUARTER = 4
# Longer than X takes to answer.
LOCK_SECONDS = 60
WAIT_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.2
ENDED = "oauth2_grant_ended"
# What waits for a new grant is tried this often, and at once after a registration, a push or `authorize`.
PROBE = timedelta(hours=1)
AGAIN_AFTER = timedelta(seconds=30)
WARN_BEFORE = timedelta(days=7)
# Names in the account status: whether the attention is ours, and how many seconds the access token lives.
ALERTED, LIVES = "oauth2_alerted", "oauth2_seconds"
# The former refresh token is worthless once X has answered, so a broker that is away is waited for.
_STORE_TRIES, _STORE_AGAIN_SECONDS = 40, 0.5


@dataclass
class TokenRefresh:
    """refresh: asks X for the next pair. wait_seconds: how long to wait for another process's refresh."""

    accounts: AccountsPort
    account_status: AccountStatusPort
    lanes: LanesPort
    locks: LocksPort
    pairs: PairsPort
    refresh: Callable[[Credentials], TokenPair]
    clock: Callable[[], datetime]
    wait_seconds: float = WAIT_SECONDS
    # By seed: the refresh token that this process used last, and the pair that X gave for it.
    _given: dict[str, tuple[str, TokenPair]] = field(default_factory=dict, init=False, repr=False)

    def refresh_due(self) -> None:
        """Refresh the access tokens that end soon. Raises StoreUnavailable."""
        for account in self.accounts.all():
            if account.credentials.oauth2_refresh_token and self._due(account):
                try:
                    self.renewed(account)
                except ConnectorError as error:
                    self.failed(account, error)

    def renewed(self, account: Account) -> bool:
        """Replace the access token that `account` has. Return whether the stored account has another one now.

        Raises CredentialsRejected(oauth2_grant_ended), and what X's refusal raises.
        """
        used = account.credentials.oauth2_access_token
        with self._alone(account.credentials.oauth2_seed):
            stored = self.accounts.get(account.id, max_age=0)
            if stored is None or not stored.credentials.oauth2_refresh_token:
                return False
            if stored.credentials.oauth2_access_token != used:
                return True
            pair = self._next(stored.credentials)
            seed = stored.credentials.oauth2_seed
            self.accounts.change(account.id, lambda now: _with_pair(now, seed, pair))
        now = epoch_ms(self.clock())
        self.account_status.note(
            account.id,
            **{UNTIL: pair.until or now + pair.seconds * 1000, LIVES: pair.seconds, REFRESHED_AT: now},
            **{NEXT_AT: 0, ENDED_AT: 0, "next_poll_at": 0, "next_check_at": 0},
        )
        self._well_again(account)
        log.info("oauth2_token_refreshed", extra={"account": account.id})
        return True

    def begun(self, credentials: Credentials) -> Credentials:
        """Return the credentials with an access token, which a registration may lack. Raises what X's refusal raises.

        A seed that was used before has its last pair in the store.
        """
        if not credentials.oauth2_seed:
            return credentials
        with self._alone(credentials.oauth2_seed):
            known = self.pairs.of(credentials.oauth2_seed)
            if known is not None:
                paired = _paired(credentials, known)
                over = not known.access_token or 0 < known.until <= epoch_ms(self.clock())
                return _paired(credentials, self._next(paired)) if over else paired
            return credentials if credentials.oauth2_access_token else _paired(credentials, self._next(credentials))

    def _next(self, credentials: Credentials) -> TokenPair:
        known = self.pairs.of(credentials.oauth2_seed)
        if known is not None and known.refresh_token != credentials.oauth2_refresh_token:
            # A process that died after X's answer stored it here, and no further.
            return known
        used, given = self._given.get(credentials.oauth2_seed, ("", None))
        if given is not None and used == credentials.oauth2_refresh_token != given.refresh_token:
            # A failover, or a restart of the broker, took the pair back. X would end the grant at a second use.
            log.warning("oauth2_pair_stored_again")
            self._store(credentials.oauth2_seed, given)
            return given
        # A broker that cannot be written to shows that now, and not when the refresh token is used up. Where it waits
        # for replicas, they also have the lock now, so that no process refreshes at a new primary meanwhile.
        self.pairs.store(credentials.oauth2_seed, _pair_of(credentials))
        answer = self.refresh(credentials)
        pair = replace(answer, until=epoch_ms(self.clock()) + answer.seconds * 1000)
        self._given[credentials.oauth2_seed] = (credentials.oauth2_refresh_token, pair)
        # Stored before it is used: nobody else will ever get it.
        self._store(credentials.oauth2_seed, pair)
        return pair

    def _store(self, seed: str, pair: TokenPair) -> None:
        for tries_left in reversed(range(_STORE_TRIES)):
            try:
                self.pairs.store(seed, pair)
                break
            except StoreUnavailable:
                if not tries_left:
                    raise
                time.sleep(_STORE_AGAIN_SECONDS)

    @contextmanager
    def _alone(self, seed: str) -> Iterator[None]:
        """Wait until no other process refreshes the grant."""
        end = time.monotonic() + self.wait_seconds
        while True:
            with self.locks.alone(f"oauth2:{digest_of(seed)}", LOCK_SECONDS) as alone:
                if alone:
                    yield
                    return
            if time.monotonic() > end:
                raise Retryable("oauth2_refresh_under_way", "Another process refreshes the OAuth 2.0 token.")
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _due(self, account: Account) -> bool:
        status, now = self.account_status.account_status(account.id), self.clock()
        if _waits(status, now):
            return False
        self._warn(account, status.get(REFRESHED_AT, 0), now)
        early = min(BEFORE_ITS_END, timedelta(seconds=status.get(LIVES, 7200)) / _QUARTER)
        return moment(status.get(UNTIL, 0)) - now < early

    def _warn(self, account: Account, refreshed_ms: int, now: datetime) -> None:
        if refreshed_ms and not account.attention and now - moment(refreshed_ms) > GRANT_LASTS - WARN_BEFORE:
            sentence = (
                "The OAuth 2.0 grant ends within days, since its token could not be refreshed for months. Authorize "
                "the app again with `twitter-connector authorize`."
            )
            self._alert(account, sentence)

    def waits(self, account: Account) -> bool:
        """Return whether a refresh failed a moment ago, and the next one is still to wait."""
        return _waits(self.account_status.account_status(account.id), self.clock())

    def ended(self, account: Account) -> ConnectorError | None:
        """Return why an account that has nothing but an OAuth 2.0 grant cannot act, if X has ended the grant."""
        if account.credentials.access_token or not account.credentials.oauth2_refresh_token:
            return None
        if not self.account_status.account_status(account.id).get(ENDED_AT):
            return None
        sentence = f"X has ended the OAuth 2.0 grant of the account. Run `twitter-connector authorize {account.id}`."
        return CredentialsRejected(ENDED, sentence, ours=True, until=self.clock() + PROBE)

    def failed(self, account: Account, error: ConnectorError) -> None:
        """Note a refresh that failed, and what a person has to do about it."""
        until = max(error.until or self.clock(), self.clock() + AGAIN_AFTER)
        self.account_status.note(account.id, **{NEXT_AT: epoch_ms(until)})
        if error.reason == ENDED:
            self.account_status.note(account.id, **{ENDED_AT: epoch_ms(self.clock())})
        log.warning("oauth2_token_not_refreshed", extra={"account": account.id, "reason": error.reason})
        if isinstance(error, CredentialsRejected):
            self._alert(account, error.detail)

    def _alert(self, account: Account, sentence: str) -> None:
        self.account_status.note(account.id, **{ALERTED: 1})
        self.accounts.change(account.id, lambda now: replace(now, attention=sentence))

    def _well_again(self, account: Account) -> None:
        if self.account_status.account_status(account.id).get(ALERTED):
            self.account_status.note(account.id, **{ALERTED: 0})
            self.accounts.change(account.id, lambda now: replace(now, attention=""))
        if self.lanes.pauses(account.id).get(Direction.OUT, {}).get("reason") in _ENDED_BY_A_TOKEN:
            self.lanes.resume(Direction.OUT, account.id)
        self.lanes.end_waits(account.id)


_ENDED_BY_A_TOKEN = ("credentials_rejected", ENDED, "oauth2_client_refused", "token_revoked")


def _waits(status: Mapping[str, int], now: datetime) -> bool:
    return timedelta() < moment(status.get(NEXT_AT, 0)) - now <= timedelta(hours=1)


def digest_of(seed: str) -> str:
    """Return a name for a grant that does not reveal its refresh token."""
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def _pair_of(credentials: Credentials) -> TokenPair:
    return TokenPair(credentials.oauth2_access_token, credentials.oauth2_refresh_token)


def _paired(credentials: Credentials, pair: TokenPair) -> Credentials:
    return replace(credentials, oauth2_access_token=pair.access_token, oauth2_refresh_token=pair.refresh_token)


def _with_pair(account: Account, seed: str, pair: TokenPair) -> Account:
    """Return the account with another pair of this grant; as it is if it has another grant by now."""
    if account.credentials.oauth2_seed != seed:
        return account
    settings = {**account.settings, **({SCOPES: pair.scopes} if pair.scopes else {})}
    return replace(account, credentials=_paired(account.credentials, pair), settings=settings)
