"""Registering, repairing, replacing and removing, at a platform that is played: every branch and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeAccounts, FakeClock, FakePlatform, account_registration
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import RegistrationStatus, StepFailed
from twitter_connector.errors import CredentialsRejected, Permanent, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V1, Account
from twitter_connector.model.work import Direction, Entry

BASE = "https://cx.example.com/twitter-connector"
A, B = "732739706", "2975699229"


def url_of(account_id: str, base: str = BASE) -> str:
    return f"{base}/webhook/twitter/{account_id}"


class Desk:
    """An operator's desk: the use case, the platform, and what the connector remembers."""

    def __init__(self) -> None:
        self.platform = FakePlatform()
        self.accounts = FakeAccounts()
        self.clock = FakeClock()
        self.lanes = ClockedLanes(self.clock)
        self.registration = account_registration(self.accounts, self.lanes, self.platform, self.clock)

    def wish(self, account_id: str = A, **changes: Any) -> Registration:
        if "environment" in changes:
            changes["settings"] = {"environment": changes.pop("environment")}
        asked = Registration(
            account_id, self.platform.token(account_id), url_of(account_id), V1, {"environment": "prod"}
        )
        return replace(asked, **changes)

    def register(self, account_id: str = A, **changes: Any) -> RegistrationStatus:
        return self.registration.register(self.wish(account_id, **changes))

    def account(self, account_id: str = A) -> Account:
        found = self.accounts.get(account_id)
        assert found is not None
        return found

    def refused(self, wish: Registration | None = None) -> StepFailed:
        with pytest.raises(StepFailed) as caught:
            self.registration.register(wish or self.wish())
        return caught.value


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestRegister:
    def test_the_first_time_everything_is_made(self, desk: Desk) -> None:
        registration_status = desk.register()
        hook = desk.platform.hooks["prod"][0]
        assert registration_status.as_json() == {
            "account_id": A,
            "screen_name": "acme",
            "api": "v1.1",
            "webhook": {"id": hook.id, "url": url_of(A), "valid": True},
            "subscribed": True,
            "events": ["direct_messages", "typing", "read"],
            "actions": ["created", "subscribed"],
        }
        account = desk.account()
        assert (account.webhook, account.subscribed, account.attention) == (hook, True, "")
        assert (account.screen_name, account.name, account.registered_at) == ("acme", "Acme Ltd", desk.clock())
        assert desk.platform.subscribers == {("prod", A)}

    def test_where_twitter_does_not_say_whose_a_token_is_the_url_does(self, desk: Desk) -> None:
        wish = desk.wish()
        desk.platform.owners[wish.credentials.access_token] = ("", "", "")
        assert desk.registration.register(wish).subscribed
        assert (desk.account().id, desk.account().screen_name) == (A, "")

    def test_names_once_told_are_kept(self, desk: Desk) -> None:
        desk.register()
        wish = desk.wish()
        desk.platform.owners[wish.credentials.access_token] = (A, "", "")
        desk.registration.register(wish)
        assert (desk.account().screen_name, desk.account().name) == ("acme", "Acme Ltd")

    def test_again_nothing_changes_and_nothing_is_made(self, desk: Desk) -> None:
        first = desk.register()
        desk.platform.calls.clear()
        second = desk.register()
        assert second.actions == ("kept",)
        assert second.webhook == first.webhook
        assert not {"create_webhook", "delete_webhook", "check_webhook"} & set(desk.platform.calls)

    def test_the_secret_is_known_before_the_challenge_comes(self, desk: Desk) -> None:
        def challenge(url: str) -> bool:
            account = desk.accounts.get(A)
            return account is not None and account.credentials.api_key_secret == "app-secret"

        desk.platform.challenge = challenge
        assert desk.register().subscribed

    def test_an_invalid_webhook_is_checked_again_and_not_replaced(self, desk: Desk) -> None:
        hook = desk.platform.put(url_of(A), valid=False)
        registration_status = desk.register()
        assert registration_status.actions == ("revalidated", "subscribed")
        assert registration_status.webhook == replace(hook, valid=True)
        assert desk.platform.urls() == [url_of(A)]

    def test_ours_under_a_former_account_id_is_replaced(self, desk: Desk) -> None:
        desk.platform.put(url_of("999"))
        assert desk.register().actions == ("replaced", "subscribed")
        assert desk.platform.urls() == [url_of(A)]

    def test_ours_under_a_former_address_is_replaced(self, desk: Desk) -> None:
        former = url_of(A, "https://old.example.com/twitter-connector")
        desk.register(webhook_url=former)
        registration_status = desk.register()
        assert registration_status.actions == ("replaced", "subscribed")
        assert desk.platform.urls() == [url_of(A)]
        assert desk.account().webhook_url == url_of(A)

    @pytest.mark.parametrize(
        "foreign",
        [
            "https://other.example.com/twitter-connector/webhook/twitter/1",
            "https://cx.example.com/another/webhook/twitter/1",
            "https://cx.example.com/twitter-connector/webhook",
            "https://cx.example.com.evil.example/twitter-connector/webhook/twitter/1",
            "https://hooks.example.net/",
        ],
    )
    def test_a_foreign_webhook_is_left_alone_and_named(self, desk: Desk, foreign: str) -> None:
        hook = desk.platform.put(foreign)
        error = desk.refused()
        assert error.step == "webhook"
        assert foreign in error.advice
        assert hook.id in error.advice
        assert desk.platform.urls() == [foreign]
        assert "delete_webhook" not in desk.platform.calls
        assert desk.accounts.all() == []

    def test_of_several_webhooks_none_is_deleted_while_one_is_foreign(self, desk: Desk) -> None:
        desk.platform.put(url_of("999"))
        desk.platform.put("https://hooks.example.net/")
        desk.refused()
        assert len(desk.platform.urls()) == 2

    def test_two_accounts_share_the_webhook_of_their_environment(self, desk: Desk) -> None:
        desk.register(A)
        registration_status = desk.register(B)
        assert registration_status.actions == ("kept", "subscribed")
        assert registration_status.webhook is not None
        assert registration_status.webhook.url == url_of(A)
        assert desk.platform.urls() == [url_of(A)]
        assert desk.platform.subscribers == {("prod", A), ("prod", B)}

    def test_the_status_says_if_own_messages_do_not_come_back(self, desk: Desk) -> None:
        desk.platform.withholds_own = True
        desk.register()
        assert desk.accounts.account_status(A)["echoes"] == 0
        desk.platform.withholds_own = False
        desk.registration.repair(desk.account())
        assert desk.accounts.account_status(A)["echoes"] == 1

    def test_a_pause_ends_with_a_registration(self, desk: Desk) -> None:
        desk.lanes.accept([Entry(Direction.OUT, A, "ada", "1", "p")])
        desk.lanes.pause(Direction.OUT, A, desk.clock.ms + 10**6, "token_revoked", "")
        desk.register()
        assert desk.lanes.claim(Direction.OUT) is not None

    def test_a_picture_that_waited_for_other_credentials_is_due_with_a_registration(self, desk: Desk) -> None:
        desk.lanes.accept([Entry(Direction.IN, A, "ada", "photo", "payload")])
        lease = desk.lanes.claim(Direction.IN)
        assert lease is not None
        desk.lanes.postpone(lease, 600_000, spend=False)
        assert desk.lanes.claim(Direction.IN) is None
        desk.register()
        assert desk.lanes.claim(Direction.IN) is not None

    def test_attention_ends_with_a_registration(self, desk: Desk) -> None:
        desk.register()
        desk.accounts.save(replace(desk.account(), attention="Access was revoked.", subscribed=False))
        desk.platform.subscribers.clear()
        assert desk.register().actions == ("kept", "subscribed")
        assert (desk.account().attention, desk.account().subscribed) == ("", True)

    def test_a_consumer_secret_that_is_replaced_goes_on_verifying(self, desk: Desk) -> None:
        desk.register()
        old = desk.account().credentials
        desk.register(credentials=replace(old, api_key_secret="new-secret"))
        assert desk.account().consumer_secrets == ("new-secret", "app-secret")


class TestRefusals:
    def test_the_token_of_another_account_is_told_with_both_ids(self, desk: Desk) -> None:
        error = desk.refused(desk.wish(credentials=desk.platform.token(B, "other")))
        assert (error.step, error.cause) == ("credentials", None)
        assert A in error.advice
        assert B in error.advice
        assert desk.accounts.all() == []

    def test_bad_credentials_store_nothing(self, desk: Desk) -> None:
        stranger = replace(desk.platform.token(A), access_token="unknown")
        error = desk.refused(desk.wish(credentials=stranger))
        assert error.step == "credentials"
        assert error.cause is not None
        assert desk.accounts.all() == []

    def test_an_unknown_environment_is_told_with_what_to_do(self, desk: Desk) -> None:
        error = desk.refused(desk.wish(environment="Prod"))
        assert error.step == "webhook"
        assert "upper and lower case" in error.advice
        assert desk.accounts.all() == []

    def test_a_challenge_that_fails_is_its_own_step(self, desk: Desk) -> None:
        desk.platform.challenge = lambda url: False
        error = desk.refused()
        assert error.step == "crc"
        assert "crc_token" in error.advice
        assert desk.platform.urls() == []

    @pytest.mark.parametrize(
        ("call", "step"),
        [
            ("who_am_i", "credentials"),
            ("webhooks", "webhook"),
            ("create_webhook", "webhook"),
            ("subscribe", "subscription"),
            ("subscribed", "subscription"),
        ],
    )
    @pytest.mark.parametrize(
        "cause",
        [
            ServiceUnavailable("twitter_unavailable", "Twitter has trouble of its own.", status=503),
            RateLimited("rate_limited", "Twitter's rate limit is reached.", status=429, code=88),
            CredentialsRejected("not_permitted", "The app may not do that.", status=403, code=200),
            Permanent("request_refused", "Twitter refused the request.", status=400),
            RuntimeError("our own fault"),
        ],
        ids=lambda c: type(c).__name__,
    )
    def test_whatever_fails_a_first_registration_leaves_no_account_behind(
        self, desk: Desk, call: str, step: str, cause: Any
    ) -> None:
        desk.platform.failing[call] = cause
        with pytest.raises((StepFailed, RuntimeError)) as caught:
            desk.register()
        assert desk.accounts.all() == []
        if isinstance(caught.value, StepFailed):
            assert caught.value.step == step
            assert caught.value.cause is cause
            assert caught.value.advice

    @pytest.mark.parametrize("call", ["webhooks", "subscribe", "subscribed"])
    def test_whatever_fails_a_second_registration_leaves_the_first_in_force(self, desk: Desk, call: str) -> None:
        desk.register()
        former = desk.account()
        desk.platform.failing[call] = ServiceUnavailable("twitter_unavailable", "", status=503)
        desk.refused(desk.wish(credentials=replace(former.credentials, api_key_secret="new-secret")))
        assert desk.account() == former

    def test_bad_new_credentials_leave_the_old_ones_in_force(self, desk: Desk) -> None:
        desk.register()
        former = desk.account()
        desk.refused(desk.wish(credentials=replace(former.credentials, access_token="unknown")))
        assert desk.account() == former

    def test_a_subscription_that_is_accepted_and_not_there_is_no_success(self, desk: Desk) -> None:
        desk.platform.forgetful = True
        error = desk.refused()
        assert error.step == "subscription"
        assert error.cause is not None
        assert desk.accounts.all() == []

    def test_a_first_registration_that_fails_takes_its_webhook_back_and_the_next_one_starts_anew(
        self, desk: Desk
    ) -> None:
        desk.platform.failing["subscribe"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        desk.refused()
        assert desk.platform.urls() == []
        desk.platform.failing.clear()
        assert desk.register().actions == ("created", "subscribed")
        assert len(desk.platform.urls()) == 1

    def test_a_webhook_that_serves_others_is_not_taken_back(self, desk: Desk) -> None:
        desk.register(A)
        desk.platform.failing["subscribe"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        desk.refused(desk.wish(B))
        assert desk.platform.urls() == [url_of(A)]
        assert [a.id for a in desk.accounts.all()] == [A]

    def test_a_webhook_that_was_there_before_is_not_taken_back(self, desk: Desk) -> None:
        desk.platform.put(url_of(A))
        desk.platform.failing["subscribe"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        desk.refused()
        assert desk.platform.urls() == [url_of(A)]

    @pytest.mark.parametrize("call", ["who_am_i", "webhooks", "create_webhook", "subscribe"])
    def test_trouble_at_x_says_that_another_try_helps(self, desk: Desk, call: str) -> None:
        desk.platform.failing = {call: ServiceUnavailable("twitter_unavailable", "X is overloaded.", status=503)}
        assert desk.refused().advice.startswith("X is overloaded. Try again later.")

    def test_no_advice_quotes_a_secret(self, desk: Desk) -> None:
        for call in ("who_am_i", "webhooks", "create_webhook", "subscribe"):
            desk.platform.failing = {call: Permanent("request_refused", "", status=400)}
            error = desk.refused()
            c = desk.platform.token(A)
            for secret in (c.api_key_secret, c.access_token, c.access_token_secret):
                assert secret not in f"{error} {error!r} {error.advice}"


class TestStatus:
    def test_it_is_read_afresh(self, desk: Desk) -> None:
        desk.register()
        assert desk.registration.status(desk.account()).as_json()["subscribed"] is True
        hook = desk.platform.hooks["prod"][0]
        desk.platform.hooks["prod"][0] = replace(hook, valid=False)
        desk.platform.subscribers.clear()
        shown = desk.registration.status(desk.account()).as_json()
        assert (shown["webhook"]["valid"], shown["subscribed"], shown["events"]) == (False, False, [])
        desk.platform.hooks["prod"].clear()
        assert desk.registration.status(desk.account()).as_json()["webhook"] is None

    def test_an_account_that_shares_a_webhook_sees_it(self, desk: Desk) -> None:
        desk.register(A)
        desk.register(B)
        shown = desk.registration.status(desk.account(B)).as_json()
        assert shown["webhook"]["url"] == url_of(A)

    def test_a_foreign_webhook_is_not_shown_as_ours(self, desk: Desk) -> None:
        desk.register()
        desk.platform.hooks["prod"].clear()
        desk.platform.put("https://hooks.example.net/")
        assert desk.registration.status(desk.account()).webhook is None


class TestRepair:
    def test_what_is_right_is_left_alone(self, desk: Desk) -> None:
        desk.register()
        before = desk.account()
        assert desk.registration.repair(before).actions == ("kept",)
        assert desk.account() == before

    def test_a_webhook_switched_off_is_switched_on_again(self, desk: Desk) -> None:
        desk.register()
        hook = desk.platform.hooks["prod"][0]
        desk.platform.hooks["prod"][0] = replace(hook, valid=False)
        assert desk.registration.repair(desk.account()).actions == ("revalidated",)
        assert desk.platform.hooks["prod"] == [hook]

    def test_a_webhook_and_a_subscription_that_are_gone_are_made_again(self, desk: Desk) -> None:
        desk.register()
        desk.platform.hooks["prod"].clear()
        desk.platform.subscribers.clear()
        assert desk.registration.repair(desk.account()).actions == ("created", "subscribed")
        assert desk.account().webhook == desk.platform.hooks["prod"][0]

    def test_a_repair_that_fails_changes_nothing_here(self, desk: Desk) -> None:
        desk.register()
        before = desk.account()
        desk.platform.failing["webhooks"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        with pytest.raises(StepFailed):
            desk.registration.repair(before)
        assert desk.account() == before


class TestUnregister:
    def test_everything_of_it_goes(self, desk: Desk) -> None:
        desk.register()
        desk.registration.unregister(desk.account())
        assert desk.platform.urls() == []
        assert desk.platform.subscribers == set()
        assert desk.accounts.all() == []

    def test_a_foreign_webhook_stays(self, desk: Desk) -> None:
        desk.register()
        desk.platform.hooks["prod"].clear()
        desk.platform.put("https://hooks.example.net/")
        desk.registration.unregister(desk.account())
        assert desk.platform.urls() == ["https://hooks.example.net/"]
        assert desk.accounts.all() == []

    def test_an_heir_takes_the_webhook_over(self, desk: Desk) -> None:
        desk.register(A)
        desk.register(B)
        desk.registration.unregister(desk.account(A))
        assert desk.platform.urls() == [url_of(B)]
        assert desk.platform.subscribers == {("prod", B)}
        assert [a.id for a in desk.accounts.all()] == [B]
        assert desk.account(B).webhook == desk.platform.hooks["prod"][0]

    def test_several_heirs_share_one_webhook(self, desk: Desk) -> None:
        for account_id in (A, B, "333"):
            desk.register(account_id)
        desk.registration.unregister(desk.account(A))
        (url,) = desk.platform.urls()
        assert url in (url_of(B), url_of("333"))
        assert desk.platform.subscribers == {("prod", B), ("prod", "333")}
        assert {a.webhook.url for a in desk.accounts.all() if a.webhook} == {url}

    def test_one_who_shares_the_webhook_of_another_leaves_it_to_them(self, desk: Desk) -> None:
        desk.register(A)
        desk.register(B)
        desk.registration.unregister(desk.account(B))
        assert desk.platform.urls() == [url_of(A)]
        assert desk.platform.subscribers == {("prod", A)}

    def test_an_account_of_another_environment_is_no_heir(self, desk: Desk) -> None:
        desk.platform.hooks["staging"] = []
        desk.register(A)
        desk.register(B, environment="staging")
        desk.registration.unregister(desk.account(A))
        assert desk.platform.urls("prod") == []
        assert desk.platform.urls("staging") == [url_of(B)]

    def test_while_twitter_does_not_answer_the_account_is_kept(self, desk: Desk) -> None:
        desk.register()
        desk.platform.failing["unsubscribe"] = ServiceUnavailable("twitter_unavailable", "", status=503)
        with pytest.raises(StepFailed):
            desk.registration.unregister(desk.account())
        assert desk.accounts.get(A) is not None


class TestRevokedCredentials:
    def test_an_account_whose_tokens_are_revoked_can_still_be_forgotten(self, desk: Desk) -> None:
        desk.register()
        rejected = CredentialsRejected("token_revoked", "", status=401, code=89)
        desk.platform.failing = {"unsubscribe": rejected, "webhooks": rejected}
        desk.registration.unregister(desk.account())
        assert desk.accounts.get(A) is None

    def test_an_account_whose_environment_is_gone_can_still_be_forgotten(self, desk: Desk) -> None:
        desk.register()
        desk.platform.hooks.clear()
        desk.registration.unregister(desk.account())
        assert desk.accounts.get(A) is None

    def test_trouble_of_twitters_own_keeps_the_account_until_it_can_be_undone(self, desk: Desk) -> None:
        desk.register()
        desk.platform.failing = {"unsubscribe": ServiceUnavailable("twitter_unavailable", "", status=503)}
        with pytest.raises(StepFailed):
            desk.registration.unregister(desk.account())
        assert desk.accounts.get(A) is not None
