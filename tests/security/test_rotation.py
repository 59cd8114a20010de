"""Two consumer secrets at once, while an operator rotates an app's keys at Twitter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from tests.web.web_requests import ACCOUNT, HEADER, PATH, SECRET, dm, post_event, signed, stored
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.vault import Vault, keys_of

NEW_SECRET = "consumer-secret-after-rotation"
ROTATED = ACCOUNT.rekeyed(replace(ACCOUNT.credentials, api_key="new-key", api_key_secret=NEW_SECRET))
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Day:
    """The present moment, as a test says."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def view(services: Services, day: Day) -> Accounts:
    """Return another process's view of the accounts at a moment of the test's choice."""
    return Accounts(services.redis, Vault(keys_of((), services.settings.var_dir)), now=day)


@pytest.fixture
def rotating(client: FlaskClient, services: Services) -> FlaskClient:
    services.accounts.save(ROTATED)
    return client


def challenge(client: FlaskClient, secret: str | None, token: str = "abc") -> str:
    query = f"crc_token={token}&nonce=xyz"
    headers = {HEADER: signed(query.encode(), secret)} if secret else {}
    with client.get(f"{PATH}?{query}", headers=headers) as response:
        assert response.status_code == 200
        found: str = response.get_json()["response_token"]
    return found


def test_rekeying_keeps_the_former_secret_and_of_those_before_it_the_last_that_was_seen_to_work() -> None:
    assert ROTATED.consumer_secrets == (NEW_SECRET, SECRET)
    third = ROTATED.rekeyed(replace(ROTATED.credentials, api_key_secret="third"))
    assert third.consumer_secrets == ("third", NEW_SECRET, SECRET)
    proved = replace(ROTATED, retired_until=START)
    third = proved.rekeyed(replace(ROTATED.credentials, api_key_secret="third"))
    assert third.consumer_secrets == ("third", NEW_SECRET)
    tokens_only = ROTATED.rekeyed(replace(ROTATED.credentials, access_token="another"))
    assert tokens_only.consumer_secrets == ROTATED.consumer_secrets


def test_events_of_both_secrets_are_let_in_and_others_are_not(rotating: FlaskClient) -> None:
    assert post_event(rotating, dm("1"), secret=SECRET).status_code == 200
    assert post_event(rotating, dm("2"), secret=NEW_SECRET).status_code == 200
    assert post_event(rotating, dm("3"), secret="another").status_code == 401


def test_a_challenge_is_answered_with_the_secret_it_was_signed_with(rotating: FlaskClient) -> None:
    assert challenge(rotating, SECRET) == signed(b"abc", SECRET)
    assert challenge(rotating, NEW_SECRET) == signed(b"abc", NEW_SECRET)
    # By hand, or in a form we cannot check: the present one.
    assert challenge(rotating, None) == signed(b"abc", NEW_SECRET)
    assert challenge(rotating, "another") == signed(b"abc", NEW_SECRET)


def test_the_former_secret_ends_a_day_after_the_new_one_was_seen_to_work(
    rotating: FlaskClient, services: Services
) -> None:
    post_event(rotating, dm("1"), secret=SECRET).close()
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.retired_until is None, "the former secret proves nothing about the new one"
    post_event(rotating, dm("2"), secret=NEW_SECRET).close()
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.retired_until is not None
    in_hours = (account.retired_until - services.clock()) / timedelta(hours=1)
    assert 23.9 < in_hours <= 24
    # A day later it verifies nothing any more, even though nobody has tidied up.
    day = Day()
    day.now = account.retired_until
    later = view(services, day).get(ACCOUNT.id)
    assert later is not None
    assert later.consumer_secrets == (NEW_SECRET,)


def test_a_challenge_signed_with_the_new_secret_proves_it_too(rotating: FlaskClient, services: Services) -> None:
    challenge(rotating, SECRET)
    assert services.accounts.get(ACCOUNT.id, max_age=0) == ROTATED
    challenge(rotating, NEW_SECRET)
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.retired_until is not None


def test_nobody_can_have_us_sign_an_event_or_a_challenge(rotating: FlaskClient, services: Services) -> None:
    """The challenge's answer is the signature of whatever stands in crc_token, and anybody may ask."""
    event = json.dumps(dm("1"), separators=(",", ":"))
    for token in (event, " " + event, '{"a":1}', "crc_token=abc&nonce=xyz", "nonce=1&crc_token=abc"):
        response = rotating.get(PATH, query_string={"crc_token": token})
        assert response.status_code == 400, token
        assert "response_token" not in response.get_data(as_text=True)
    # Not by naming the parameter otherwise either: such a challenge is answered, and proves nothing.
    query = "crc%5Ftoken=abc"
    forged = challenge(rotating, None, token="crc%255Ftoken%3Dabc")
    assert forged == signed(query.encode(), NEW_SECRET)
    with rotating.get(f"{PATH}?{query}", headers={HEADER: forged}) as response:
        assert response.status_code == 200
    assert services.accounts.get(ACCOUNT.id, max_age=0) == ROTATED


def test_noting_it_costs_the_acknowledgement_no_round_trip(rotating: FlaskClient, services: Services) -> None:
    response = post_event(rotating, dm("1"), secret=NEW_SECRET)
    assert response.status_code == 200
    # The answer is ready, and not yet given back: nothing has been noted so far.
    assert services.accounts.get(ACCOUNT.id, max_age=0) == ROTATED
    response.close()
    assert services.accounts.get(ACCOUNT.id, max_age=0) != ROTATED


def test_proof_counts_from_the_first_time(services: Services) -> None:
    day = Day()
    accounts = view(services, day)
    accounts.save(ROTATED)
    accounts.proved(ACCOUNT.id)
    day.now += timedelta(hours=5)
    accounts.proved(ACCOUNT.id)
    account = accounts.get(ACCOUNT.id)
    assert account is not None
    assert account.retired_until == START + timedelta(seconds=keys.RETIRED_SECONDS)
    # The next rotation starts anew.
    again = account.rekeyed(replace(account.credentials, api_key_secret="third-secret"))
    assert again.retired_until is None
    assert again.retired_secrets == (NEW_SECRET,)


def test_a_mistyped_secret_on_the_way_does_not_cost_the_one_twitter_signs_with(
    client: FlaskClient, services: Services
) -> None:
    account = ACCOUNT
    for typed in ("mistyped-once", "mistyped-twice", NEW_SECRET):
        account = account.rekeyed(replace(account.credentials, api_key_secret=typed))
        assert len(account.retired_secrets) <= 2
        services.accounts.save(account)
        assert post_event(client, dm(typed[:3]), secret=SECRET).status_code == 200, typed
    # Proof of the newest starts the end of them all, and the next rotation forgets what was before it.
    with post_event(client, dm("9"), secret=NEW_SECRET) as response:
        assert response.status_code == 200
    proved = services.accounts.get(ACCOUNT.id, max_age=0)
    assert proved is not None
    assert proved.retired_until is not None
    assert proved.rekeyed(ACCOUNT.credentials).retired_secrets == (NEW_SECRET,)
    # Back to what was: not retired and in force at once.
    assert account.rekeyed(ACCOUNT.credentials).retired_secrets == (NEW_SECRET,)


def test_what_is_over_is_taken_out_of_the_store(services: Services, inspector: redis.Redis) -> None:
    day = Day()
    accounts = view(services, day)
    accounts.save(ROTATED)
    accounts.save(replace(ROTATED, id="7"))
    accounts.proved(ACCOUNT.id)
    assert accounts.forget_retired() == []
    day.now += timedelta(seconds=keys.RETIRED_SECONDS)
    assert accounts.forget_retired() == [ACCOUNT.id]
    assert accounts.forget_retired() == []
    day.now = START
    fresh = view(services, day)
    here, there = fresh.get(ACCOUNT.id), fresh.get("7")
    assert here is not None
    assert there is not None
    assert here.retired_secrets == ()
    assert there.retired_secrets == (SECRET,)


def test_nothing_is_noted_for_accounts_nobody_registered(services: Services, inspector: redis.Redis) -> None:
    services.accounts.proved("404")
    assert inspector.hgetall(keys.ACCOUNTS) == {}


# One app's secret speaks for that app's accounts only


def other_account(**changes: Any) -> Account:
    strangers = Credentials("other-key", "other-consumer-secret", "other-token", "other-token-secret")
    return replace(ACCOUNT, id="1111111111", credentials=strangers, **changes)


def event_for(account_id: str) -> dict[str, Any]:
    text = json.dumps(dm("5")).replace(ACCOUNT.id, account_id)
    found: dict[str, Any] = json.loads(text)
    return found


def test_one_apps_secret_cannot_put_words_into_another_brands_mouth(
    client: FlaskClient, services: Services, inspector: redis.Redis
) -> None:
    services.accounts.save(other_account())
    forged = event_for("1111111111")
    revoked = {"user_event": {"revoke": {"source": {"user_id": "1111111111"}, "target": {"app_id": "1"}}}}
    assert post_event(client, forged).status_code == 200
    assert post_event(client, revoked).status_code == 200
    assert stored(inspector) == []
    victim = services.accounts.get("1111111111", max_age=0)
    assert victim == other_account()


@pytest.mark.parametrize(
    "changes",
    [
        {"credentials": replace(ACCOUNT.credentials, access_token="another")},
        {"retired_secrets": (SECRET,)},
        {"webhook": Webhook("55", ACCOUNT.webhook_url, True)},
    ],
)
def test_accounts_of_one_app_share_a_webhook(client: FlaskClient, services: Services, changes: dict[str, Any]) -> None:
    services.accounts.save(replace(ACCOUNT, webhook=Webhook("55", ACCOUNT.webhook_url, True)))
    services.accounts.save(replace(other_account(), **changes))
    assert post_event(client, event_for("1111111111")).status_code == 200
    assert sum(services.lanes.waiting("1111111111").values()) == 1


def test_an_event_for_an_account_nobody_registered_is_kept(client: FlaskClient, services: Services) -> None:
    assert post_event(client, event_for("1111111111")).status_code == 200
    assert sum(services.lanes.waiting("1111111111").values()) == 1
