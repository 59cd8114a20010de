"""OAuth 2.0 tokens: refreshed once by one process, stored before they are used, never lost to a seed or a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tests.fakes import FakeAccounts, FakeClock, FakeLocks
from twitter_connector.accounts.refused_token import renewing
from twitter_connector.accounts.token_refresh import TokenRefresh
from twitter_connector.errors import ConnectorError, CredentialsRejected, ServiceUnavailable
from twitter_connector.model.account import V2, Account, Credentials
from twitter_connector.model.oauth2 import GRANT_LASTS, TokenPair
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction

ACME = "222222222"
ENDED = CredentialsRejected("oauth2_grant_ended", "Authorize the app again.", status=400)


@dataclass
class X:
    """Plays the token endpoint. A refresh token that is used twice ends the grant."""

    current: str = "seed"
    number: int = 0
    ended: bool = False
    lost: int = 0
    rotating: bool = True
    failing: list[ConnectorError] = field(default_factory=list)
    during: Callable[[], object] = lambda: None

    def refresh(self, credentials: Credentials) -> TokenPair:
        if self.failing:
            raise self.failing.pop(0)
        self.during()
        if self.ended or credentials.oauth2_refresh_token != self.current:
            self.ended = True
            raise ENDED
        self.number += 1
        if self.rotating:
            self.current = f"refresh {self.number}"
        return TokenPair(f"access {self.number}", self.current, 7200)


@dataclass
class Pairs:
    rows: dict[str, TokenPair] = field(default_factory=dict)

    def of(self, seed: str) -> TokenPair | None:
        return self.rows.get(seed)

    def store(self, seed: str, pair: TokenPair) -> None:
        self.rows[seed] = pair

    def replaced(self, seed: str) -> bool:
        return False

    def forget(self, seed: str, *, replaced: bool = False) -> None:
        self.rows.pop(seed, None)


@dataclass
class Lanes:
    reasons: dict[str, str] = field(default_factory=dict)
    resumed: list[Direction] = field(default_factory=list)

    def pauses(self, account_id: str) -> dict[Direction, dict[str, str]]:
        return {Direction.OUT: self.reasons} if self.reasons else {}

    def resume(self, direction: Direction, account_id: str) -> None:
        self.resumed.append(direction)

    def end_waits(self, account_id: str) -> None: ...


class Locks(FakeLocks):
    """Locks of several threads."""


@dataclass
class Desk:
    clock: FakeClock = field(default_factory=FakeClock)
    x: X = field(default_factory=X)
    pairs: Pairs = field(default_factory=Pairs)
    lanes: Lanes = field(default_factory=Lanes)
    locks: Locks = field(default_factory=Locks)

    def __post_init__(self) -> None:
        credentials = Credentials("k", "s", "", "", client_id="client").seeded("seed")
        self.accounts = FakeAccounts(Account(ACME, credentials, "", flavour=V2, settings={"inbound": "poll"}))
        self.tokens = self.another()

    def another(self) -> TokenRefresh:
        """Return another process's."""
        return TokenRefresh(
            self.accounts, self.accounts, self.lanes, self.locks, self.pairs, self.x.refresh, self.clock, 5.0
        )

    @property
    def account(self) -> Account:
        return self.accounts.rows[ACME]

    @property
    def pair(self) -> tuple[str, str]:
        credentials = self.account.credentials
        return credentials.oauth2_access_token, credentials.oauth2_refresh_token


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_token_is_refreshed_shortly_before_its_end(desk: Desk) -> None:
    desk.tokens.refresh_due()
    assert desk.pair == ("access 1", "refresh 1")
    desk.tokens.refresh_due()
    desk.clock.advance(7000)
    desk.tokens.refresh_due()
    assert desk.x.number == 1
    desk.clock.advance(90)
    desk.tokens.refresh_due()
    assert desk.pair == ("access 2", "refresh 2")


def test_processes_that_find_the_same_token_old_refresh_it_once(desk: Desk) -> None:
    everyone = threading.Barrier(4)
    outcomes: list[bool] = []
    seen = desk.account

    def work() -> None:
        tokens = desk.another()
        everyone.wait()
        outcomes.append(tokens.renewed(seen))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4
    assert (desk.x.number, desk.x.ended) == (1, False)


def test_a_process_that_dies_after_xs_answer_loses_nothing(desk: Desk) -> None:
    # It stored the pair, and died before the account had it.
    desk.pairs.store("seed", desk.x.refresh(desk.account.credentials))
    desk.tokens.refresh_due()
    assert desk.pair == ("access 1", "refresh 1")
    assert not desk.x.ended


def test_a_lost_answer_is_asked_for_again(desk: Desk) -> None:
    desk.x.failing = [ServiceUnavailable("twitter_no_answer", "X gave no token.")]
    desk.tokens.refresh_due()
    assert desk.account.attention == ""
    desk.tokens.refresh_due()
    assert desk.x.number == 0, "not at once"
    desk.clock.advance(31)
    desk.tokens.refresh_due()
    assert desk.pair == ("access 1", "refresh 1")


def test_a_grant_that_has_ended_says_so_and_keeps_its_tokens(desk: Desk) -> None:
    desk.tokens.refresh_due()
    desk.x.ended = True
    desk.clock.advance(7100)
    desk.tokens.refresh_due()
    assert desk.account.attention == "Authorize the app again."
    assert desk.pair == ("access 1", "refresh 1")
    # Authorized again.
    desk.x.ended, desk.x.current = False, "new seed"
    desk.accounts.change(ACME, lambda a: replace(a, credentials=a.credentials.seeded("new seed", "new access")))
    desk.accounts.note(ACME, oauth2_next_at=0, oauth2_until=0)
    desk.tokens.refresh_due()
    assert desk.pair == ("access 2", "refresh 2")
    assert desk.account.attention == ""


def test_the_seed_of_the_present_grant_never_overwrites_its_rotated_pair(desk: Desk) -> None:
    desk.tokens.refresh_due()
    assert desk.account.credentials.seeded("seed", "old access") == desk.account.credentials
    assert desk.account.credentials.seeded("other").oauth2_refresh_token == "other"


def test_a_registration_gets_an_access_token_and_the_last_pair_of_a_used_seed(desk: Desk) -> None:
    fresh = Credentials("k", "s", "", "", client_id="client").seeded("seed")
    begun = desk.tokens.begun(fresh)
    assert (begun.oauth2_access_token, desk.x.number) == ("access 1", 1)
    again = desk.tokens.begun(fresh)
    assert (again.oauth2_access_token, desk.x.number) == ("access 1", 1)
    given = replace(fresh, oauth2_seed="another", oauth2_refresh_token="another", oauth2_access_token="given")
    assert desk.tokens.begun(given) == given
    assert desk.tokens.begun(Credentials("k", "s", "t", "ts")) == Credentials("k", "s", "t", "ts")


def test_replies_that_wait_for_the_token_go_out(desk: Desk) -> None:
    desk.lanes.reasons = {"reason": "credentials_rejected"}
    desk.tokens.refresh_due()
    assert desk.lanes.resumed == [Direction.OUT]


def test_days_before_a_grant_ends_unused_a_person_is_told(desk: Desk) -> None:
    desk.tokens.refresh_due()
    long_ago = desk.clock() - GRANT_LASTS + timedelta(days=6)
    desk.accounts.note(ACME, oauth2_refreshed_at=epoch_ms(long_ago), oauth2_until=0)
    desk.x.failing = [ServiceUnavailable("twitter_no_answer", "X gave no token.")]
    desk.tokens.refresh_due()
    assert "ends within days" in desk.account.attention


def test_a_refused_token_is_replaced_before_ccm_is_asked(desk: Desk) -> None:
    asked: list[bool] = []

    def newer(account: Account, *, ask: bool = False) -> bool:
        asked.append(ask)
        return False

    assert renewing(newer, desk.tokens)(desk.account, ask=True) is True
    assert (desk.pair[0], asked) == ("access 1", [False])
    desk.x.failing = [ENDED]
    assert renewing(newer, desk.tokens)(desk.account, ask=True) is False
    assert asked == [False, False, True]


def test_a_pair_that_a_failover_took_back_is_stored_again_and_its_refresh_token_not_used_twice(desk: Desk) -> None:
    before, pairs_before = desk.account, dict(desk.pairs.rows)
    desk.tokens.refresh_due()
    desk.accounts.rows[ACME], desk.pairs.rows = before, pairs_before
    desk.accounts.note(ACME, oauth2_until=0)
    desk.tokens.refresh_due()
    assert (desk.pair, desk.x.ended) == (("access 1", "refresh 1"), False)
    assert desk.pairs.rows["seed"].refresh_token == "refresh 1"
    desk.clock.advance(7100)
    desk.tokens.refresh_due()
    assert (desk.pair, desk.x.ended) == (("access 2", "refresh 2"), False)


def test_a_refresh_token_that_x_leaves_as_it_is_is_used_again(desk: Desk) -> None:
    desk.x.rotating = False
    for number in (1, 2, 3):
        desk.tokens.refresh_due()
        assert (desk.pair, desk.x.ended) == ((f"access {number}", "seed"), False)
        desk.clock.advance(7100)
