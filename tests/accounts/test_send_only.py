"""An account nobody registered: CCM is asked for its credentials once, and replies go out with them, and only they."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fake_deliveries import ADA, GRACE, OUT, FakeDeliveries
from tests.fakes import FakeAccounts, FakeClock, FakePlatform, FakeTwitter, account_registration
from twitter_connector.accounts import send_only
from twitter_connector.accounts.backfill import Backfill
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import SENDS_ONLY, StepFailed
from twitter_connector.accounts.send_only import SendOnlyAccounts
from twitter_connector.accounts.webhook_check import Upkeep
from twitter_connector.broker import keys
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Permanent,
    RateLimited,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.account import V1, Account

STRANGER = "5550001112"
AWAY = ServiceUnavailable("ccm_unreachable", "CCM cannot be reached.")


class Enquiries:
    """The brake of store/enquiries.py without its bound, on the clock of the test."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.noted: dict[str, tuple[float, str]] = {}

    def begin_enquiry(self, account_id: str, seconds: int) -> str:
        until, state = self.noted.get(account_id, (0.0, ""))
        if until > self._clock.seconds():
            return state
        self.noted[account_id] = (self._clock.seconds() + seconds, "asking")
        return ""

    def end_enquiry(self, account_id: str, state: str, seconds: int) -> None:
        self.noted[account_id] = (self._clock.seconds() + seconds, state)

    def forget_enquiry(self, account_id: str) -> None:
        self.noted.pop(account_id, None)


class Place(FakeDeliveries):
    """A relay with a CCM that can be asked, and a Twitter that knows whose a token is."""

    def __init__(self) -> None:
        super().__init__()
        self.platform = FakePlatform()
        self.twitters[STRANGER] = FakeTwitter(self.clock, STRANGER)
        self.enquiries = Enquiries(self.clock)
        self.asked: list[str] = []
        self.answer: Any = rows(self.platform.token(STRANGER))
        self.send_only_account = SendOnlyAccounts(self.accounts, self.enquiries, self._pull, self.platform, self.clock)
        self.outbound.send_only_account = self.send_only_account

    def _pull(self, account_id: str) -> Mapping[str, Any] | None:
        self.asked.append(account_id)
        if isinstance(self.answer, Exception):
            raise self.answer
        found: Mapping[str, Any] | None = self.answer
        return found

    def texts(self) -> list[str]:
        return self.twitters[STRANGER].texts()

    def refused(self) -> str:
        """Return why the account is not taken in."""
        with pytest.raises(Permanent) as caught:
            self.send_only_account(STRANGER, self.clock())
        assert caught.value.reason == "unknown_account"
        assert self.accounts.get(STRANGER) is None
        return caught.value.detail

    def delayed(self, since: timedelta = timedelta()) -> ConnectorError:
        with pytest.raises((Retryable, RateLimited)) as caught:
            self.send_only_account(STRANGER, self.clock() - since)
        assert caught.value.scope is Scope.LANE
        assert self.accounts.get(STRANGER) is None
        return caught.value


def rows(credentials: Any, **changes: str | None) -> dict[str, Any]:
    values = {
        "API-KEY": credentials.api_key,
        "API_KEY_SECRET": credentials.api_key_secret,
        "token-key": credentials.access_token,
        "ACCESS-TOKEN-SECRET": credentials.access_token_secret,
        **changes,
    }
    return {"connectorConfigurations": [{"key": k, "value": v} for k, v in values.items() if v is not None]}


@pytest.fixture
def place() -> Place:
    return Place()


class TestTakenIn:
    def test_replies_go_out_in_their_order_and_ccm_was_asked_once(self, place: Place) -> None:
        for number in range(3):
            place.send(f"m-{number}", f"text {number}", account_id=STRANGER)
        place.send("m-3", "to somebody else", account_id=STRANGER, customer=GRACE)
        place.serve()
        assert [t for t in place.texts() if t.startswith("text")] == ["text 0", "text 1", "text 2"]
        assert set(place.reports()) == {(f"m-{n}", "DELIVERED", "200") for n in range(4)}
        assert place.asked == [STRANGER]
        assert place.enquiries.noted == {}

    def test_the_account_can_send_and_says_what_it_lacks(self, place: Place) -> None:
        account = place.send_only_account(STRANGER, place.clock())
        assert place.accounts.get(STRANGER) == account
        assert account.credentials == place.platform.token(STRANGER)
        assert (account.sends_only, account.subscribed, account.webhook, account.registered_at) == (
            True,
            False,
            None,
            None,
        )
        assert account.attention == SENDS_ONLY
        assert "register-and-subscribe" in SENDS_ONLY
        assert (account.api, account.screen_name) == ("v2", "acme")
        assert place.platform.calls == ["who_am_i"]

    def test_one_that_somebody_registered_meanwhile_is_left_as_it_is(self, place: Place) -> None:
        registered = Account(
            STRANGER, place.platform.token(STRANGER), f"https://x.example/webhook/twitter/{STRANGER}", "prod"
        )
        pull = place._pull

        def registered_meanwhile(account_id: str) -> Mapping[str, Any] | None:
            place.accounts.save(registered)
            return pull(account_id)

        send_only_accounts = SendOnlyAccounts(
            place.accounts, place.enquiries, registered_meanwhile, place.platform, place.clock
        )
        assert send_only_accounts(STRANGER, place.clock()) == registered
        assert place.accounts.get(STRANGER) == registered
        # Found before anybody is asked, where it was there in time.
        place.asked.clear()
        assert place.send_only_account(STRANGER, place.clock()) == registered
        assert place.asked == []

    def test_a_sign_of_typing_or_a_message_that_is_not_for_the_customer_asks_nobody(self, place: Place) -> None:
        place.send("w", account_id=STRANGER, body={"type": "WRAPUP"})
        place.serve()
        assert place.asked == []
        assert place.reports() == []


class TestNotTakenIn:
    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (None, "has no credentials"),
            ({}, "lacks API-KEY, API-KEY-SECRET, ACCESS-TOKEN, ACCESS-TOKEN-SECRET"),
            ({"API_KEY_SECRET": None}, "lacks API-KEY-SECRET"),
            ({"token-key": "****"}, "lacks ACCESS-TOKEN"),
            ({"token-key": "999-another"}, "belongs to account 999"),
            ({"API-KEY": "a b"}, "API-KEY: Must be one word"),
            ({"token-key": "nobody-knows"}, "X does not accept"),
            (Permanent("ccm_refused", "x", status=405), "(ccm_refused, HTTP 405)"),
            (Retryable("ccm_refuses_access", "x", status=401), "(ccm_refuses_access, HTTP 401)"),
        ],
    )
    def test_the_agent_reads_why_and_the_operator_what_to_do(self, place: Place, answer: Any, said: str) -> None:
        of_stranger = isinstance(answer, dict) and answer
        place.answer = rows(place.platform.token(STRANGER), **answer) if of_stranger else answer
        place.send("m-1", account_id=STRANGER)
        place.serve()
        assert place.reports() == [("m-1", "FAILED", "404")]
        (letter,) = place.dead_lettered()
        assert letter.reason == "unknown_account"
        assert said in letter.detail
        assert "register-and-subscribe" in letter.detail
        assert "app-secret" not in letter.detail
        # The next ones fail at once, for as long as the answer counts.
        for number in range(2, 6):
            place.send(f"m-{number}", account_id=STRANGER)
        place.later(send_only.IN_VAIN_SECONDS - 1)
        assert len(place.asked) == 1
        assert len(place.reports()) == 5
        assert "a few minutes ago" in place.refused()
        # What was corrected since is found afterwards.
        place.answer = rows(place.platform.token(STRANGER))
        place.send("m-6", "at last", account_id=STRANGER)
        place.later(2)
        assert place.texts() == ["at last"]

    def test_credentials_of_which_twitter_does_not_say_whose_they_are_send_nothing(self, place: Place) -> None:
        place.platform.owners[place.platform.token(STRANGER).access_token] = ("", "", "")
        assert "does not say which account" in place.refused()

    def test_credentials_that_twitter_says_are_another_accounts_send_nothing(self, place: Place) -> None:
        place.answer = rows(place.platform.token("2975699229"))
        assert "those of account 2975699229 (@acme)" in place.refused()

    def test_an_answer_that_does_not_help_counts_as_long_as_for_refused_credentials(self) -> None:
        assert send_only.IN_VAIN_SECONDS == keys.PULL_SECONDS

    @pytest.mark.parametrize("odd", ["acme", "1" * 21, "1/../2", "~"])
    def test_what_is_no_id_of_twitter_is_not_asked_about(self, place: Place, odd: str) -> None:
        with pytest.raises(Permanent) as caught:
            place.send_only_account(odd, place.clock())
        assert caught.value.reason == "unknown_account"
        assert "service identifier" in caught.value.detail
        assert place.asked == []
        assert place.enquiries.noted == {}

    def test_an_account_that_was_unregistered_by_hand_stays_away(self, place: Place) -> None:
        place.send_only_account(STRANGER, place.clock())
        place.accounts.withdraw(STRANGER)
        place.asked.clear()
        assert "unregistered here" in place.refused()
        assert place.asked == []


class TestNobodyAnswers:
    @pytest.mark.parametrize("error", [AWAY, RateLimited("ccm_rate_limited", "x", status=429)])
    def test_the_message_waits_and_goes_out_when_ccm_is_back(self, place: Place, error: ConnectorError) -> None:
        place.answer = error
        place.send("m-1", account_id=STRANGER)
        place.send("m-2", account_id=STRANGER, customer=GRACE)
        place.serve()
        assert place.reports() == []
        for _ in range(send_only.AGAIN_SECONDS - 1):
            place.later(1)
        assert len(place.asked) == 1
        place.answer = rows(place.platform.token(STRANGER))
        for _ in range(3):
            place.later(1)
        assert sorted(place.reports()) == [("m-1", "DELIVERED", "200"), ("m-2", "DELIVERED", "200")]
        assert len(place.asked) == 2
        assert place.lanes.pauses(STRANGER) == {}

    def test_so_it_does_while_twitter_does_not_say_whose_the_token_is(self, place: Place) -> None:
        place.platform.failing["who_am_i"] = ServiceUnavailable("twitter_unavailable", "x", status=503)
        assert place.delayed().reason == "twitter_unavailable"
        later = place.clock() + timedelta(seconds=100)
        place.clock.advance(send_only.AGAIN_SECONDS)
        place.platform.failing["who_am_i"] = RateLimited("rate_limited", "x", until=later)
        assert abs((place.delayed().until or place.clock()) - later) < timedelta(seconds=send_only.AGAIN_SECONDS + 1)

    def test_a_message_that_comes_while_another_one_asks_waits_for_the_answer(self, place: Place) -> None:
        place.enquiries.begin_enquiry(STRANGER, send_only.ASKING_SECONDS)
        error = place.delayed()
        assert (error.reason, error.until) == ("credentials_awaited", place.clock() + timedelta(seconds=1))
        assert place.asked == []
        # The one that asked has died; somebody else does.
        place.clock.advance(send_only.ASKING_SECONDS)
        assert place.send_only_account(STRANGER, place.clock()).id == STRANGER

    def test_it_does_not_wait_for_ever(self, place: Place) -> None:
        place.answer = AWAY
        assert place.delayed(send_only.LONGEST).reason == "ccm_unreachable"
        with pytest.raises(Permanent) as caught:
            place.send_only_account(STRANGER, place.clock() - send_only.LONGEST - timedelta(seconds=1))
        assert caught.value.reason == "unknown_account"


class Office:
    """The periodic check of accounts, with one send-only account."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.platform = FakePlatform()
        self.account = Account(STRANGER, self.platform.token(STRANGER), "", attention=SENDS_ONLY)
        self.accounts = FakeAccounts(self.account)
        self.lanes = ClockedLanes(self.clock)
        self.registration = account_registration(self.accounts, self.lanes, self.platform, self.clock)
        self.read: list[str] = []
        self.upkeep = Upkeep(
            self.accounts,
            self.registration,
            Backfill(self.accounts, self.lanes, self._history, self.clock, self.lanes.endpoint_pauses),
            self.clock,
            lambda: 0.0,
        )

    def _history(self, account: Account) -> Any:
        self.read.append(account.id)
        return self

    def events_since(self, since: Any) -> list[Any]:
        return []


@pytest.fixture
def office() -> Office:
    return Office()


PROD = {"environment": "prod"}


class TestOnlySending:
    def test_no_webhook_is_made_for_it_and_no_history_is_read(self, office: Office) -> None:
        office.upkeep.check_due()
        assert office.upkeep.backfill.read(office.account, at_once=True) == (0, 0)
        with pytest.raises(StepFailed) as caught:
            office.registration.repair(office.account)
        assert caught.value.advice == SENDS_ONLY
        assert (office.platform.calls, office.read, office.lanes.payloads(OUT)) == ([], [], [])
        assert office.accounts.get(STRANGER) == office.account
        assert office.accounts.account_status(STRANGER) == {}, "nor is it looked at again and again"

    def test_its_status_says_whether_twitter_takes_the_credentials(self, office: Office) -> None:
        registration_status = office.registration.status(office.account)
        assert (
            registration_status.webhook,
            registration_status.subscribed,
            registration_status.as_json()["events"],
        ) == (None, False, [])
        assert office.platform.calls == ["who_am_i"]
        office.platform.failing["who_am_i"] = CredentialsRejected("token_revoked", "x", status=401)
        with pytest.raises(StepFailed) as caught:
            office.registration.status(office.account)
        assert caught.value.step == "credentials"

    def test_unregistering_forgets_it_without_a_word_to_twitter(self, office: Office) -> None:
        office.registration.unregister(office.account)
        assert office.accounts.all() == []
        assert office.accounts.withdrawn(STRANGER)
        assert office.platform.calls == []

    def test_registering_completes_it(self, office: Office) -> None:
        url = f"https://cx.example.com/webhook/twitter/{STRANGER}"
        registration_status = office.registration.register(
            Registration(STRANGER, office.account.credentials, url, V1, PROD)
        )
        assert registration_status.actions == ("created", "subscribed")
        account = office.accounts.get(STRANGER)
        assert account is not None
        assert (account.sends_only, account.attention, account.registered_at) == (False, "", office.clock())
        # What came before belongs to nobody's desk.
        assert office.accounts.account_status(STRANGER) == {}

    def test_a_registration_that_fails_leaves_it_sending(self, office: Office) -> None:
        url = f"https://cx.example.com/webhook/twitter/{STRANGER}"
        office.platform.challenge = lambda _: False
        with pytest.raises(StepFailed):
            office.registration.register(Registration(STRANGER, office.account.credentials, url, V1, PROD))
        assert office.accounts.get(STRANGER) == office.account

    def test_it_inherits_no_webhook(self, office: Office) -> None:
        url = f"https://cx.example.com/webhook/twitter/{ADA}"
        office.registration.register(Registration(ADA, office.platform.token(ADA), url, V1, PROD))
        registered = office.accounts.get(ADA)
        assert registered is not None
        office.registration.unregister(replace(registered))
        assert office.platform.urls() == []
        assert office.accounts.get(STRANGER) == office.account
