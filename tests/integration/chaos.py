"""The two halves of the chaos test: people who keep talking, and troubles that keep coming. Counts nothing itself."""

import os
import random
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tree import COMMAND, ROOT, Control, Tree

from tests.integration.conversations import Conversation, Json

PARTS = ("web-worker", "web", "worker", "beat", "broker")
# Longer than a lease, so that somebody else has taken over what the sleeper believes to hold.
SLEEP_SECONDS = 11.5
_CCM: list[Json] = [
    {"status": 503, "times": 5},
    {"action": "reset", "times": 3},
    {"action": "act_then_reset", "times": 3},
    {"action": "act_then_answer", "status": 502, "times": 2},
    {"delay": 1.5, "times": 20},
]
_TWITTER: list[Json] = [
    {"action": "act_then_reset", "times": 3},
    {"action": "act_then_answer", "status": 500, "times": 2},
    {"action": "reset", "times": 1},
    {"status": 503, "times": 1},
    {"status": 429, "headers": {"x-rate-limit-reset": "{now+2}"}, "times": 1},
    {"delay": 1.5, "times": 10},
]


@dataclass
class Talk:
    """What was said in one conversation, as far as the other end of the connector acknowledged it."""

    chat: Conversation
    inbound: list[str] = field(default_factory=list)
    outbound: dict[str, str] = field(default_factory=dict)
    """Text by CIM id, in the order of acceptance."""


class Crowd:
    """One customer and one agent per conversation, each saying the next thing when the former was acknowledged.

    A customer's next message waits because Twitter redelivers what was not acknowledged behind what came later; that
    order is Twitter's doing and none the connector could keep. In the end both repeat what they said first.
    """

    def __init__(self, tree: Tree, chats: list[Conversation], messages: int, pause: float) -> None:
        self.talks = [Talk(chat) for chat in chats]
        self._tree = tree
        self._messages = messages
        self._pause = pause
        self._enough = threading.Event()
        self._troubles: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(speak, talk), daemon=True)
            for talk in self.talks
            for speak in (self._customer, self._agent)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def suppress_wakeups(self) -> None:
        """Have nobody begin another message. Fails where somebody has nothing more to say already: then whatever was
        done meanwhile was done in silence."""
        assert all(thread.is_alive() for thread in self._threads), "somebody had said everything before this"
        self._enough.set()

    def finish(self, seconds: float) -> None:
        """Wait until everybody has said everything. Raises what went wrong for any of them."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._troubles:
            raise self._troubles[0]
        speaking = sum(thread.is_alive() for thread in self._threads)
        assert not speaking, f"{speaking} people still wait for an acknowledgement after {seconds:g} s"

    def _guarded(self, speak: Callable[[Talk, Control], None], talk: Talk) -> None:
        control = Control(self._tree.sandbox.url)
        try:
            # Not all in the same instant.
            time.sleep(random.random() * self._pause)
            speak(talk, control)
        except BaseException as trouble:  # noqa: BLE001 - shown by finish()
            self._troubles.append(trouble)
        finally:
            control.http.close()

    def _customer(self, talk: Talk, control: Control) -> None:
        pair = {"account_id": talk.chat.account.id, "customer_id": talk.chat.customer_id}
        first_id = ""
        for number in range(self._messages):
            if self._enough.is_set():
                break
            text = f"in {number}"
            dm = control.post("customer/messages", **pair, text=text)
            talk.inbound.append(text)
            first_id = dm["id"] if number == 0 else first_id
            while not self._acknowledged(control, dm["id"]):
                pass
            time.sleep(self._pause)
        # Twitter may deliver an event again, however old.
        again = talk.chat.event(first_id, talk.inbound[0])
        while control.post("events", account_id=talk.chat.account.id, body=again)["status"] != 200:
            time.sleep(0.25)

    def _acknowledged(self, control: Control, event_id: str) -> bool:
        found = control.get("webhook-deliveries", event_id=event_id, wait=10)["deliveries"]
        assert not [d for d in found if d["status"] == "failed"], found
        return [d["status"] for d in found] == ["delivered"]

    def _agent(self, talk: Talk, control: Control) -> None:
        for number in range(self._messages):
            if self._enough.is_set():
                break
            self._say(control, talk, str(uuid.uuid4()), f"out {number}")
            time.sleep(self._pause)
        self._say(control, talk, *next(iter(talk.outbound.items())))

    def _say(self, control: Control, talk: Talk, message_id: str, text: str) -> None:
        pair = {"account_id": talk.chat.account.id, "customer_id": talk.chat.customer_id}
        while control.post("agent/messages", **pair, id=message_id, text=text)["status"] != 202:
            time.sleep(0.25)
        talk.outbound[message_id] = text


class Troubles:
    """Kills, stops and faults at random moments, from one seed. `done` tells what was done."""

    def __init__(self, tree: Tree, seed: int, pause: float) -> None:
        self._tree = tree
        self._chance = random.Random(seed)
        self._pause = pause
        self.done: list[str] = []
        self.woken: list[float] = []
        """When a sleeping worker was woken, in epoch seconds."""

    def run(self, seconds: float) -> None:
        """Make trouble for so long; then lift every fault and let everything run that was stopped."""
        begun = time.monotonic()
        waiting: list[str] = []
        asleep: tuple[int, float] | None = None
        # Late enough that people talk, early enough that the sleeper wakes up while they still do.
        sleep_at = begun + 1.5
        try:
            while (now := time.monotonic()) < begun + seconds:
                if asleep is None and now >= sleep_at:
                    self._slow_down()
                    time.sleep(0.5)
                    asleep = (self._signal("worker", signal.SIGSTOP), time.monotonic() + SLEEP_SECONDS)
                elif asleep is not None and now >= asleep[1]:
                    self._end_waits(asleep[0])
                    asleep, sleep_at = None, now + 3 * SLEEP_SECONDS
                if not waiting:
                    waiting = self._chance.sample(PARTS, len(PARTS))
                part = waiting.pop()
                # The sleeper is to wake up again, not to be replaced.
                if part != "worker" or asleep is None:
                    self._signal(part, signal.SIGKILL)
                for _ in range(2):
                    self._fault("ccm", self._chance.choice(_CCM))
                    self._fault("twitter", self._chance.choice(_TWITTER))
                time.sleep(self._pause * self._chance.uniform(0.5, 1.5))
        finally:
            if asleep is not None:
                time.sleep(max(0.0, asleep[1] - time.monotonic()))
                self._end_waits(asleep[0])
            for fault in self._tree.sandbox.get("faults")["faults"]:
                self._tree.sandbox.lift(fault["id"])

    def _slow_down(self) -> None:
        """Have many messages on their way at one moment."""
        self._fault("ccm", {"delay": 1.5, "times": 20})
        self._fault("twitter", {"delay": 1.5, "times": 20})

    def _fault(self, family: str, wanted: Json) -> None:
        path = {"twitter": "events/new", "ccm": "message/receive"}[family]
        self._tree.sandbox.fault(family=family, path=path, **wanted)
        self.done.append(f"{family} {wanted}")

    def _signal(self, part: str, number: signal.Signals) -> int:
        pids = self._tree.pids(part)
        if not pids:
            return 0  # it has not come back yet from the last time
        pid = self._chance.choice(pids)
        self.done.append(f"{number.name} {part}")
        _send(pid, number)
        return pid

    def _end_waits(self, pid: int) -> None:
        # What the sleeper left is being done by others, who are to be in the middle of it.
        self._slow_down()
        time.sleep(1.0)
        self.done.append("SIGCONT worker")
        self.woken.append(time.time())
        _send(pid, signal.SIGCONT)


@contextmanager
def another_worker(tree: Tree) -> Iterator[Any]:
    """Run a second worker on the tree's broker, as a second replica would, started and minded by nobody else."""
    with tree.log.open("ab") as out:
        process = subprocess.Popen(
            [str(COMMAND), "worker", "--name", "second"],
            cwd=ROOT,
            env={"SANDBOX": "1", **tree.env},
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _send(pid: int, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return  # it has died by itself meanwhile
