"""The order in which an account's way in changes: inbound lanes wait until the messages of the meantime are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.clocked_store import ClockedLanes
from tests.fakes import FakeAccounts, FakeClock, FakePlatform, account_registration
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.model.account import INBOUND, POLL, V1
from twitter_connector.model.work import Direction, Entry

ACME, ADA = "732739706", "210375291"
URL = f"https://cx.example.com/twitter-connector/webhook/twitter/{ACME}"
IN = Direction.IN


def by(way: str) -> dict[str, str]:
    return {"environment": "prod", INBOUND: way}


class Scene:
    """An account that is registered, and the order of what happens to it."""

    def __init__(self) -> None:
        self.platform, self.accounts, self.clock = FakePlatform(), FakeAccounts(), FakeClock()
        self.lanes = ClockedLanes(self.clock)
        self.done: list[str] = []
        registration = account_registration(self.accounts, self.lanes, self.platform, self.clock)
        self.registration = replace(registration, read_back=self.read_back)
        self.register()
        self.platform.before = self.note
        self.lanes.accept([Entry(IN, ACME, ADA, "dm:1", "{}", "1")])

    def register(self, **settings: str) -> None:
        wish = Registration(ACME, self.platform.token(ACME), URL, V1, settings or by("aaa"))
        self.registration.register(wish)

    def read_back(self, account: Any, *, at_once: bool) -> None:
        self.done.append(f"read back{' at once' if at_once else ''}")
        self.note("read back")
        # A message of before the new way worked.
        self.lanes.accept([Entry(IN, ACME, ADA, "dm:0", "{}", "0")])

    def note(self, call: str) -> None:
        if call in ("subscribe", "unsubscribe", "read back"):
            self.done.append(f"{call}: {'paused' if IN in self.lanes.pauses(ACME) else 'open'}")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_lanes_wait_until_the_messages_of_the_meantime_are_read(scene: Scene) -> None:
    scene.register(**by(POLL))
    assert scene.done == [
        "subscribe: paused",
        "unsubscribe: paused",
        "subscribe: paused",
        "read back at once",
        "read back: paused",
    ]
    assert IN not in scene.lanes.pauses(ACME)
    lease = scene.lanes.claim(IN)
    assert lease is not None
    assert lease.entry_id == "dm:0", "the older message comes first"


def test_a_repeated_registration_pauses_nothing_and_reads_no_list_out_of_turn(scene: Scene) -> None:
    scene.register()
    assert scene.done == ["subscribe: open", "read back", "read back: open"]


def test_lanes_go_on_after_a_change_that_fails(scene: Scene) -> None:
    def fail(call: str) -> None:
        if call == "subscribe":
            raise StepFailed("subscription", "X is away.")

    scene.platform.before = fail
    with pytest.raises(StepFailed):
        scene.register(**by(POLL))
    assert scene.lanes.pauses(ACME) == {}
    assert scene.lanes.claim(IN) is not None


def test_a_lane_at_work_stops_at_the_pause(scene: Scene) -> None:
    scene.lanes.accept([Entry(IN, ACME, ADA, "dm:2", "{}", "2")])
    lease = scene.lanes.claim(IN)
    assert lease is not None
    scene.lanes.pause(IN, ACME, scene.clock.ms + 10_000, "registering", "")
    assert scene.lanes.settle(lease, (), keep=True) is None
    assert scene.lanes.claim(IN) is None
    scene.lanes.resume(IN, ACME)
    following = scene.lanes.claim(IN)
    assert following is not None
    assert following.entry_id == "dm:2"
