"""Credentials from CCM: pushed when a channel connector is saved, asked for when Twitter refuses those we have."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from tests.brokers import Broker, services_of
from tests.web.web_requests import ACCOUNT, HEADER, SECRET, dm, is_problem, post_event, signed
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.posts_settings import MARK
from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.accounts.registration_steps import SENDS_ONLY
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import RateLimited, ServiceUnavailable
from twitter_connector.model.account import Credentials, Webhook
from twitter_connector.model.capabilities import EVERYTHING
from twitter_connector.model.subscription import ChallengeAnswer, Subscriptions
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction
from twitter_connector.store.account_rows import NAMED_FIELDS
from twitter_connector.store.enquiries import Enquiries

NEW = Credentials("ck", "cs-of-the-push", f"{ACCOUNT.id}-at", "ats", "bearer-token-of-the-push")
SEED = {
    "API-KEY": "ck",
    "API-KEY-SECRET": "cs-of-the-push",
    "ACCESS-TOKEN": NEW.access_token,
    "ACCESS-TOKEN-SECRET": "ats",
}
SOCIAL = {
    "CONSUMER-KEY": "ck",
    "CONSUMER-SECRET": "cs-of-the-push",
    "TOKEN-KEY": NEW.access_token,
    "TOKEN-SECRET": "ats",
}


def rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "type": "String2000", "value": value} for key, value in values.items()]


def push(client: FlaskClient, values: Mapping[str, Any], account_id: Any = ACCOUNT.id, **more: Any) -> Any:
    body = {"serviceIdentifier": account_id, "connectorConfigurations": rows(values), **more}
    return client.post("/connector-configurations", json=body)


def credentials(services: Services, account_id: str = ACCOUNT.id) -> Credentials:
    account = services.accounts.get(account_id, max_age=0)
    assert account is not None
    return account.credentials


@pytest.mark.parametrize(
    "names",
    [
        SEED,
        SOCIAL,
        {key.lower(): value for key, value in SEED.items()},
        {key.replace("-", "_"): value for key, value in SOCIAL.items()},
        {key.replace("-", ""): value for key, value in SEED.items()},
        {key.title().replace("-", ""): value for key, value in SOCIAL.items()},
    ],
)
def test_both_families_of_names_are_understood_however_they_are_spelt(
    client: FlaskClient, services: Services, names: dict[str, str]
) -> None:
    response = push(client, {**names, "BEARER_TOKEN": NEW.bearer_token, "LIKE_SUPPORT_SM": "true"})
    assert response.status_code == 200
    answer = response.get_json()
    assert (answer["registered"], answer["changed"], answer["serviceIdentifier"]) == (True, True, ACCOUNT.id)
    assert credentials(services) == NEW


@pytest.mark.parametrize(
    "body",
    [
        {"channelProviderConfigs": rows(SEED)},
        {"configurations": rows(SEED)},
        {"data": rows(SEED)},
        {"data": {"connectorConfigurations": rows(SEED)}},
        {"connectorConfigurations": SEED},
        {"connectorConfigurations": [None, 5, "x", {"key": 1}, {"value": "x"}, *rows(SEED), {"key": "X", "value": {}}]},
    ],
)
def test_the_attributes_are_found_wherever_they_lie(
    client: FlaskClient, services: Services, body: dict[str, Any]
) -> None:
    response = client.post("/connector-configurations", json={"serviceIdentifier": int(ACCOUNT.id), **body})
    assert response.status_code == 200
    assert response.get_json()["changed"] is True
    assert credentials(services) == replace(NEW, bearer_token=None)


def test_masked_and_empty_values_mean_unchanged(client: FlaskClient, services: Services) -> None:
    masked = {
        "API-KEY": "****",
        "API-KEY-SECRET": "*",
        "ACCESS-TOKEN": "",
        "ACCESS-TOKEN-SECRET": None,
        "BEARER-TOKEN": " ",
    }
    response = push(client, masked)
    assert response.get_json()["changed"] is False
    assert credentials(services) == ACCOUNT.credentials
    # Some systems leave the ends readable.
    halves = {"API-KEY": "****abcd", "API-KEY-SECRET": "ab****yz", "ACCESS-TOKEN": f"{ACCOUNT.id}-****"}
    assert push(client, halves).get_json()["changed"] is False
    assert credentials(services) == ACCOUNT.credentials
    # One that is not masked counts among those that are.
    assert push(client, {**masked, "TOKEN-SECRET": "new-one"}).get_json()["changed"] is True
    assert credentials(services) == replace(ACCOUNT.credentials, access_token_secret="new-one")


@pytest.mark.parametrize(("name", "value"), [("POSTS", "mentions"), ("posts", "MENTIONS"), ("Posts", " mentions ")])
def test_the_public_posts_of_an_account_are_chosen_by_push(
    client: FlaskClient, services: Services, name: str, value: str
) -> None:
    services.redis.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    services.accounts.note(ACCOUNT.id, next_check_at=2**42)
    assert push(client, {**SEED, name: value}).get_json()["changed"] is True
    chosen = services.accounts.get(ACCOUNT.id, max_age=0)
    assert chosen is not None
    assert chosen.posts == "mentions"
    status = services.accounts.account_status(ACCOUNT.id)
    assert status["next_check_at"] == 0, "the check brings the subscriptions in line"
    assert status[MARK] > 0, "older mentions are not read"
    assert push(client, {name: value}).get_json()["changed"] is False
    assert push(client, SEED).get_json()["changed"] is False, "a push that does not say leaves it"
    assert push(client, {name: ""}).get_json()["changed"] is False
    assert push(client, {name: "off", "LIKE-SUPPORT-SM": False}).get_json()["changed"] is True
    chosen = services.accounts.get(ACCOUNT.id, max_age=0)
    assert chosen is not None
    assert (chosen.posts, chosen.settings["like_support_sm"]) == ("off", "false")


def test_a_choice_of_posts_that_is_none_is_400_and_changes_nothing(client: FlaskClient, services: Services) -> None:
    services.redis.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    response = push(client, {"POSTS": "some", "LIKE_SUPPORT_SM": "true"})
    assert (response.status_code, response.get_json()["errors"]) == (
        400,
        {"POSTS": ["One of off, mentions, replies, all."]},
    )
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.posts == "off"


def test_a_bearer_token_goes_with_the_app_it_was_made_for(client: FlaskClient, services: Services) -> None:
    services.accounts.save(replace(ACCOUNT, credentials=replace(ACCOUNT.credentials, bearer_token="of-the-old-app")))
    push(client, {"ACCESS-TOKEN-SECRET": "another"})
    assert credentials(services).bearer_token == "of-the-old-app"
    push(client, {"API-KEY": "ck", "API-KEY-SECRET": "cs"})
    assert credentials(services).bearer_token is None


@pytest.mark.parametrize("unknown", ["acme-support", "a:b\u00e9", "../x"])
def test_what_is_no_account_is_answered_clearly_and_nothing_is_stored(
    client: FlaskClient, inspector: redis.Redis, unknown: str
) -> None:
    before = set(inspector.keys("*"))
    response = push(client, SEED, unknown)
    assert response.status_code == 200
    answer = response.get_json()
    assert (answer["registered"], answer["changed"], answer["serviceIdentifier"]) == (False, False, unknown)
    assert "not the id of an X account" in answer["detail"]
    assert set(inspector.keys("*")) == before


STRANGER = "404404"
OF_STRANGER = {**SEED, "ACCESS-TOKEN": f"{STRANGER}-at"}


class TestAnAccountThatNobodyRegistered:
    """What CCM pushes for an account that was never registered here: docs/operations.md, "A send-only account"."""

    @pytest.fixture(autouse=True)
    def present_form(self, services: Services) -> None:
        services.redis.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)

    def test_is_half_in_service_with_the_four_values(self, client: FlaskClient, services: Services) -> None:
        answer = push(client, OF_STRANGER, STRANGER).get_json()
        assert (answer["registered"], answer["changed"], answer["detail"]) == (False, True, SENDS_ONLY)
        shown = client.get(f"/accounts/{STRANGER}").get_json()
        assert (shown["api"], shown["state"], shown["attention"], shown["webhook"]) == (
            "v2",
            "attention",
            SENDS_ONLY,
            None,
        )
        path = f"/webhook/twitter/{STRANGER}"
        assert client.get(f"{path}?crc_token=foo").get_json() == {"response_token": signed(b"foo", "cs-of-the-push")}
        body = json.dumps({**dm("7"), "for_user_id": STRANGER}).encode()
        event = client.post(path, data=body, headers={HEADER: signed(body, "cs-of-the-push")})
        assert event.status_code == 200

    @pytest.mark.parametrize("name", ["API-VERSION", "api_version", "ApiVersion"])
    def test_speaks_v1_where_that_is_wished(self, client: FlaskClient, services: Services, name: str) -> None:
        push(client, {**OF_STRANGER, name: "1.1"}, STRANGER)
        assert client.get(f"/accounts/{STRANGER}").get_json()["api"] == "v1.1"

    @pytest.mark.parametrize("inbound", ["poll", "stream", "POLL"])
    def test_is_in_service_at_once_where_no_webhook_is_needed(
        self, client: FlaskClient, services: Services, inbound: str
    ) -> None:
        answer = push(client, {**OF_STRANGER, "in_bound": inbound}, STRANGER).get_json()
        assert (answer["registered"], answer["changed"]) == (True, True)
        shown = client.get(f"/accounts/{STRANGER}").get_json()
        assert (shown["state"], shown["inbound"], shown["attention"]) == ("active", inbound.lower(), None)
        assert services.accounts.account_status(STRANGER)["next_check_at"] == 0

    def test_goes_from_half_to_whole_with_a_later_push(self, client: FlaskClient, services: Services) -> None:
        push(client, OF_STRANGER, STRANGER)
        push(client, {**OF_STRANGER, "INBOUND": "poll"}, STRANGER)
        shown = client.get(f"/accounts/{STRANGER}").get_json()
        assert (shown["state"], shown["inbound"], shown["attention"]) == ("active", "poll", None)

    @pytest.mark.parametrize(
        ("name", "value"), [("INBOUND", "pol"), ("in-bound", 7), ("API-VERSION", "3"), ("api_version", True)]
    )
    def test_a_wish_that_is_none_is_400_and_named(
        self, client: FlaskClient, services: Services, name: str, value: Any
    ) -> None:
        response = push(client, {**OF_STRANGER, name: value}, STRANGER)
        assert response.status_code == 400
        assert list(response.get_json()["errors"]) == [name]
        assert services.accounts.get(STRANGER, max_age=0) is None

    def test_is_not_stored_where_a_value_is_missing_and_it_is_told_which(
        self, client: FlaskClient, services: Services
    ) -> None:
        answer = push(client, {**OF_STRANGER, "API-KEY-SECRET": "****"}, STRANGER).get_json()
        assert (answer["registered"], answer["changed"]) == (False, False)
        assert "lacks API-KEY-SECRET" in answer["detail"]
        assert services.accounts.get(STRANGER, max_age=0) is None

    def test_stays_away_where_an_operator_unregistered_it(self, client: FlaskClient, services: Services) -> None:
        services.accounts.withdraw(STRANGER)
        answer = push(client, OF_STRANGER, STRANGER).get_json()
        assert "unregistered here" in answer["detail"]
        assert services.accounts.get(STRANGER, max_age=0) is None

    def test_the_token_of_another_account_is_400(self, client: FlaskClient, services: Services) -> None:
        response = push(client, SEED, STRANGER)
        assert (response.status_code, list(response.get_json()["errors"])) == (400, ["ACCESS-TOKEN"])
        assert services.accounts.get(STRANGER, max_age=0) is None

    def test_speaks_v1_while_release_0_1_0_may_run(self, client: FlaskClient, services: Services) -> None:
        services.redis.delete(keys.ACCOUNTS_FORM)
        assert push(client, OF_STRANGER, STRANGER).get_json()["changed"] is True
        assert client.get(f"/accounts/{STRANGER}").get_json()["api"] == "v1.1"
        answer = push(client, {**OF_STRANGER, "ACCESS-TOKEN": "405405-at", "INBOUND": "poll"}, "405405").get_json()
        assert (answer["changed"], "--new-form" in answer["detail"]) == (False, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "serviceIdentifier"),
        ({"serviceIdentifier": None, "connectorConfigurations": []}, "serviceIdentifier"),
        ({"serviceIdentifier": "a b", "connectorConfigurations": []}, "serviceIdentifier"),
        ({"serviceIdentifier": ACCOUNT.id}, "connectorConfigurations"),
        ({"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": rows({"API-KEY": "a b"})}, "API-KEY"),
        ({"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": rows({"API-KEY": ["x"]})}, "API-KEY"),
        ({"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": rows({"TokenKey": "x" * 501})}, "TokenKey"),
        (
            {"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": rows({"API-KEY": "a", "CONSUMER-KEY": "b"})},
            "CONSUMER-KEY",
        ),
        (
            {"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": rows({"ACCESS-TOKEN": "999-planted"})},
            "ACCESS-TOKEN",
        ),
        ([], "_schema"),
        ("x", "_schema"),
    ],
)
def test_what_cannot_be_used_is_named_and_changes_nothing(
    client: FlaskClient, services: Services, body: Any, field: str
) -> None:
    response = client.post("/connector-configurations", json=body)
    assert response.status_code == 400
    assert is_problem(response)
    assert list(response.get_json()["errors"]) == [field]
    assert "planted" not in response.get_data(as_text=True)
    assert credentials(services) == ACCOUNT.credentials


def test_both_families_may_say_the_same(client: FlaskClient, services: Services) -> None:
    assert push(client, {**SEED, **SOCIAL, "Token_Secret": "***"}).get_json()["changed"] is True
    assert credentials(services) == replace(NEW, bearer_token=None)


def test_it_is_in_force_in_every_process_at_once(
    client: FlaskClient, services: Services, broker_process: Broker
) -> None:
    elsewhere = services_of(broker_process.settings)
    assert credentials(elsewhere) == ACCOUNT.credentials
    push(client, SEED)
    # Events signed with the new secret are let in by a process that has the old one in its memory, and those signed
    # with the old one still are.
    from twitter_connector import create_app

    there = create_app(elsewhere.settings, elsewhere).test_client()
    assert post_event(there, dm("1"), secret=SECRET).status_code == 200
    assert elsewhere.configure.newer(ACCOUNT) is True
    assert credentials(elsewhere).api_key_secret == NEW.api_key_secret
    assert post_event(there, dm("2"), secret=NEW.api_key_secret).status_code == 200
    assert post_event(there, dm("3"), secret=SECRET).status_code == 200
    elsewhere.redis.close()


def test_it_ends_the_pauses_that_waited_for_it_and_wakes_a_worker(client: FlaskClient, services: Services) -> None:
    until = epoch_ms(datetime.now(UTC) + timedelta(minutes=10))
    for direction in Direction:
        services.lanes.pause(direction, ACCOUNT.id, until, "credentials_rejected", "x")
    push(client, SEED)
    assert services.lanes.pauses(ACCOUNT.id) == {}
    # Saved again without a change: an operator who fixed something at X wants a retry.
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "account_locked", "x")
    assert push(client, SEED).get_json()["changed"] is False
    assert services.lanes.pauses(ACCOUNT.id) == {}


def test_it_does_not_cut_short_what_twitter_has_dated(client: FlaskClient, services: Services) -> None:
    until = epoch_ms(datetime.now(UTC) + timedelta(minutes=10))
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "rate_limited", "x")
    push(client, SEED)
    assert services.lanes.pauses(ACCOUNT.id)[Direction.OUT]["until"] == str(until)


def test_no_value_is_in_the_answer_or_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = {"API-KEY": "planted-key", "API-KEY-SECRET": "planted-secret", "ACCESS-TOKEN": "planted-token"}
    answers = [
        push(client, values).get_data(as_text=True) for values in (planted, {**planted, "API-KEY": "planted two"})
    ]
    answers.append(push(client, planted, "404").get_data(as_text=True))
    for record in caplog.records:
        answers.append(json.dumps({k: str(v) for k, v in vars(record).items()}))
    assert not [text for text in answers if "planted" in text]


@pytest.mark.parametrize(("given", "stored"), [("6169", "6169"), (6169, "6169"), (" 6169 ", "6169")])
def test_the_channel_type_an_operator_names_is_kept(
    client: FlaskClient, services: Services, given: Any, stored: str
) -> None:
    response = client.post("/channel-type-configurations", json={"channelTypeId": given})
    assert response.status_code == 200
    assert response.get_json() == {"channelTypeId": stored}
    assert Enquiries(services.redis).type_id() == stored


@pytest.mark.parametrize(
    "body", [{}, {"channelTypeId": ""}, {"channelTypeId": None}, {"channelTypeId": ["6169"]}, [], 5]
)
def test_a_channel_type_that_is_none_is_400(client: FlaskClient, services: Services, body: Any) -> None:
    response = client.post("/channel-type-configurations", json=body)
    assert response.status_code == 400
    assert is_problem(response)
    assert Enquiries(services.redis).type_id() is None


def test_an_account_that_only_sends_takes_a_push_and_is_told_what_it_lacks(
    client: FlaskClient, services: Services
) -> None:
    services.accounts.save(replace(ACCOUNT, webhook_url="", settings={}, attention=SENDS_ONLY))
    answer = push(client, SEED).get_json()
    assert (answer["registered"], answer["changed"]) == (False, True)
    assert answer["detail"] == SENDS_ONLY
    assert credentials(services) == replace(NEW, bearer_token=None)


# Asked for, when Twitter refuses


class Ccm:
    """CCM as the pull sees it: what it answers, and how often it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, account_id: str) -> Mapping[str, Any] | None:
        self.asked.append(account_id)
        if isinstance(self.answer, Exception):
            raise self.answer
        found: Mapping[str, Any] | None = self.answer
        return found


def configure(services: Services, ccm: Ccm) -> Configure:
    return Configure(services.accounts, services.lanes, Enquiries(services.redis), ccm, lambda: datetime.now(UTC))


@pytest.fixture
def registered(services: Services) -> Services:
    services.accounts.save(ACCOUNT)
    return services


def test_other_credentials_at_ccm_are_taken_over(registered: Services) -> None:
    ccm = Ccm({"connectorConfigurations": rows(SOCIAL)})
    assert configure(registered, ccm).newer(ACCOUNT) is True
    assert ccm.asked == [ACCOUNT.id]
    account = registered.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.credentials == replace(NEW, bearer_token=None)
    assert account.retired_secrets == (SECRET,)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"connectorConfigurations": rows({**SEED, **dict.fromkeys(SEED, "****")})},
        {"connectorConfigurations": rows({"API-KEY": "a b"})},
        {"connectorConfigurations": rows({"ACCESS-TOKEN": "999-another-brands"})},
        {"connectorConfigurations": rows(dict(zip(SEED, list(vars(ACCOUNT.credentials).values()), strict=False)))},
        ServiceUnavailable("ccm_unreachable", "x"),
        RateLimited("ccm_rate_limited", "x"),
    ],
)
def test_nothing_better_at_ccm_changes_nothing(registered: Services, answer: Any) -> None:
    assert configure(registered, Ccm(answer)).newer(ACCOUNT) is False
    assert credentials(registered) == ACCOUNT.credentials


def test_ccm_is_asked_once_in_a_while_however_often_twitter_refuses(
    registered: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    ccm = Ccm()
    elsewhere = services_of(broker_process.settings)
    here, there = configure(registered, ccm), configure(elsewhere, ccm)
    for _ in range(5):
        assert here.newer(ACCOUNT) is False
        assert there.newer(ACCOUNT) is False
    assert len(ccm.asked) == 1
    lasts = inspector.ttl(keys.PULLED.format(account=ACCOUNT.id))
    assert 590 < lasts <= 600
    inspector.delete(keys.PULLED.format(account=ACCOUNT.id))
    here.newer(ACCOUNT)
    assert len(ccm.asked) == 2
    elsewhere.redis.close()


def test_credentials_that_were_changed_meanwhile_need_no_asking(registered: Services) -> None:
    ccm = Ccm()
    registered.accounts.save(replace(ACCOUNT, credentials=NEW))
    assert configure(registered, ccm).newer(ACCOUNT) is True
    assert ccm.asked == []
    registered.accounts.remove(ACCOUNT.id)
    assert configure(registered, ccm).newer(ACCOUNT) is False
    assert ccm.asked == []


# While the account is being checked


class SlowTwitter:
    """Twitter as a repair sees it; meanwhile something else happens to the account."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def webhooks(self) -> list[Webhook]:
        return [Webhook("55", ACCOUNT.webhook_url, True)]

    webhook_scope, needs_webhook = "one", True

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        self._meanwhile()
        return Subscriptions(active=True)

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        return Subscriptions(active=True)

    def application_id(self) -> str:
        return "42"


def repaired(services: Services, meanwhile: Callable[[], object]) -> None:
    twitter: Any = SlowTwitter(meanwhile)
    AccountRegistration(
        services.accounts,
        services.lanes,
        services.locks,
        lambda _: twitter,
        lambda url, secret: ChallengeAnswer(None),
        lambda account: EVERYTHING,
        services.twitter.posts,
        lambda: datetime.now(UTC),
    ).repair(ACCOUNT)


def test_a_push_has_the_webhook_looked_at_soon(client: FlaskClient, services: Services) -> None:
    # As after many failed checks, the last of them for want of these credentials.
    services.accounts.note(ACCOUNT.id, next_check_at=2**42, check_failures=9)
    push(client, SEED)
    assert services.accounts.account_status(ACCOUNT.id)["next_check_at"] == 0


def test_a_push_during_a_repair_of_the_webhook_is_not_undone(client: FlaskClient, services: Services) -> None:
    repaired(services, lambda: push(client, SEED))
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.credentials == replace(NEW, bearer_token=None)
    assert account.subscribed
    assert account.webhook is not None


def test_an_account_unregistered_during_a_repair_stays_away(registered: Services, inspector: redis.Redis) -> None:
    repaired(registered, lambda: registered.accounts.remove(ACCOUNT.id))
    assert inspector.hgetall(keys.ACCOUNTS) == {}
