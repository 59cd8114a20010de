"""How old an account may be that a process acts on, and what a wrong key does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet

from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.errors import Permanent
from twitter_connector.model.account import Account, Credentials
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.vault import Vault, key_file, keys_of

ACCOUNT = Account("7", Credentials("a", "b", "c", "d"), "https://x.example/webhook/twitter/7")


class Ticks:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


def test_what_another_process_saved_is_seen_when_the_copy_is_too_old(inspector: redis.Redis, vault: Vault) -> None:
    clock = Ticks()
    mine, theirs = Accounts(inspector, vault, clock), Accounts(inspector, vault, clock)
    assert mine.get("7") is None
    theirs.save(ACCOUNT)
    assert mine.get("7", max_age=30) is None
    assert mine.last_known("7") is None
    clock.now += 31
    assert mine.get("7", max_age=30) == ACCOUNT
    theirs.remove("7")
    assert mine.get("7", max_age=30) == ACCOUNT
    assert mine.last_known("7") == ACCOUNT
    assert mine.get("7", max_age=0) is None


def test_a_refresh_finds_what_others_registered_changed_and_removed(inspector: redis.Redis, vault: Vault) -> None:
    clock = Ticks()
    mine, theirs = Accounts(inspector, vault, clock), Accounts(inspector, vault, clock)
    theirs.save(ACCOUNT)
    mine.refresh()
    assert mine.fresh("7") == ACCOUNT
    theirs.save(replace(ACCOUNT, name="Acme"))
    clock.now += 1
    mine.refresh()
    known = mine.fresh("7")
    assert known is not None
    assert known.name == "Acme"
    theirs.remove("7")
    clock.now += 1
    mine.refresh()
    assert mine.fresh("7") is None


def test_a_refresh_does_not_undo_what_was_saved_meanwhile(inspector: redis.Redis, vault: Vault) -> None:
    clock = Ticks()
    accounts = Accounts(inspector, vault, clock)
    accounts.save(ACCOUNT)
    newer = replace(ACCOUNT, name="Acme")

    class Overtaken(Accounts):
        def all(self) -> list[Account]:
            found = super().all()
            clock.now += 1
            self.save(newer)
            return found

    overtaken = Overtaken(inspector, vault, clock)
    overtaken.refresh()
    assert overtaken.fresh("7") == newer


def test_guessing_account_ids_does_not_fill_the_process(inspector: redis.Redis, vault: Vault) -> None:
    accounts = Accounts(inspector, vault)
    accounts.save(ACCOUNT)
    pipeline_of_guesses = range(10_050)
    for guess in pipeline_of_guesses:
        accounts.get(f"guess-{guess}")
    assert len(accounts._cache) <= 10_001
    assert accounts.get("7") == ACCOUNT


def test_a_wrong_key_is_said_and_gives_no_garbage(inspector: redis.Redis, vault: Vault) -> None:
    Accounts(inspector, vault).save(ACCOUNT)
    stranger = Accounts(inspector, Vault([Fernet.generate_key().decode()]))
    for read in (lambda: stranger.get("7"), stranger.all):
        with pytest.raises(Permanent) as caught:
            read()
        assert caught.value.reason == "credentials_key_wrong"
        assert "CREDENTIALS_KEY" in caught.value.detail


def test_a_new_key_in_front_still_reads_what_the_old_one_sealed(inspector: redis.Redis) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    Accounts(inspector, Vault([old])).save(ACCOUNT)
    rotating = Accounts(inspector, Vault([new, old]))
    assert rotating.get("7") == ACCOUNT
    rotating.save(ACCOUNT)
    assert Accounts(inspector, Vault([new])).get("7") == ACCOUNT


def test_a_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    made = keys_of((), tmp_path)
    assert keys_of((), tmp_path) == made
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [key_file(tmp_path).name]
    assert Vault(made).open(Vault(made).seal("x")) == "x"


def test_a_configured_key_leaves_no_file(tmp_path: Path) -> None:
    assert keys_of(("k1", "k2"), tmp_path) == ("k1", "k2")
    assert list(tmp_path.iterdir()) == []


def test_workers_are_alive_until_they_fall_silent(
    services: Services, inspector: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services.heartbeats.workers() == []
    services.heartbeats.beat("one")
    services.heartbeats.beat("two")
    assert services.heartbeats.workers() == ["one", "two"]
    services.heartbeats.forget("two")
    assert services.heartbeats.workers() == ["one"]
    inspector.zadd(keys.WORKERS, {"one": inspector.zscore(keys.WORKERS, "one") - 60})  # type: ignore[operator]
    assert services.heartbeats.workers() == []


def test_a_queue_is_unserved_if_no_living_worker_takes_tasks_from_it(services: Services) -> None:
    assert services.heartbeats.unserved(["inbound", "outbound"]) == ["inbound", "outbound"]
    services.heartbeats.beat("one", ["inbound", "upkeep"])
    assert services.heartbeats.unserved(["inbound", "outbound"]) == ["outbound"]
    # A worker of 0.1.0 writes its name alone, and serves every queue.
    services.heartbeats.beat("old")
    assert services.heartbeats.unserved(["inbound", "outbound"]) == []
    assert services.heartbeats.workers() == ["old", "one"]
    services.heartbeats.forget("old")
    services.heartbeats.forget("one")
    assert services.heartbeats.workers() == []
