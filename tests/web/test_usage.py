"""What accounts use of X, as routes, metrics, doctor and command line show it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from tests.brokers import Broker, services_of
from tests.web.web_requests import ACCOUNT, dm, post_event
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.cli import main
from twitter_connector.findings.report import all_findings
from twitter_connector.model.account import V2
from twitter_connector.store.resealing import reseal

V2_ACCOUNT = replace(ACCOUNT, flavour=V2, settings={"inbound": "xaa"})


@pytest.fixture
def limited(broker_process: Broker, services: Services) -> Iterator[Services]:
    """Services with limits, and an account on API v2."""
    reseal(services.redis, services.vault, new_form=True)  # 0.1.0's form has no place for API v2
    services.accounts.save(V2_ACCOUNT)
    settings = replace(broker_process.settings, usage_soft_limit=Decimal("0.02"), usage_hard_limit=Decimal("0.05"))
    made = services_of(settings)
    yield made
    made.redis.close()


def shown(services: Services) -> dict[str, Any]:
    client = create_app(services.settings, services).test_client()
    answer: dict[str, Any] = client.get(f"/accounts/{ACCOUNT.id}").get_json()
    return answer


def test_an_account_shows_what_it_used_today_and_the_exact_price(limited: Services) -> None:
    client = create_app(limited.settings, limited).test_client()
    for _ in range(2):
        assert post_event(client, dm("1")).status_code == 200
    limited.ledger.done(ACCOUNT.id, "12345", "cim-1", 0, "77")
    limited.usage.note(ACCOUNT.id, "dm_read", ["1", "77"])
    assert shown(limited)["usage"] == {
        "day": limited.clock().date().isoformat(),
        "dm_received": 1,
        "dm_read": 2,
        "dm_sent": 1,
        "user_read": 0,
        "post_read": 0,
        "post_sent": 0,
        "usd": "0.045",
    }
    metrics = client.get("/metrics").text.splitlines()
    assert f'twitter_connector_usage_today{{account="{ACCOUNT.id}",kind="dm_read"}} 2.0' in metrics
    assert f'twitter_connector_usage_usd_today{{account="{ACCOUNT.id}"}} 0.045' in metrics


@pytest.mark.parametrize(("received", "said"), [(1, None), (2, "USAGE_SOFT_LIMIT"), (5, "USAGE_HARD_LIMIT")])
def test_attention_and_doctor_name_the_limit_that_is_reached(
    limited: Services, received: int, said: str | None
) -> None:
    client = create_app(limited.settings, limited).test_client()
    for number in range(received):
        assert post_event(client, dm(str(number + 1))).status_code == 200, "events are taken in at any price"
    attention = shown(limited)["attention"]
    findings = [f.advice for f in all_findings(limited) if f.detail == "limit of spending reached"]
    if said is None:
        assert (attention, findings) == (None, [])
    else:
        assert said in attention
        assert findings == [attention]


def test_the_command_prints_days_as_a_table_and_as_json(limited: Services) -> None:
    limited.ledger.done(ACCOUNT.id, "12345", "cim-1", 0, "77")
    settings = limited.settings
    env = {"VAR_DIR": str(settings.var_dir), "REDIS_URL": settings.redis_url, "CCM_URL": "http://127.0.0.1:9"}

    def printed(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["usage", *arguments], env=env)
        assert result.exit_code == 0, result.output
        return result.stdout

    (today,) = json.loads(printed("--json"))
    assert today == {"account_id": ACCOUNT.id, **shown(limited)["usage"]}
    assert (today["dm_sent"], today["usd"]) == (1, "0.015")
    rows = json.loads(printed(ACCOUNT.id, "--days", "3", "--json"))
    assert [row["dm_sent"] for row in rows] == [1, 0, 0]
    head, row = printed().splitlines()
    assert head.split()[:3] == ["ACCOUNT_ID", "DAY", "DM_RECEIVED"]
    assert row.split()[0] == ACCOUNT.id
