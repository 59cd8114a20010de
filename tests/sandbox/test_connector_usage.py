"""What the connector counts is what X bills, and its look-ups of profiles and replays are in X's OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox
from x_openapi import complaints

from tests.brokers import Broker, broker_process, inspector, services_of, settings_in
from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import Permanent
from twitter_connector.model.account import Account, Webhook
from twitter_connector.model.plan import SendDm
from twitter_connector.store.account_rows import NAMED_FIELDS

__all__ = ["broker_process", "inspector"]

pytestmark = pytest.mark.integration


@pytest.fixture
def services(broker_process: Broker, inspector: Any, sandbox: Sandbox) -> Iterator[Services]:
    inspector.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    made = services_of(
        settings_in(
            broker_process.settings.var_dir,
            REDIS_URL=broker_process.settings.redis_url,
            TWITTER_API_URL=sandbox.url,
            X_API_URL=sandbox.url,
        )
    )
    yield made
    made.redis.close()


@pytest.fixture
def account(services: Services, sandbox: Sandbox) -> Account:
    body = {**sandbox.keys(V2_ACCOUNT), "INBOUND": "poll"}
    del body["WEBHOOK-URL"]
    services.registration.register(load_registration(body))
    account = services.accounts.get(V2_ACCOUNT, max_age=0)
    assert account is not None
    return account


def test_polls_look_ups_and_sends_are_counted_as_x_bills_them(
    services: Services, account: Account, sandbox: Sandbox
) -> None:
    for number in range(3):
        sandbox.post("customer/messages", **V2_PAIR, text=f"message {number}")
    sent = services.twitter.messages(account).send_dm(CUSTOMER, SendDm("an answer"))
    services.ledger.done(account.id, CUSTOMER, "cim-1", 0, sent)
    for _ in range(2):
        services.accounts.note(account.id, next_poll_at=0)
        services.polling.poll(account)
        assert services.twitter.person(account, CUSTOMER).screen_name
    services.twitter.messages(account).shown(sent)
    billed = sandbox.get("usage", account_id=V2_ACCOUNT)
    usage = services.usage.today(account.id)
    assert usage.counts == {"dm_read": 4, "user_read": 1, "dm_sent": 1}
    assert {kind: billed[kind] for kind in usage.counts} == usage.counts
    day = services.app_sends.day(account.app)
    assert day is not None
    assert (day.limit, day.sent) == (1440, {V2_ACCOUNT: 1})
    assert complaints(sandbox.get("requests/recorded")["requests"]) == []


def test_a_replay_is_asked_for_as_x_documents_it(services: Services, account: Account, sandbox: Sandbox) -> None:
    now = services.clock()
    unknown = Account(account.id, account.credentials, "", webhook=Webhook("77", "", True), flavour=account.flavour)
    with pytest.raises(Permanent) as failure:
        services.twitter.replay(unknown, now - timedelta(hours=2), now - timedelta(minutes=11))
    assert failure.value.words.startswith("WebhookIdInvalid")
    (record,) = sandbox.get("requests/recorded", path="/2/webhooks/replay")["requests"]
    assert complaints([record]) == []
