"""The stored form of accounts: that of release 0.1.0 while its processes may run, the present one from then on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner
from cryptography.fernet import Fernet

from tests.brokers import Broker
from twitter_connector.broker import keys
from twitter_connector.cli import main
from twitter_connector.errors import Permanent
from twitter_connector.model.account import V2, Account, Credentials, Remark, Webhook
from twitter_connector.store.account_rows import NAMED_FIELDS
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.resealing import reseal, verify_key
from twitter_connector.store.vault import Vault

KEY = Fernet.generate_key().decode()
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ACCOUNT = Account(
    id="732739706",
    credentials=Credentials("key", "secret", "token", "token-secret", "bearer"),
    webhook_url="https://cx.example.com/webhook/twitter/732739706",
    settings={"environment": "prod"},
    screen_name="acme",
    name="Acme Ltd",
    webhook=Webhook("1234", "https://cx.example.com/webhook/twitter/732739706", True),
    subscribed=True,
    app_id="13090192",
    registered_at=NOW,
    retired_secrets=("former",),
    # Resealing has the clock of this machine.
    retired_until=datetime(2100, 1, 1, tzinfo=UTC),
)
# What store/accounts.py of 0.1.0 wrote for this account.
ROW_OF_0_1_0 = {
    "id": "732739706",
    "screen_name": "acme",
    "name": "Acme Ltd",
    "webhook_url": "https://cx.example.com/webhook/twitter/732739706",
    "environment": "prod",
    "webhook": ["1234", "https://cx.example.com/webhook/twitter/732739706", True],
    "subscribed": True,
    "attention": "",
    "app_id": "13090192",
    "registered_at": 1795780800000,
    "retired_until": 4102444800000,
}
REMARK = Remark("chat.received", "X refused the optional subscription chat.received: no.", refused=True)
SEALED_BY_0_1_0 = ["key", "secret", "token", "token-secret", "bearer", ["former"]]


def accounts_of(inspector: redis.Redis) -> Accounts:
    return Accounts(inspector, Vault([KEY]), now=lambda: NOW)


def stored(inspector: redis.Redis, account_id: str = ACCOUNT.id) -> tuple[dict[str, Any], Any]:
    """Return a stored row without its sealed value, and what is sealed."""
    row = json.loads(str(inspector.hget(keys.ACCOUNTS, account_id)))
    return row, json.loads(Vault([KEY]).open(row.pop("sealed")))


def put_row_of_0_1_0(inspector: redis.Redis) -> None:
    row = {**ROW_OF_0_1_0, "sealed": Vault([KEY]).seal(json.dumps(SEALED_BY_0_1_0))}
    inspector.hset(keys.ACCOUNTS, ACCOUNT.id, json.dumps(row))
    inspector.set(keys.KEY_CHECK, Vault([KEY]).seal("twitter-connector"))


def test_a_row_of_0_1_0_is_read_and_written_as_0_1_0_did(inspector: redis.Redis) -> None:
    put_row_of_0_1_0(inspector)
    verify_key(inspector, Vault([KEY]))
    accounts = accounts_of(inspector)
    assert accounts.get(ACCOUNT.id) == ACCOUNT
    accounts.change(ACCOUNT.id, lambda account: replace(account, attention="Look."))
    assert stored(inspector) == ({**ROW_OF_0_1_0, "attention": "Look."}, SEALED_BY_0_1_0)


def test_a_broker_that_no_older_release_has_used_gets_named_fields(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([KEY]))
    accounts_of(inspector).save(ACCOUNT)
    row, secrets = stored(inspector)
    assert (row["flavour"], row["settings"]) == ("v1", {"environment": "prod"})
    assert "environment" not in row, "0.1.0 must stop at such a row instead of misreading its secrets"
    assert secrets == {
        "api_key": "key",
        "api_key_secret": "secret",
        "access_token": "token",
        "access_token_secret": "token-secret",
        "bearer_token": "bearer",
        "retired_secrets": ["former"],
    }
    assert accounts_of(inspector).get(ACCOUNT.id) == ACCOUNT
    remarked = replace(ACCOUNT, remarks=(REMARK,))
    accounts_of(inspector).save(remarked)
    assert accounts_of(inspector).get(ACCOUNT.id) == remarked


def test_a_secret_of_a_later_release_is_passed_over(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([KEY]))
    accounts_of(inspector).save(ACCOUNT)
    row, secrets = stored(inspector)
    row["sealed"] = Vault([KEY]).seal(json.dumps({**secrets, "of_a_later_release": "x"}))
    inspector.hset(keys.ACCOUNTS, ACCOUNT.id, json.dumps(row))
    assert accounts_of(inspector).get(ACCOUNT.id) == ACCOUNT


def test_an_operator_moves_all_rows_to_the_new_form_and_back(inspector: redis.Redis) -> None:
    put_row_of_0_1_0(inspector)
    assert reseal(inspector, Vault([KEY]), new_form=True).accounts == (ACCOUNT.id,)
    assert isinstance(stored(inspector)[1], dict)
    assert accounts_of(inspector).get(ACCOUNT.id) == ACCOUNT
    accounts_of(inspector).change(ACCOUNT.id, lambda account: replace(account, attention="Look."))
    assert isinstance(stored(inspector)[1], dict)
    reseal(inspector, Vault([KEY]), new_form=False)
    assert stored(inspector) == ({**ROW_OF_0_1_0, "attention": "Look."}, SEALED_BY_0_1_0)
    accounts_of(inspector).change(ACCOUNT.id, lambda account: replace(account, attention=""))
    assert stored(inspector) == (ROW_OF_0_1_0, SEALED_BY_0_1_0)


def test_resealing_alone_keeps_the_form(inspector: redis.Redis) -> None:
    put_row_of_0_1_0(inspector)
    reseal(inspector, Vault([KEY]))
    assert stored(inspector) == (ROW_OF_0_1_0, SEALED_BY_0_1_0)
    assert inspector.get(keys.ACCOUNTS_FORM) is None


def test_an_account_that_0_1_0_has_no_form_for_is_not_stored_in_it(inspector: redis.Redis) -> None:
    put_row_of_0_1_0(inspector)
    of_v2 = replace(ACCOUNT, id="7", flavour=V2, settings={"inbound": "poll"})
    with pytest.raises(Permanent, match="reseal --new-form"):
        accounts_of(inspector).save(of_v2)
    reseal(inspector, Vault([KEY]), new_form=True)
    accounts_of(inspector).save(of_v2)
    assert accounts_of(inspector).get("7") == of_v2
    with pytest.raises(Permanent, match="account 7"):
        reseal(inspector, Vault([KEY]), new_form=False)
    assert inspector.get(keys.ACCOUNTS_FORM) == NAMED_FIELDS
    assert isinstance(stored(inspector)[1], dict), "nothing is changed where one account cannot be"


def test_a_form_chosen_while_an_account_is_changed_counts_for_it(
    inspector: redis.Redis, broker_process: Broker
) -> None:
    put_row_of_0_1_0(inspector)

    def change(account: Account) -> Account:
        if inspector.get(keys.ACCOUNTS_FORM) is None:
            with broker_process.client() as operator:
                reseal(operator, Vault([KEY]), new_form=True)
        return replace(account, attention="Look.")

    accounts_of(inspector).change(ACCOUNT.id, change)
    row, secrets = stored(inspector)
    assert (row["attention"], type(secrets)) == ("Look.", dict)


def test_the_form_is_chosen_by_command(broker_process: Broker, inspector: redis.Redis, tmp_path: Path) -> None:
    put_row_of_0_1_0(inspector)
    env = {"VAR_DIR": str(tmp_path), "REDIS_URL": broker_process.settings.redis_url, "CREDENTIALS_KEY": KEY}
    for option, form in (("--new-form", dict), ("--old-form", list)):
        result = CliRunner().invoke(main, ["credentials", "reseal", option], env=env)
        assert result.exit_code == 0, result.output
        assert isinstance(stored(inspector)[1], form)
