"""`xchat`: keys from a file, what is shown of them, how they go; against X as the sandbox plays it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner
from cryptography.fernet import Fernet
from tree import Control

from tests.brokers import Broker
from tests.contracts.sandbox_x import running_sandbox
from tests.encrypted_conversation import ACCOUNT, PAIR, encrypted_conversation
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.cli import main
from twitter_connector.errors import Permanent
from twitter_connector.findings.report import all_findings
from twitter_connector.model.chat import ConversationKeys
from twitter_connector.store.chat_keys import ChatKeyStore
from twitter_connector.store.chat_notices import ChatNotices
from twitter_connector.store.resealing import reseal, verify_key
from twitter_connector.store.vault import Vault, keys_of

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as control:
        yield control


@dataclass
class Terminal:
    """Runs the command as an operator does, without a terminal."""

    broker: Broker
    control: Control
    key_file: Path
    version: str

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        """Return (exit status, standard output, error output)."""
        env = {
            "VAR_DIR": str(self.broker.settings.var_dir),
            "REDIS_URL": self.broker.settings.redis_url,
            "CCM_URL": "http://127.0.0.1:9",
            "X_API_URL": self.control.url,
        }
        done = CliRunner().invoke(main, ["xchat", *arguments], env=env, input=typed)
        return done.exit_code, done.stdout, done.stderr

    def unlock(self, *more: str) -> tuple[int, str, str]:
        return self.run("unlock", ACCOUNT, "--key-file", str(self.key_file), "--key-version", self.version, *more)


@pytest.fixture
def terminal(
    broker_process: Broker, inspector: redis.Redis, services: Services, control: Control, tmp_path: Path
) -> Terminal:
    conversation = encrypted_conversation(control, tmp_path)
    verify_key(inspector, services.vault)
    services.accounts.save(replace(conversation.account, webhook_url="https://cx.example.com/webhook/twitter/1"))
    state = control.get("x-chat", **PAIR)
    return Terminal(broker_process, control, Path(state["key_file"]), state["key_version"])


def test_a_key_file_is_taken_after_a_warning_and_forgotten_again(terminal: Terminal, services: Services) -> None:
    status, _, said = terminal.unlock()
    assert status == 1
    assert "Whoever gets them reads everything" in said
    assert services.chat_keys.keys(ACCOUNT) is None
    status, printed, said = terminal.unlock("--yes")
    assert (status, "Whoever gets them reads everything" in said) == (0, True)
    assert f"key version {terminal.version}" in printed
    stored = services.chat_keys.keys(ACCOUNT)
    assert stored is not None
    assert stored.version == terminal.version
    services.chat_keys.keep(ACCOUNT, "1", ConversationKeys({"7": bytes(32)}))
    status, printed, _ = terminal.run("status", "--json")
    (row,) = json.loads(printed)
    assert row == {
        "account_id": ACCOUNT,
        "keys": True,
        "key_version": terminal.version,
        "newest_at_x": terminal.version,
        "conversations": 1,
        "library": "0.5.2",
    }
    assert terminal.run("forget", ACCOUNT)[0] == 1, "it asks first"
    assert terminal.run("forget", ACCOUNT, "--yes")[0] == 0
    assert services.chat_keys.keys(ACCOUNT) is None
    assert services.chat_keys.conversations(ACCOUNT) == 0


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"version": "17"}, "X knows no keys of version 17"),
        ({"content": "!!"}, "the key file is not Base64"),
        ({"content": "AAAA"}, "64 bytes"),
        ({"content": "A" * 88}, "64 bytes"),
        ({"content": base64.b64encode(bytes(31) + b"\1" + bytes(31) + b"\2").decode()}, "are not those that X has"),
    ],
    ids=["version", "no base64", "short", "long", "another's"],
)
def test_keys_that_are_not_the_accounts_are_refused(
    terminal: Terminal, services: Services, tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    if "content" in changed:
        terminal.key_file = tmp_path / "keys"
        terminal.key_file.write_text(changed["content"], "ascii")
    terminal.version = changed.get("version", terminal.version)
    status, _, said = terminal.unlock("--yes")
    assert status == 1
    assert sentence in said
    assert services.chat_keys.keys(ACCOUNT) is None


def test_a_pin_that_opens_nothing_is_one_line_without_the_pin(terminal: Terminal, services: Services) -> None:
    status, _, said = terminal.run("unlock", ACCOUNT, "--yes", typed="271828\n")
    assert status == 1
    assert said.splitlines()[-1].startswith("error: ")
    assert "271828" not in said
    assert services.chat_keys.keys(ACCOUNT) is None


def test_new_keys_are_registered_only_for_an_account_without_any_after_its_id_was_typed(
    terminal: Terminal, services: Services
) -> None:
    status, _, said = terminal.run("unlock", ACCOUNT, "--register-new-keys", "--yes", typed="1\n271828\n")
    assert (status, "not the account's id" in said) == (1, True)
    status, _, said = terminal.run("unlock", ACCOUNT, "--register-new-keys", typed=f"{ACCOUNT}\n271828\n")
    assert (status, "has X Chat keys already" in said) == (1, True)
    terminal.control.post("reset")
    status, printed, said = terminal.run("unlock", ACCOUNT, "--register-new-keys", typed=f"{ACCOUNT}\n271828\n")
    assert status == 0, said
    # The sandbox has no servers for the backup behind the PIN.
    assert "these keys exist only here" in printed
    stored = services.chat_keys.keys(ACCOUNT)
    assert stored is not None
    assert f"key version {stored.version}" in printed
    assert "271828" not in printed + said


def test_keys_rotate_with_the_credentials_key(terminal: Terminal, services: Services, inspector: redis.Redis) -> None:
    assert terminal.unlock("--yes")[0] == 0
    services.chat_keys.keep(ACCOUNT, "1", ConversationKeys({"7": bytes(32)}))
    old, new = keys_of((), services.settings.var_dir), Fernet.generate_key().decode()
    with pytest.raises(Permanent, match=ACCOUNT):
        verify_key(inspector, Vault([new]))
    assert reseal(inspector, Vault([new, *old])).unreadable == ()
    rotated = ChatKeyStore(inspector, Vault([new]))
    verify_key(inspector, Vault([new]))
    assert rotated.keys(ACCOUNT) is not None
    assert rotated.conversation(ACCOUNT, "1").keys == {"7": bytes(32)}
    assert ACCOUNT in reseal(inspector, Vault(old)).unreadable
    assert reseal(inspector, Vault(old), forget_unreadable=True).forgotten
    assert ChatKeyStore(inspector, Vault(old)).keys(ACCOUNT) is None


def test_customers_whose_messages_were_read_bring_a_notice_again_once_the_keys_are_forgotten(
    terminal: Terminal, services: Services, inspector: redis.Redis
) -> None:
    assert terminal.unlock("--yes")[0] == 0
    services.chat_keys.keep(ACCOUNT, "1", ConversationKeys({"7": bytes(32)}))
    for customer in ("1", "2"):
        inspector.set(keys.CHAT_NOTICED.format(account=ACCOUNT, customer=customer), "2026-11-28")
    assert terminal.run("forget", ACCOUNT, "--yes")[0] == 0
    noticed = [ChatNotices(inspector).noticed(ACCOUNT, customer, "2026-11-28") for customer in ("1", "2")]
    assert noticed == [False, True]


def test_an_account_that_is_unregistered_leaves_no_keys(terminal: Terminal, services: Services) -> None:
    assert terminal.unlock("--yes")[0] == 0
    services.accounts.remove(ACCOUNT)
    assert services.chat_keys.keys(ACCOUNT) is None


def test_doctor_names_an_account_with_keys_and_no_library(
    terminal: Terminal, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.unlock("--yes")[0] == 0
    assert not [f for f in all_findings(services) if "X Chat keys" in f.detail]
    monkeypatch.setitem(sys.modules, "chat_xdk", None)
    (finding,) = [f for f in all_findings(services) if "X Chat keys" in f.detail]
    assert not finding.ok
    assert "twitter-connector[xchat]" in finding.advice
    status, _, said = terminal.unlock("--yes")
    assert (status, "twitter-connector[xchat]" in said) == (1, True)


def test_what_is_stored_is_sealed(terminal: Terminal, inspector: redis.Redis) -> None:
    assert terminal.unlock("--yes")[0] == 0
    blob = terminal.key_file.read_text("ascii").strip()
    stored: Any = inspector.hget(keys.CHAT_KEYS, ACCOUNT)
    assert blob not in stored
    assert terminal.version not in stored
