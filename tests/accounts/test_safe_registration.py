"""Nothing that works is taken down before its successor works, and what was seen at X is stored."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeAccounts, FakeClock, FakePlatform, account_registration
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import RegistrationStatus, StepFailed
from twitter_connector.errors import ConnectorError, Permanent, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V1, V2, Account, Webhook
from twitter_connector.model.flavour import WEBHOOK_LIMIT
from twitter_connector.model.subscription import ChallengeAnswer

BASE, MISTYPED = "https://cx.example.com/twitter-connector", "https://cx.exmaple.com/twitter-connector"
A, B = "732739706", "2975699229"


def url_of(account_id: str, base: str = BASE) -> str:
    return f"{base}/webhook/twitter/{account_id}"


class Desk:
    """Two registered accounts that share the webhook of an environment, in A's name."""

    def __init__(self) -> None:
        self.platform = FakePlatform()
        self.accounts = FakeAccounts()
        self.clock = FakeClock()
        self.registration = account_registration(self.accounts, ClockedLanes(self.clock), self.platform, self.clock)
        for account_id in (A, B):
            self.register(account_id)
        self.former = self.account()
        self.platform.calls.clear()

    def register(self, account_id: str = A, base: str = BASE, environment: str = "prod") -> RegistrationStatus:
        settings = {"environment": environment}
        url = url_of(account_id, base)
        return self.registration.register(Registration(account_id, self.platform.token(account_id), url, V1, settings))

    def refused(self, base: str = MISTYPED) -> StepFailed:
        with pytest.raises(StepFailed) as caught:
            self.register(base=base)
        return caught.value

    def account(self, account_id: str = A) -> Account:
        account = self.accounts.get(account_id)
        assert account is not None
        return account

    def serves(self, base: str) -> None:
        """Only this address answers challenges."""
        self.platform.challenge = lambda url: url.startswith(base)


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestAnAddressThatDoesNotAnswer:
    def test_the_former_webhook_is_back_at_once_and_the_account_says_so(self, desk: Desk) -> None:
        desk.serves(BASE)
        error = desk.refused()
        assert error.step == "crc"
        assert f"{url_of(A)} is registered again" in error.advice
        assert desk.platform.urls() == [url_of(A)]
        assert desk.platform.subscribers == {("prod", A), ("prod", B)}
        account = desk.account()
        assert account == replace(desk.former, webhook=desk.platform.hooks["prod"][0])
        assert account.webhook is not None
        assert account.webhook.valid
        assert account.subscribed

    def test_messages_of_that_moment_are_read_back_for_all_accounts_of_the_webhook(self, desk: Desk) -> None:
        desk.serves(BASE)
        desk.refused()
        for account_id in (A, B):
            assert desk.accounts.account_status(account_id)["gap_since"] > 0
            assert desk.accounts.account_status(account_id)["next_check_at"] == 0

    def test_our_own_challenge_spares_x_and_the_webhook(self, desk: Desk) -> None:
        desk.serves(BASE)
        desk.platform.own_challenge = lambda url, _: ChallengeAnswer(url.startswith(BASE), "answered HTTP 404")
        error = desk.refused()
        assert (error.step, error.cause and error.cause.status) == ("crc", 422)
        assert f"{url_of(A, MISTYPED)} answered HTTP 404" in error.advice
        assert desk.account() == desk.former
        assert "delete_webhook" not in desk.platform.calls
        assert desk.platform.hooks["prod"] == [desk.former.webhook]

    def test_our_own_challenge_has_the_new_secret_and_the_new_address(self, desk: Desk) -> None:
        asked: list[tuple[str, str]] = []

        def own_challenge(url: str, secret: str) -> ChallengeAnswer:
            asked.append((url, secret))
            return ChallengeAnswer(True)

        desk.platform.own_challenge = own_challenge
        desk.register(base=MISTYPED)
        assert asked == [(url_of(A, MISTYPED), "app-secret")]

    def test_where_the_former_one_cannot_come_back_the_account_tells_the_truth(self, desk: Desk) -> None:
        desk.serves("https://nowhere.example.com")
        error = desk.refused()
        assert f"`twitter-connector check {A}`" in error.advice
        account = desk.account()
        assert (account.webhook, account.subscribed, account.webhook_url) == (None, False, url_of(A))
        assert desk.accounts.account_status(A)["webhook_valid"] == 0
        assert desk.accounts.account_status(A)["next_check_at"] == 0
        desk.serves(BASE)
        desk.registration.repair(account)
        assert desk.platform.urls() == [url_of(A)]
        assert desk.account().subscribed

    @pytest.mark.parametrize("call", ["subscribe", "subscribed"])
    def test_a_subscription_that_fails_brings_the_former_webhook_back_too(self, desk: Desk, call: str) -> None:
        refusals: list[ConnectorError] = [ServiceUnavailable("twitter_unavailable", "", status=503)]

        def once(name: str) -> None:
            if name == call and refusals:
                raise refusals.pop()

        desk.platform.before = once
        assert desk.refused().step == "subscription"
        assert desk.platform.urls() == [url_of(A)]
        assert desk.platform.subscribers == {("prod", A), ("prod", B)}
        assert desk.account().webhook == desk.platform.hooks["prod"][0]

    def test_even_our_own_fault_brings_it_back(self, desk: Desk) -> None:
        def broken(url: str) -> bool:
            return url.startswith(BASE) or 1 // 0 == 1

        desk.platform.challenge = broken
        with pytest.raises(ZeroDivisionError):
            desk.register(base=MISTYPED)
        assert desk.platform.urls() == [url_of(A)]

    def test_what_a_failed_first_challenge_shows_from_here_is_told(self, desk: Desk) -> None:
        desk.platform.hooks["prod"].clear()
        desk.platform.challenge = lambda url: False
        desk.platform.own_challenge = lambda url, _: ChallengeAnswer(False, "answered HTTP 502 instead of 200")
        assert "From here the address answered HTTP 502 instead of 200." in desk.refused().advice


class TestSuccessors:
    def test_where_x_allows_several_the_new_one_comes_first(self, desk: Desk) -> None:
        desk.platform.webhooks_max = 2
        order: list[list[str]] = []
        desk.platform.before = lambda name: order.append(desk.platform.urls())
        status = desk.register(base=MISTYPED)
        assert [] not in order, "there was a webhook at every moment"
        assert desk.platform.urls() == [url_of(A, MISTYPED)]
        assert status.actions == ("replaced",)

    def test_a_foreign_one_stays_where_there_is_room_for_ours(self, desk: Desk) -> None:
        desk.platform.webhooks_max = 2
        desk.platform.hooks["prod"].clear()
        desk.platform.put("https://hooks.example.net/")
        desk.register()
        assert desk.platform.urls() == ["https://hooks.example.net/", url_of(A)]

    def test_what_stood_at_another_place_of_x_is_taken_down_once_the_new_one_works(self, desk: Desk) -> None:
        desk.platform.hooks["staging"] = []
        desk.register(B, environment="staging")
        assert desk.platform.urls("staging") == [url_of(B)]
        assert desk.platform.urls("prod") == [url_of(A)], "the webhook still serves A"
        assert desk.platform.subscribers == {("prod", A), ("staging", B)}

    def test_a_move_that_fails_leaves_the_former_place_alone(self, desk: Desk) -> None:
        desk.platform.hooks["staging"] = []
        desk.platform.challenge = lambda url: False
        with pytest.raises(StepFailed):
            desk.register(B, environment="staging")
        assert desk.platform.subscribers == {("prod", A), ("prod", B)}
        assert desk.account(B).settings == {"environment": "prod"}

    def test_one_webhook_too_many_is_no_failed_challenge(self, desk: Desk) -> None:
        """Another process registered ours between our look and our call."""
        desk.platform.hooks["prod"].clear()

        def meanwhile(name: str) -> None:
            if name == "create_webhook" and not desk.platform.hooks["prod"]:
                desk.platform.put(url_of(A))

        desk.platform.before = meanwhile
        assert desk.register().actions[0] == "kept"
        assert desk.platform.urls() == [url_of(A)]

    def test_a_limit_without_a_webhook_is_told_as_it_is(self, desk: Desk) -> None:
        desk.platform.hooks["prod"].clear()
        desk.platform.failing["create_webhook"] = Permanent(WEBHOOK_LIMIT, "X allows no further webhook.", status=403)
        error = desk.refused(BASE)
        assert (error.step, error.advice) == ("webhook", "X allows no further webhook.")


class TestApiV2:
    """An account changes its API, or its way in, and works at every moment."""

    def v2(self, desk: Desk, inbound: str, account_id: str = A) -> RegistrationStatus:
        url = url_of(account_id) if inbound in ("xaa", "aaa") else ""
        request = Registration(
            account_id if url else "", desk.platform.token(account_id), url, V2, {"inbound": inbound}
        )
        return desk.registration.register(request)

    def test_an_account_that_polls_has_no_webhook_and_is_the_tokens_owner(self, desk: Desk) -> None:
        shown = self.v2(desk, "poll", "4711").as_json()
        assert (shown["account_id"], shown["api"], shown["inbound"]) == ("4711", "v2", "poll")
        assert (shown["webhook"], shown["subscribed"], shown["actions"]) == (None, None, [])
        account = desk.account("4711")
        assert (account.sends_only, account.webhook, account.webhook_url, account.attention) == (False, None, "", "")
        assert desk.platform.urls("v2") == []

    def test_a_token_that_names_nobody_needs_a_url(self, desk: Desk) -> None:
        desk.platform.owners[desk.platform.token("4711").access_token] = ("", "", "")
        token = replace(desk.platform.token("4711"), access_token="nameless")
        desk.platform.owners["nameless"] = ("", "", "")
        with pytest.raises(StepFailed, match="WEBHOOK-URL"):
            desk.registration.register(Registration("", token, "", V2, {"inbound": "poll"}))
        assert desk.accounts.get("4711") is None

    def test_from_v1_to_v2_the_former_subscription_ends_and_a_shared_webhook_stays(self, desk: Desk) -> None:
        status = self.v2(desk, "xaa")
        assert status.actions == ("created", "subscribed")
        assert desk.platform.urls("v2") == [url_of(A)]
        assert desk.platform.subscribers == {("prod", B), ("v2", A)}
        assert desk.platform.urls("prod") == [url_of(A)], "it still serves B"
        assert desk.account().registered_at == desk.former.registered_at
        assert desk.accounts.account_status(A)["gap_since"] > 0, "what came in between is read back"

    def test_the_last_account_of_a_place_takes_its_webhook_along(self, desk: Desk) -> None:
        desk.registration.unregister(desk.account(B))
        self.v2(desk, "poll")
        assert desk.platform.urls("prod") == []
        assert desk.platform.subscribers == set()

    def test_from_webhook_to_polling_the_webhook_goes_last(self, desk: Desk) -> None:
        self.v2(desk, "xaa")
        self.v2(desk, "poll")
        assert desk.platform.urls("v2") == []
        assert (desk.account().webhook, desk.account().inbound) == (None, "poll")

    def test_from_polling_back_to_a_webhook(self, desk: Desk) -> None:
        self.v2(desk, "poll")
        assert self.v2(desk, "xaa").actions == ("created", "subscribed")
        assert desk.account().webhook == desk.platform.hooks["v2"][0]

    def test_another_kind_of_subscription_keeps_the_webhook(self, desk: Desk) -> None:
        self.v2(desk, "xaa")
        webhook = desk.account().webhook
        assert self.v2(desk, "aaa").webhook == webhook
        assert desk.platform.hooks["v2"] == [webhook]
        assert ("v2", A) in desk.platform.subscribers

    def test_a_change_that_fails_leaves_everything_as_it_was(self, desk: Desk) -> None:
        desk.platform.challenge = lambda url: False
        with pytest.raises(StepFailed):
            self.v2(desk, "xaa")
        assert desk.account() == desk.former
        assert desk.platform.subscribers == {("prod", A), ("prod", B)}
        desk.platform.challenge = lambda url: True
        desk.platform.failing["subscribed"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        with pytest.raises(StepFailed):
            self.v2(desk, "xaa")
        assert desk.account() == desk.former
        assert desk.platform.urls("v2") == [], "a webhook of an attempt that failed is removed"

    def test_several_accounts_of_an_app_share_a_webhook(self, desk: Desk) -> None:
        self.v2(desk, "xaa")
        assert self.v2(desk, "xaa", B).actions == ("kept", "subscribed")
        assert desk.platform.urls("v2") == [url_of(A)]
        desk.registration.unregister(desk.account(A))
        assert desk.platform.urls("v2") == [url_of(B)]
        assert desk.platform.subscribers == {("v2", B)}


class TestOneAtATime:
    def test_a_second_registration_waits_for_the_first(self, desk: Desk) -> None:
        desk.platform.hooks["prod"].clear()
        in_challenge, go_on = threading.Event(), threading.Event()

        def slow(url: str) -> bool:
            in_challenge.set()
            return go_on.wait(10)

        desk.platform.challenge = slow
        outcomes: list[Any] = []
        threads = [threading.Thread(target=lambda: outcomes.append(desk.register().actions)) for _ in range(2)]
        threads[0].start()
        assert in_challenge.wait(10)
        threads[1].start()
        go_on.set()
        for thread in threads:
            thread.join(10)
        assert outcomes == [("created",), ("kept",)]

    def test_after_a_while_it_is_told_to_come_again(self, desk: Desk) -> None:
        hurried = replace(desk.registration, wait_seconds=0.0)
        with desk.registration.locks.alone(f"registration:{A}"):
            with pytest.raises(StepFailed, match="under way") as caught:
                hurried.register(Registration(A, desk.platform.token(A), url_of(A), V1, {"environment": "prod"}))
            assert isinstance(caught.value.cause, RateLimited)
            assert caught.value.cause.until is not None
            assert desk.platform.calls == ["who_am_i"]
            # Another account's registration does not wait.
            desk.register(B)


class TestWhatIsSeenIsStored:
    def test_by_status(self, desk: Desk) -> None:
        desk.platform.hooks["prod"] = [replace(desk.platform.hooks["prod"][0], valid=False)]
        desk.registration.status(desk.account())
        webhook = desk.account().webhook
        assert webhook is not None
        assert not webhook.valid
        assert desk.accounts.account_status(A)["webhook_valid"] == 0
        desk.platform.hooks["prod"].clear()
        desk.platform.subscribers.clear()
        desk.registration.status(desk.account())
        assert (desk.account().webhook, desk.account().subscribed) == (None, False)
        assert desk.accounts.account_status(A)["next_check_at"] == 0, "it is repaired soon"

    def test_by_a_check_that_fails(self, desk: Desk) -> None:
        desk.platform.hooks["prod"].clear()
        desk.platform.challenge = lambda url: False
        with pytest.raises(StepFailed):
            desk.registration.repair(desk.account())
        assert (desk.account().webhook, desk.account().subscribed) == (None, False)
        assert desk.accounts.account_status(A)["webhook_valid"] == 0

    def test_by_deleting_a_webhook_in_use(self, desk: Desk) -> None:
        assert desk.former.webhook is not None
        assert [a.id for a in desk.registration.users_of(desk.former.webhook.id)] == [B, A]
        users = desk.registration.delete_webhook(desk.former, desk.former.webhook.id)
        assert [user.id for user in users] == [B, A]
        for account_id in (A, B):
            account = desk.account(account_id)
            assert (account.webhook, account.subscribed) == (None, False)
            assert f"check {account_id}`" in account.attention
            assert desk.accounts.account_status(account_id)["webhook_valid"] == 0
        desk.registration.repair(desk.account())
        assert (desk.account().attention, desk.account().subscribed) == ("", True)

    def test_a_webhook_that_nobody_uses_is_deleted_and_nothing_stored(self, desk: Desk) -> None:
        foreign = desk.platform.put("https://hooks.example.net/")
        assert desk.registration.delete_webhook(desk.former, foreign.id) == []
        assert desk.account() == desk.former
        assert isinstance(desk.account().webhook, Webhook)


def test_a_failed_registration_leaves_a_log_line_without_secrets(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.serves(BASE)
    desk.refused()
    (record,) = [r for r in caplog.records if r.getMessage() == "registration_failed"]
    facts = vars(record)
    assert (facts["account"], facts["step"], facts["reason"], facts["code"]) == (A, "crc", "challenge_failed", 214)
    for secret in ("app-secret", f"token-of-{A}", f"token-secret-{A}"):
        assert secret not in str(facts)
