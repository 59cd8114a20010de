"""Kills, stops and faults at random moments, and a second worker beside a running service."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tree import COMMAND, ROOT, Tree

from tests.integration.conversations import Json

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
    {"problem": "over-capacity", "times": 2},
    {"status": 429, "headers": {"x-rate-limit-reset": "{now+2}"}, "times": 1},
    {"delay": 1.5, "times": 10},
]
# The calls that send a message, of both APIs, and the one that publishes a post.
_PATHS = {"twitter": r"events/new|dm_conversations/with/\d+/messages|/2/tweets$", "ccm": "message/receive"}


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
        self._tree.sandbox.fault(family=family, path=_PATHS[family], **wanted)
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


def log_of_another_worker(tree: Tree) -> Path:
    """Return the file of what another worker prints."""
    return tree.log.with_name("log-of-another-worker")


@contextmanager
def another_worker(tree: Tree) -> Iterator[Any]:
    """Run a second worker on the tree's broker, as a second replica would, started and minded by nobody else."""
    with log_of_another_worker(tree).open("ab") as out:
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
