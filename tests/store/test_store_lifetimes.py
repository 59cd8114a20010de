"""What lies in the broker for how long, and that no credential can be read there."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet

from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.chat import ConversationKeys
from twitter_connector.model.usage import day_number
from twitter_connector.model.work import Direction, EchoSeen, Entry, ReadUpTo
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.queue.timings import QueueTimings
from twitter_connector.store.chat_keys import ChatKeyStore
from twitter_connector.store.vault import Vault

TIMINGS = QueueTimings()

SECRETS = (
    "planted-api-key-4711",
    "planted-api-secret-4712",
    "planted-access-token-4713",
    "planted-token-secret-4714",
    "planted-bearer-token-4715",
    "planted-retired-secret-4716",
)
ACCOUNT = Account(
    id="732739706",
    credentials=Credentials(*SECRETS[:5]),
    webhook_url="https://cx.example.com/webhook/twitter/732739706",
    settings={"environment": "prod"},
    webhook=Webhook("1", "https://cx.example.com/webhook/twitter/732739706", True),
    registered_at=datetime(2026, 3, 2, tzinfo=UTC),
    retired_secrets=(SECRETS[5],),
)


def everything(client: redis.Redis) -> dict[str, Any]:
    """Return every key with its whole value."""
    readers = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda k: client.lrange(k, 0, -1),
        "set": client.smembers,
        "zset": lambda k: client.zrange(k, 0, -1, withscores=True),
    }
    return {key: readers[client.type(key)](key) for key in client.keys("*")}


def test_no_credential_can_be_read_in_any_key(services: Services, inspector: redis.Redis) -> None:
    services.accounts.save(ACCOUNT)
    services.accounts.note(ACCOUNT.id, last_crc_at=1)
    services.accounts.save(ACCOUNT)
    written = repr(everything(inspector))
    assert ACCOUNT.webhook_url in written
    for secret in SECRETS:
        forms = {secret, secret[::-1], secret.encode().hex()}
        # Base64 of a text depends on what stands before it: three alignments, without their uncertain edges.
        forms |= {base64.b64encode(b" " * n + secret.encode()).decode()[4:-4] for n in range(3)}
        forms |= {base64.urlsafe_b64encode(b" " * n + secret.encode()).decode()[4:-4] for n in range(3)}
        assert not [form for form in forms if form in written]


def test_the_same_account_is_never_sealed_alike_twice(services: Services, inspector: redis.Redis) -> None:
    services.accounts.save(ACCOUNT)
    first = inspector.hget(keys.ACCOUNTS, ACCOUNT.id)
    services.accounts.save(ACCOUNT)
    assert inspector.hget(keys.ACCOUNTS, ACCOUNT.id) != first


def test_the_keys_of_only_so_many_encrypted_conversations_are_kept(
    inspector: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X gives the others again."""
    monkeypatch.setattr(keys, "CHAT_CONVERSATIONS_MAX", 3)
    store = ChatKeyStore(inspector, Vault([Fernet.generate_key().decode()]))
    for number in range(10):
        store.keep("acme", str(number), ConversationKeys({"1": b"key"}))
        assert store.conversation("acme", str(number)).keys == {"1": b"key"}
    assert store.conversations("acme") == 3


def test_every_mark_that_comes_from_outside_has_a_lifetime(services: Services, inspector: redis.Redis) -> None:
    """Otherwise the broker, which must not forget anything by itself, fills up for good."""
    services.lanes.accept([Entry(Direction.IN, "acme", "ada", "1", "p"), EchoSeen("acme", "ada", "2", 1, "digest")])
    services.lanes.accept([Entry(Direction.OUT, "acme", "ada", "3", "p")])
    lease = services.lanes.claim(Direction.OUT)
    assert lease is not None
    services.ledger.write(lease, "3", 0, SendRecord(started_ms=1))
    services.ledger.write_quote(lease, "4", "“text”")
    services.ledger.done("acme", "ada", "3", 1, "77", last=False)
    services.lanes.accept([ReadUpTo("acme", "ada", "77", 1)])
    services.lanes.pause(Direction.OUT, "acme", 2**42, "rate_limited", "")
    services.usage.note("acme", "dm_read", ["1"])
    day = day_number(services.clock().date())
    expected = {
        f"tc:usage:acme:{day}": keys.USAGE_SECONDS,
        f"tc:billed:acme:{day}:dm_read": keys.BILLED_SECONDS,
        "tc:seen:in:acme:1": keys.SEEN_SECONDS,
        "tc:seen:out:acme:3": keys.SEEN_SECONDS,
        "tc:seen:echo:acme:2": keys.SEEN_SECONDS,
        "tc:echo:acme:ada": keys.ECHO_SECONDS,
        "tc:ledger:acme:3": keys.LEDGER_SECONDS,
        "tc:ledger:acme:4": keys.LEDGER_SECONDS,
        "tc:sent:acme:ada": keys.SENT_SECONDS,
        "tc:sent:acme:ada:unfinished": keys.SENT_SECONDS,
        "tc:sent:acme:ada:read": keys.SENT_SECONDS,
    }
    for key, seconds in expected.items():
        assert seconds - 60 <= inspector.ttl(key) <= seconds, key
    assert inspector.pttl("tc:gate:out:acme") > 0
    assert 0 < inspector.pttl("tc:bell:in") <= TIMINGS.wakeup
    # What remains waits for work or is of one size, however much passes through.
    lasting = {key for key in inspector.keys("*") if inspector.ttl(key) == -1}
    allowed = (
        "tc:primary",
        "tc:q:",
        "tc:m:",
        "tc:st:",
        "tc:due:",
        "tc:turn:",
        "tc:fence",
        "tc:clock",
        "tc:seq",
        "tc:signs:",
    )
    assert {key for key in lasting if not key.startswith(allowed)} == set()


def test_marks_outlive_the_time_over_which_twitter_can_replay(services: Services) -> None:
    replayable = 5 * 86400
    assert min(keys.SEEN_SECONDS, keys.LEDGER_SECONDS, keys.SENT_SECONDS) > replayable
