"""What a person changes, and a primary that is lost: an answered registration, key or deletion is still done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import services_of, settings_in
from tests.outages.test_failover import report, stopped
from tests.sentinel_group import Group, running_group
from tests.tree import eventually
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys, replicas
from twitter_connector.errors import StoreUnavailable
from twitter_connector.metrics import NOT_REPLICATED
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.chat import ChatKeys, ConversationKeys
from twitter_connector.model.oauth2 import TokenPair
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.personal_data import PersonalData
from twitter_connector.store.resealing import reseal

pytestmark = pytest.mark.integration
CUSTOMER = "210375291"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def account(account_id: str) -> Account:
    credentials = Credentials("key", "key-secret", f"{account_id}-token", "token-secret")
    return Account(account_id, credentials, f"https://cx.example/webhook/twitter/{account_id}")


@dataclass(frozen=True)
class Change:
    """before: what is there. act: the change. done: whether the broker has it."""

    before: Callable[[Services], object]
    act: Callable[[Services], object]
    done: Callable[[Services], bool]


def stored_letter(services: Services, account_id: str, customer_id: str = "") -> None:
    entry = replace(report(), account_id=account_id)
    services.lanes.accept([entry])
    lease = next(iter(iter(lambda: services.lanes.claim(Direction.IN), None)))
    letter = DeadLetter(
        f"letter-{account_id}", Direction.IN, account_id, customer_id, entry.lane, entry.id, entry.id, "internal_error",
        "", 1, NOW, NOW, "",
    )  # fmt: skip
    services.lanes.settle(lease, [letter], keep=False)


def stored_keys(services: Services, account_id: str) -> None:
    services.accounts.save(account(account_id))
    services.chat_keys.store(ChatKeys(account_id, "1", b"k" * 64))
    services.chat_keys.keep(account_id, CUSTOMER, ConversationKeys({"1": b"key"}))


def nothing(services: Services) -> None:
    return None


CHANGES = {
    "registered": Change(nothing, lambda s: s.accounts.save(account("1")), lambda s: known(s, "1") is not None),
    "changed": Change(
        lambda s: s.accounts.save(account("2")),
        lambda s: s.accounts.change("2", lambda now: replace(now, name="Acme")),
        lambda s: getattr(known(s, "2"), "name", "") == "Acme",
    ),
    "unregistered": Change(
        lambda s: s.accounts.save(account("3")),
        lambda s: s.accounts.withdraw("3"),
        lambda s: known(s, "3") is None and s.accounts.withdrawn("3"),
    ),
    "keys stored": Change(
        lambda s: s.accounts.save(account("4")),
        lambda s: s.chat_keys.store(ChatKeys("4", "1", b"k" * 64)),
        lambda s: s.chat_keys.has_keys("4"),
    ),
    "keys forgotten": Change(
        lambda s: stored_keys(s, "5"),
        lambda s: s.chat_keys.forget("5"),
        lambda s: not s.chat_keys.has_keys("5") and not s.chat_keys.conversations("5"),
    ),
    "dead letter discarded": Change(
        lambda s: stored_letter(s, "6"),
        lambda s: s.dead_letters.discard("letter-6"),
        lambda s: s.dead_letters.get("letter-6") is None,
    ),
    "customer forgotten": Change(
        lambda s: stored_letter(s, "7", CUSTOMER),
        lambda s: PersonalData(s.redis).erase("7", CUSTOMER),
        lambda s: s.dead_letters.get("letter-7") is None,
    ),
    "resumed": Change(
        lambda s: s.lanes.pause(Direction.OUT, "8", far(s), "credentials_rejected", ""),
        lambda s: s.lanes.resume(Direction.OUT, "8"),
        lambda s: not s.lanes.pauses("8"),
    ),
    "channel type named": Change(
        nothing, lambda s: s.configure.name_channel_type("type-9"), lambda s: s.redis.get(keys.CHANNEL_TYPE) == "type-9"
    ),
    "grant forgotten": Change(
        lambda s: s.pairs.store("seed", TokenPair("access", "refresh")),
        lambda s: s.pairs.forget("seed"),
        lambda s: s.pairs.of("seed") is None,
    ),
}


def known(services: Services, account_id: str) -> Account | None:
    return services.accounts.get(account_id, max_age=0)


def far(services: Services) -> int:
    return int(services.clock().timestamp() * 1000) + 3_600_000


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with running_group(tmp_path / "group") as group:
        yield group


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for replicas that no busy machine outlasts, within the time for which a client waits for the broker."""
    monkeypatch.setattr(replicas, "WAIT_MS", 900)


def test_a_change_is_answered_only_when_a_replica_has_it(group: Group, tmp_path: Path, patience: None) -> None:
    services = services_of(settings_in(tmp_path / "var", REDIS_URL=group.door_url, BROKER_REPLICAS="1"))
    resealed = Change(nothing, lambda s: reseal(s.redis, s.vault), lambda s: True)
    for name, change in {**CHANGES, "resealed": resealed}.items():
        change.before(services)
        before = NOT_REPLICATED._value.get()
        done = threading.Thread(target=change.act, args=(services,), daemon=True)
        with stopped(group.replica()):
            done.start()
            done.join(0.2)
            assert done.is_alive(), f"{name}: it was answered before a replica had it"
        done.join(5)
        assert not done.is_alive(), name
        assert change.done(services), name
        assert NOT_REPLICATED._value.get() == before, name
    services.redis.close()


@pytest.mark.parametrize("patient", [False, True], ids=["a command or the web", "a worker"])
def test_no_answered_change_is_lost_with_its_primary(
    group: Group, tmp_path: Path, patience: None, patient: bool
) -> None:
    settings = settings_in(tmp_path / "var", REDIS_URL=group.door_url, BROKER_REPLICAS="1")
    services = services_of(settings, patient=patient)
    for change in CHANGES.values():
        change.before(services)
    former, following = group.primary(), group.replica()
    assert former is not None
    eventually(lambda: offset(group) == 0, what="a replica in step")
    with following.client() as client:
        # From here on it is behind, as if its line had been cut.
        client.replicaof("NO", "ONE")
    outcomes: dict[str, Any] = {}
    started = threading.Barrier(len(CHANGES) + 1)

    def acted(name: str) -> None:
        started.wait()
        try:
            CHANGES[name].act(services)
            outcomes[name] = True
        except StoreUnavailable as error:
            outcomes[name] = error

    threads = [threading.Thread(target=acted, args=(name,), daemon=True) for name in CHANGES]
    for thread in threads:
        thread.start()
    started.wait()
    with former.client() as client:
        eventually(
            lambda: len(outcomes) + client.info("clients")["blocked_clients"] == len(CHANGES), what="changes that wait"
        )
    former.kill()
    group.door.leads_to = following.port
    for thread in threads:
        thread.join(30)
    answered = [name for name, outcome in outcomes.items() if outcome is True]
    lost = [name for name in answered if not CHANGES[name].done(services)]
    print(f"{len(answered)} answered, {len(outcomes) - len(answered)} refused, {len(lost)} lost")
    assert len(outcomes) == len(CHANGES)
    assert lost == []
    services.redis.close()


def offset(group: Group) -> int:
    """Return by how many bytes the replica is behind."""
    primary = group.primary()
    assert primary is not None
    with primary.client() as client:
        state = client.info("replication")
    return int(state["master_repl_offset"] - state["slave0"]["offset"])
