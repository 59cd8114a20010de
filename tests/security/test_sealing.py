"""Credentials at rest: the key file, a wrong key, rotation, and what can be read without a key."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner
from cryptography.fernet import Fernet

from tests.brokers import Broker, settings_in
from tests.web.web_requests import ACCOUNT
from twitter_connector.broker import keys
from twitter_connector.cli import main
from twitter_connector.errors import Permanent
from twitter_connector.model.account import Account, Credentials
from twitter_connector.processes import embedded_broker
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.resealing import reseal, verify_key
from twitter_connector.store.vault import Vault, key_file, keys_of

OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))
OTHER = replace(ACCOUNT, id="7", credentials=Credentials("key-7", "secret-7", "token-7", "token-secret-7", "bearer-7"))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def store(inspector: redis.Redis, *sealing_keys: str) -> Accounts:
    """Return a process's view of the accounts, with these keys and nothing remembered."""
    return Accounts(inspector, Vault(sealing_keys))


# The key file


def test_the_generated_key_is_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    (key,) = keys_of((), tmp_path / "deep" / "var")
    path = key_file(tmp_path / "deep" / "var")
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700
    assert path.read_text().strip() == key
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_key_file_that_others_could_read_is_closed_to_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (key,) = keys_of((), tmp_path)
    key_file(tmp_path).chmod(0o644)
    assert keys_of((), tmp_path) == (key,)
    assert mode_of(key_file(tmp_path)) == 0o600
    assert "key_file_was_readable_by_others" in caplog.text
    assert key not in caplog.text


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    found: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(keys_of((), tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert [p.name for p in tmp_path.iterdir()] == [key_file(tmp_path).name]


def test_the_file_may_hold_several_keys_newest_first(tmp_path: Path) -> None:
    key_file(tmp_path).write_text(f"{NEW}\n{OLD}\n")
    assert keys_of((), tmp_path) == (NEW, OLD)


@pytest.mark.parametrize(
    "content",
    ["", "\n", "not a key", OLD[:-2], f"{NEW} and {OLD}", "ü" * 44],
    # Keys are made anew in each process, so they cannot be part of a name.
    ids=["empty", "a line end", "words", "a key cut short", "two keys in one line", "letters no key has"],
)
def test_a_damaged_key_file_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    key_file(tmp_path).write_text(content)
    with pytest.raises(Permanent) as outcome:
        keys_of((), tmp_path)
    assert outcome.value.reason == "credentials_key_unreadable"
    assert str(key_file(tmp_path)) in outcome.value.detail
    assert "CREDENTIALS_KEY" in outcome.value.detail
    assert content.strip() == "" or content not in str(outcome.value)
    assert key_file(tmp_path).read_text() == content


# A wrong key


def test_the_right_key_is_known_again_and_a_wrong_one_is_said(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([OLD]))
    verify_key(inspector, Vault([OLD]))
    with pytest.raises(Permanent) as outcome:
        verify_key(inspector, Vault([STRANGE]))
    assert outcome.value.reason == "credentials_key_wrong"
    assert "CREDENTIALS_KEY" in outcome.value.detail
    verify_key(inspector, Vault([STRANGE, OLD]))


def test_accounts_that_cannot_be_opened_are_named_even_where_the_check_text_can(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([NEW]))
    store(inspector, OLD).save(OTHER)
    store(inspector, NEW).save(ACCOUNT)
    with pytest.raises(Permanent, match=f"account {OTHER.id} ") as outcome:
        verify_key(inspector, Vault([NEW]))
    assert ACCOUNT.id not in outcome.value.detail
    verify_key(inspector, Vault([NEW, OLD]))


def test_a_store_from_before_the_check_is_checked_by_its_accounts(inspector: redis.Redis) -> None:
    store(inspector, OLD).save(ACCOUNT)
    with pytest.raises(Permanent):
        verify_key(inspector, Vault([NEW]))
    assert inspector.get(keys.KEY_CHECK) is None
    verify_key(inspector, Vault([OLD]))
    assert inspector.get(keys.KEY_CHECK)


# Rotation


def test_a_new_key_in_front_reads_what_the_old_one_sealed_and_seals_itself(inspector: redis.Redis) -> None:
    store(inspector, OLD).save(ACCOUNT)
    both = store(inspector, NEW, OLD)
    assert both.get(ACCOUNT.id) == ACCOUNT
    both.save(OTHER)
    assert store(inspector, NEW).get(OTHER.id) == OTHER


def test_after_resealing_the_old_key_is_needed_no_more(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([OLD]))
    for account in (ACCOUNT, OTHER):
        store(inspector, OLD).save(account)
    done = reseal(inspector, Vault([NEW, OLD]))
    assert (done.accounts, done.unreadable, done.forgotten) == (tuple(sorted([ACCOUNT.id, OTHER.id])), (), False)
    verify_key(inspector, Vault([NEW]))
    assert store(inspector, NEW).all() == sorted([ACCOUNT, OTHER], key=lambda a: a.id)
    with pytest.raises(Permanent):
        verify_key(inspector, Vault([OLD]))
    # Once more is as good as once.
    assert reseal(inspector, Vault([NEW])).accounts == done.accounts


def test_resealing_keeps_every_field(inspector: redis.Redis) -> None:
    rich = replace(OTHER, retired_secrets=("former-secret",), attention="x", name="Ä", subscribed=True)
    store(inspector, OLD).save(rich)
    before = json.loads(str(inspector.hget(keys.ACCOUNTS, OTHER.id)))
    reseal(inspector, Vault([NEW, OLD]))
    after = json.loads(str(inspector.hget(keys.ACCOUNTS, OTHER.id)))
    assert before.pop("sealed") != after.pop("sealed")
    assert before == after
    assert store(inspector, NEW).get(OTHER.id) == rich


def test_what_no_key_opens_is_left_alone_until_someone_says_forget(inspector: redis.Redis) -> None:
    verify_key(inspector, Vault([OLD]))
    store(inspector, STRANGE).save(OTHER)
    store(inspector, OLD).save(ACCOUNT)
    row = inspector.hget(keys.ACCOUNTS, OTHER.id)
    done = reseal(inspector, Vault([NEW, OLD]))
    assert (done.accounts, done.unreadable, done.forgotten) == ((ACCOUNT.id,), (OTHER.id,), False)
    assert inspector.hget(keys.ACCOUNTS, OTHER.id) == row
    forgot = reseal(inspector, Vault([NEW]), forget_unreadable=True)
    assert (forgot.unreadable, forgot.forgotten) == ((OTHER.id,), True)
    verify_key(inspector, Vault([NEW]))
    assert store(inspector, NEW).all() == [ACCOUNT]


def test_an_account_changed_while_resealing_is_not_lost(inspector: redis.Redis, broker_process: Broker) -> None:
    """A registration between reading and writing makes resealing begin again."""
    store(inspector, OLD).save(ACCOUNT)
    renamed = replace(ACCOUNT, screen_name="renamed")

    class Meddled(Vault):
        meddled = False

        def reseal(self, sealed: str) -> str:
            if not self.meddled:
                self.meddled = True
                with broker_process.client() as other:
                    store(other, OLD).save(renamed)
            return super().reseal(sealed)

    vault = Meddled([NEW, OLD])
    reseal(inspector, vault)
    assert vault.meddled
    assert store(inspector, NEW).get(ACCOUNT.id) == renamed


# By command


@pytest.fixture
def run(broker_process: Broker, tmp_path: Path, inspector: redis.Redis) -> object:
    def command(*arguments: str, keys_given: str) -> tuple[int, str]:
        env = {
            "VAR_DIR": str(tmp_path),
            "REDIS_URL": broker_process.settings.redis_url,
            "CREDENTIALS_KEY": keys_given,
            "LOG_FORMAT": "json",
        }
        result = CliRunner().invoke(main, ["credentials", *arguments], env=env)
        return result.exit_code, result.output

    return command


def test_the_commands_of_a_rotation(run: object, inspector: redis.Redis) -> None:
    assert callable(run)
    store(inspector, OLD).save(ACCOUNT)
    assert run("check", keys_given=OLD) == (0, "the configured keys decrypt everything that is stored.\n")
    status, output = run("check", keys_given=STRANGE)
    assert status == 1
    assert "CREDENTIALS_KEY" in output
    status, fresh = run("new-key", keys_given=OLD)
    Vault([fresh.strip()])
    status, output = run("reseal", "--json", keys_given=f"{NEW},{OLD}")
    assert status == 0
    assert json.loads(output) == {"accounts": [ACCOUNT.id], "unreadable": [], "forgotten": False}
    assert run("check", keys_given=NEW)[0] == 0
    status, output = run("reseal", keys_given=STRANGE)
    assert status == 1
    assert "--forget-unreadable" in output
    assert run("check", keys_given=NEW)[0] == 0
    assert run("reseal", "--forget-unreadable", keys_given=STRANGE)[0] == 0
    assert inspector.hgetall(keys.ACCOUNTS) == {}


def test_a_retired_secret_that_leaked_is_dropped_by_command(run: object, inspector: redis.Redis) -> None:
    assert callable(run)
    store(inspector, OLD).save(replace(ACCOUNT, retired_secrets=("leaked-secret",)))
    status, output = run("drop-retired", ACCOUNT.id, keys_given=OLD)
    assert status == 0
    assert "leaked" not in output
    assert store(inspector, OLD).get(ACCOUNT.id) == ACCOUNT


def test_secrets_are_in_no_repr() -> None:
    outcome: list[object] = [
        ACCOUNT,
        OTHER,
        OTHER.credentials,
        Vault([OLD]),
        replace(OTHER, retired_secrets=("former-x",)),
    ]
    for value in outcome:
        assert isinstance(value, Account | Credentials | Vault)
        shown = f"{value!r} {value}"
        for secret in (*vars(OTHER.credentials).values(), *vars(ACCOUNT.credentials).values(), "former-x", OLD):
            assert not secret or secret not in shown


def test_a_folder_for_the_brokers_address_that_somebody_else_made_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    settings = settings_in(long)
    socket = Path(settings.redis_url.removeprefix("unix://"))
    assert not socket.is_relative_to(long)
    # What somebody else would have made under this name.
    monkeypatch.setattr(embedded_broker, "broker_socket", lambda _: tmp_path / "elsewhere" / "kv.sock")
    embedded_broker.command(settings)
    assert mode_of(tmp_path / "elsewhere") == 0o700
    monkeypatch.setattr(embedded_broker.os, "getuid", lambda: -1)
    with pytest.raises(embedded_broker.NoBroker, match="VAR_DIR"):
        embedded_broker.command(settings)
