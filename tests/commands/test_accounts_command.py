"""What `twitter-connector accounts` prints: what GET /accounts answers, as a table or as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.brokers import Broker
from tests.commands.printed import printed, result_of
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.commands.session import show
from twitter_connector.model.account import Account, Credentials

ACCOUNT = Account("732739706", Credentials("key", "secret", "token", "token-secret"), "", screen_name="acme")


def test_the_list_says_what_the_route_says(broker_process: Broker, services: Services) -> None:
    assert printed(broker_process, "accounts") == []
    services.accounts.save(ACCOUNT)
    services.lanes.pause("out", ACCOUNT.id, 4_000_000_000_000, "account_locked", "Log in at x.com.")
    services.lanes.endpoint_pauses.pause(ACCOUNT.id, "upload", 4_000_000_000_000, "rate_limited", "X's limit.")
    items = create_app(services.settings, services).test_client().get("/accounts").get_json()["items"]
    assert [json.loads(line) for line in printed(broker_process, "accounts", "--json")] == [items]
    heading, line = printed(broker_process, "accounts")
    assert heading.split() == ["ACCOUNT_ID", "SCREEN_NAME", "API", "INBOUND", "STATE", "ATTENTION"]
    assert line.split(maxsplit=5) == ["732739706", "acme", "v1.1", "aaa", "paused", "Log in at x.com."]


def test_a_field_without_a_value_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"state": "active", "attention": None}], as_json=False)
    show({"attention": None, "subscribed": True}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "STATE   ATTENTION",
        "active  -",
        "attention:      -",
        "subscribed:     True",
    ]


@pytest.mark.parametrize(
    ("command", "how"),
    [
        (("status",), "Add the id of one."),
        (("webhooks", "list"), "Add --account and the id of one."),
        (("account-id", "acme"), "Add --account and the id of one."),
    ],
)
def test_a_command_that_needs_one_of_several_accounts_says_how_to_name_it(
    broker_process: Broker, services: Services, command: tuple[str, ...], how: str
) -> None:
    for account_id in ("7", "8"):
        services.accounts.save(replace(ACCOUNT, id=account_id))
    done = result_of(broker_process, *command)
    assert (done.exit_code, done.stderr) == (1, f"error: several accounts are registered (7, 8). {how}\n")
