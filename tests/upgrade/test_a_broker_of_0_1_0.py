"""What release 0.1.0 left in a broker, under the present release: alone, during a rolling update, and after a rollback.

broker-0.1.0.json is what a stopped 0.1.0 left in the middle of everything (fill_0_1_0.py says what), and
broker-0.1.0.expected.json is what 0.1.0 itself made of it.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tree import eventually

from .outcome import EXPECTED, SNAPSHOT, Outcome, faults
from .service import PRESENT, Installation, Release, Setup, running_setup
from .snapshot import Json, Loaded, Snapshot, cim_id, load

# https://docs.x.com/fundamentals/x-ids
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
ACCOUNT, SHARING, SENDS_ONLY, LIMITED, REKEYED = "732739706", "880023105", "880023102", "880023101", "880023103"


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.read(SNAPSHOT)


@pytest.fixture(scope="module")
def expected() -> Json:
    outcome: Json = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return outcome


@pytest.fixture
def left(snapshot: Snapshot) -> Iterator[Setup]:
    """A broker and a sandbox for what 0.1.0 left."""
    with running_setup(snapshot.key) as made:
        yield made


def in_old_words(outcome: Json) -> Json:
    """Return an outcome with the reason that 0.1.0 gave for a public post of an account without public posts."""
    letters = sorted(letter.replace(" posts_off", " unsupported_kind") for letter in outcome["dead_letters"])
    return {**outcome, "dead_letters": letters}


def test_the_snapshot_holds_every_state_a_stopped_service_can_leave(snapshot: Snapshot) -> None:
    keys = snapshot.keys
    ledgers = [
        json.loads(v)
        for k, e in keys.items()
        if k.startswith("tc:ledger:")
        for v in e["value"].values()
        if v[:1] == "{"
    ]
    assert {entry.get("upload_state") for entry in ledgers} >= {"processing", "uploading"}
    assert {(entry.get("looks", 0), "started_ms" in entry) for entry in ledgers} >= {(0, True), (1, True), (0, False)}
    states = [entry["value"] for key, entry in keys.items() if key.startswith("tc:st:")]
    assert sum("owner" in state for state in states) == 2
    accounts = {account_id: json.loads(row) for account_id, row in keys["tc:accounts"]["value"].items()}
    assert accounts.keys() == {ACCOUNT, SHARING, SENDS_ONLY, LIMITED, REKEYED}
    sealed = Fernet(snapshot.key)
    retired = {i: json.loads(sealed.decrypt(row["sealed"].encode()))[-1] for i, row in accounts.items()}
    assert {account_id for account_id, secrets in retired.items() if secrets} == {REKEYED}
    assert accounts[SENDS_ONLY]["webhook_url"] == ""
    for key in (f"tc:gate:out:{LIMITED}", f"tc:gate:out:{REKEYED}", "tc:unregistered", "tc:pulled-unknown"):
        assert key in keys
    assert int(keys[f"tc:brk:in:{LIMITED}"]["value"]["until"]) > snapshot.taken_ms
    letters = [json.loads(row) for row in keys["tc:dead:letters"]["value"].values()]
    assert {letter["direction"] for letter in letters} == {"in", "out"}
    assert any('"quote":' in letter["payload"] for letter in letters)
    waiting = [payload for key, e in keys.items() if key.startswith("tc:m:") for payload in e["value"].values()]
    assert sum('{"activity":' in payload for payload in waiting) > 25
    assert sum('{"message":' in payload for payload in waiting) > 60
    assert {name.rpartition(".")[2] for name in snapshot.journal} == {"journal", "replay", "pending"}


def test_the_present_release_delivers_what_0_1_0_left(left: Setup, snapshot: Snapshot, expected: Json) -> None:
    installation = left.installation(PRESENT)
    loaded = load(snapshot, left, installation.var_dir)
    installation.start()
    readable = [account["account_id"] for account in left.ask("GET", f"{installation.url}/accounts")["items"]]
    assert sorted(readable) == sorted((ACCOUNT, SHARING, SENDS_ONLY, LIMITED, REKEYED))
    watched = Outcome(left, loaded, installation)
    outcome = watched.after_everything()
    for part in ("drained", "replayed"):
        assert faults(expected[part], outcome[part]) == []
        assert in_old_words(outcome[part]) == expected[part]
    # What was accepted before comes again: by Twitter's repetition of an event, and by CCM's of a message.
    repeated(left, loaded, installation, snapshot)
    watched.await_empty()
    assert in_old_words(watched.deliveries()) == expected["replayed"]
    for account_id in (ACCOUNT, LIMITED, REKEYED):
        shown = left.ask("GET", f"{installation.url}/accounts/{account_id}")
        assert shown["pauses"] == {}, shown
    installation.stop()


def repeated(setup: Setup, loaded: Loaded, installation: Installation, snapshot: Snapshot) -> None:
    """Let Twitter and CCM repeat one thing each that 0.1.0 had accepted."""
    payloads = [v for k, e in snapshot.keys.items() if k.startswith("tc:m:") for v in e["value"].values()]
    works = [json.loads(payload.partition(" ")[2]) for payload in payloads]
    envelope = next(
        w["activity"] for w in works if "activity" in w and '"text":"in 1"' in json.dumps(w, separators=(",", ":"))
    )
    text = json.dumps(envelope)
    for old, new in loaded.new.items():
        text = text.replace(old, new)
    event = json.loads(text)
    assert setup.sandbox.post("events", account_id=event["for_user_id"], body=event)["status"] == 200
    message = next(
        w["message"] for w in works if "message" in w and w["message"]["body"].get("markdownText") == "out 1"
    )
    answer = setup.ask("POST", f"{installation.url}/cim-messages", json=message)
    assert answer == {"messageId": message["id"]}


@dataclass
class Traffic:
    """Customers and agents who take turns, each message to the next of several installations."""

    setup: Setup
    account_id: str
    customers: list[str]
    installations: list[Installation]
    messages: int
    said: dict[str, list[str]] = field(default_factory=dict)
    answered: dict[str, dict[str, str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def run(self) -> None:
        with ThreadPoolExecutor(len(self.customers)) as pool:
            list(pool.map(self._talk, self.customers))

    def _talk(self, customer_id: str) -> None:
        # Not every conversation begins at the same installation.
        first = int(customer_id) % len(self.installations)
        installations = itertools.islice(itertools.cycle(self.installations), first, None)
        said, answered = self.said.setdefault(customer_id, []), self.answered.setdefault(customer_id, {})
        for number in range(self.messages):
            text = f"new in {number}"
            # An id as Twitter makes them: of this moment, greater than those before, and nobody else's.
            event_id = str((int(time.time() * 1000) - SNOWFLAKE_EPOCH_MS << 22) + next(self.numbers))
            self._event(customer_id, event_id, text, next(installations))
            said.append(f"{cim_id(self.account_id, event_id)} PLAIN {text}")
            message_id, text = str(uuid.uuid4()), f"new out {number}"
            self.say(customer_id, message_id, text, next(installations))
            answered[message_id] = text

    def _event(self, customer_id: str, event_id: str, text: str, installation: Installation) -> None:
        create = {
            "target": {"recipient_id": self.account_id},
            "sender_id": customer_id,
            "message_data": {"text": text, "entities": {}},
        }
        event = {"type": "message_create", "id": event_id, "message_create": create}
        event["created_timestamp"] = str(int(time.time() * 1000))
        body = {"for_user_id": self.account_id, "direct_message_events": [event], "users": {}}
        url = f"{installation.url}/webhook/twitter/{self.account_id}"
        answer = self.setup.sandbox.post("events", account_id=self.account_id, body=body, url=url)
        assert answer["status"] == 200, answer

    def say(self, customer_id: str, message_id: str, text: str, installation: Installation) -> None:
        channel = {"channelCustomerIdentifier": customer_id, "serviceIdentifier": self.account_id}
        header = {"channelData": channel, "timestamp": int(time.time() * 1000), "sender": {"type": "AGENT"}}
        message = {"id": message_id, "header": header, "body": {"type": "PLAIN", "markdownText": text}}
        self.setup.ask("POST", f"{installation.url}/cim-messages", json=message)

    def expected(self) -> Json:
        return {
            "conversations": {
                f"{self.account_id} {customer_id}": {
                    "to_ccm": self.said[customer_id],
                    "to_twitter": [f"{text} [ 0]" for text in self.answered[customer_id].values()],
                    "reports": sorted(f"{message_id} DELIVERED 200 None" for message_id in self.answered[customer_id]),
                }
                for customer_id in self.customers
            }
        }


def succeeds(command: subprocess.CompletedProcess[str]) -> None:
    assert command.returncode == 0, command.stdout + command.stderr


def people(setup: Setup, count: int) -> list[str]:
    return [customer["id"] for customer in setup.sandbox.post("customers", count=count)["customers"]]


def sent_texts(setup: Setup) -> str:
    """Return the texts of all messages at X, one below the other."""
    return "\n".join(dm["text"] for dm in setup.sandbox.get("twitter/messages", account_id=ACCOUNT)["messages"])


def worker_pids(installation: Installation) -> list[int]:
    """Return the worker processes of a running installation."""
    assert installation.process is not None
    pid = installation.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"\0worker\0" in Path(f"/proc/{child}/cmdline").read_bytes()]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def test_old_and_new_workers_deliver_side_by_side(
    left: Setup, snapshot: Snapshot, expected: Json, release_0_1_0: Release
) -> None:
    new, old = left.installation(PRESENT), left.installation(release_0_1_0)
    loaded = load(snapshot, left, new.var_dir)
    for installation in (new, old):
        installation.launch()
    for installation in (new, old):
        installation.wait_ready()
    traffic = Traffic(left, ACCOUNT, people(left, 8), [new, old], messages=6)
    # A worker that is stopped while it reads the quoted message sends the reply without it, after SHOW_SECONDS.
    eventually(lambda: "quoted below" in sent_texts(left), what="the reply with a quote")
    # A worker of the present release that is awake is quicker than any task, and would leave the old one nothing.
    workers = worker_pids(new)
    signal_all(workers, signal.SIGSTOP)
    try:
        traffic.run()
        eventually(lambda: old.output().count(" dm_sent ") > 10, 60, what="the old worker's part")
    finally:
        signal_all(workers, signal.SIGCONT)
    # Accounts that one of them registers are good for the other.
    body = left.sandbox.post("accounts", screen_name="rolling")
    account_id = body["WEBHOOK-URL"].rpartition("/")[2]
    left.ask("POST", f"{new.url}/webhook/twitter/register-and-subscribe", json=body)
    loaded.accounts[account_id] = body
    assert left.ask("GET", f"{old.url}/accounts/{account_id}")["account_id"] == account_id
    on_it = Traffic(left, account_id, people(left, 8), [old, new], messages=6)
    on_it.run()
    watched = Outcome(left, loaded, old)
    watched.drain()
    outcome = watched.deliveries()
    for wanted in (expected["drained"], traffic.expected(), on_it.expected()):
        assert faults(wanted, outcome) == []
    assert in_old_words(outcome)["dead_letters"] == expected["drained"]["dead_letters"]
    # Both have worked: the old one on a part, and not on all of it.
    sent = sum(len(c.get("to_twitter", [])) for c in outcome["conversations"].values())
    by_old = old.output().count(" dm_sent ")
    assert 10 < by_old < sent - 10, f"0.1.0 sent {by_old} of {sent}"
    for installation in (old, new):
        assert "Traceback" not in installation.output(), installation.output()[-6000:]
        installation.stop()


def test_0_1_0_delivers_what_the_present_release_left(setup: Setup, release_0_1_0: Release) -> None:
    """Go back after the update was finished, as docs/operations.md says: the present release registers, accepts and
    begins, is stopped, and 0.1.0 goes on."""
    # Its first command in a broker leaves a proof of the credentials key, by which a used one is known.
    new, old = setup.installation(PRESENT), setup.installation(release_0_1_0)
    succeeds(old.cli("credentials", "check"))
    new.start()
    body = setup.sandbox.get(f"accounts/{ACCOUNT}")
    setup.ask("POST", f"{new.url}/webhook/twitter/register-and-subscribe", json=body)
    in_old_form = setup.client.hget("tc:accounts", ACCOUNT)
    succeeds(new.cli("credentials", "reseal", "--new-form"))
    assert json.loads(setup.client.hget("tc:accounts", ACCOUNT)).keys() != json.loads(in_old_form).keys()
    # CCM is away; Twitter takes everything and its answers are lost.
    away = [
        setup.sandbox.fault(family="ccm", path="message/receive"),
        setup.sandbox.fault(family="twitter", path="events/new", action="act_then_reset"),
    ]
    traffic = Traffic(setup, ACCOUNT, people(setup, 6), [new], messages=6)
    traffic.run()
    eventually(lambda: all(setup.sandbox.hits(fault) for fault in away), what="tries of both directions")
    new.stop()
    lanes = {f"tc:q:{way}:{ACCOUNT}:{customer}" for way in ("in", "out") for customer in traffic.customers}
    assert lanes <= set(setup.waiting())
    for fault in away:
        setup.sandbox.lift(fault)
    succeeds(new.cli("credentials", "reseal", "--old-form"))
    # It takes the place of the present one, where the webhook leads.
    old.port, old.env["PORT"] = new.port, new.env["PORT"]
    old.start()
    assert setup.ask("GET", f"{old.url}/accounts/{ACCOUNT}")["account_id"] == ACCOUNT
    watched = Outcome(setup, Loaded(accounts={ACCOUNT: body}), old)
    watched.await_empty()
    outcome = watched.deliveries()
    assert faults(traffic.expected(), outcome) == []
    assert outcome["dead_letters"] == []
    assert "Traceback" not in old.output(), old.output()[-6000:]
    old.stop()
