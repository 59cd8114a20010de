"""A customer's file that X does not hand out: does X refuse the file or the account, and what follows from either?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, failing
from tests.fakes import FakePlatform
from twitter_connector.accounts.credentials import Configure
from twitter_connector.accounts.credentials_check import SPREAD, CredentialsCheck
from twitter_connector.cim.channel_configuration import PushedConfiguration
from twitter_connector.delivery.media import MediaTransfer
from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.event import Media, Variant
from twitter_connector.model.message import StoredFile
from twitter_connector.model.timestamps import epoch_ms

PHOTO = "https://ton.twitter.com/1.1/ton/data/dm/17/12/a.jpg"
REFUSED = Permanent("media_refused_by_twitter", "X did not hand out the attachment (HTTP 401).", status=401)


class Stored:
    """What lies at Twitter's media host for whom: `refuses` says what an account's credentials meet there."""

    def __init__(self) -> None:
        self.refuses: dict[str, ConnectorError] = {}
        self.asked: list[str] = []

    def best_variant(self, media: Media, ceiling: int) -> list[Variant]:
        return [Variant(media.url, "")]

    @contextmanager
    def open(self, url: str, credentials: Any, *, ceiling: int) -> Iterator[Any]:
        self.asked.append(credentials.access_token)
        if credentials.access_token in self.refuses:
            raise self.refuses[credentials.access_token]
        yield self

    @property
    def chunks(self) -> list[bytes]:
        return [b"\xff\xd8\xff\xe0"]


class Enquiries:
    """CCM is never asked."""

    def may_pull(self, account_id: str) -> bool:
        return False

    def name_type(self, channel_type_id: str) -> None: ...


class Whole:
    size_bytes = 4
    head = b"\xff\xd8\xff\xe0"
    file = BytesIO()


@contextmanager
def whole(chunks: Any, ceiling: int) -> Iterator[Whole]:
    yield Whole()


class Files:
    there = True

    def base(self) -> str:
        if not self.there:
            raise Permanent("file_engine_missing", "No file engine is configured.", ours=True)
        return "http://file-engine"

    def store(self, *_: Any, **__: Any) -> StoredFile:
        return StoredFile("1_a.jpg", "https://cx.example.com/file-engine?filename=1_a.jpg", "image/jpeg", 4)


class Scene(FakeDeliveries):
    """A relay whose account can lose its rights at Twitter."""

    def __init__(self) -> None:
        super().__init__()
        self.platform = FakePlatform()
        self.token = self.platform.token(ACME)
        self.accounts.change(ACME, lambda now: now.rekeyed(self.token))
        self.media_host = Stored()
        self.configure = Configure(self.accounts, self.lanes, Enquiries(), lambda _: None, self.clock)
        self.credentials = CredentialsCheck(
            self.lanes.pauses,
            self.platform,
            self.configure.newer,
            self.clock,
            lambda: 0.5,
        )
        self.inbound.media_transfer = MediaTransfer(
            downloads=self.media_host,
            files=Files(),  # type: ignore[arg-type]
            fetcher=None,  # type: ignore[arg-type]
            uploads=None,  # type: ignore[arg-type]
            spool=whole,
            outgoing=None,  # type: ignore[arg-type]
            credentials=self.credentials,
            endpoints=self.endpoints,
        )

    def photo(self, event_id: str, customer: str = ADA) -> None:
        payload = self.event(event_id, "https://t.co/dOLqpmn7zX", customer=customer)
        payload["direct_message_events"][0]["message_create"]["message_data"]["attachment"] = {
            "type": "media",
            "media": {"id_str": "12", "media_url_https": PHOTO, "type": "photo", "url": "https://t.co/dOLqpmn7zX"},
        }
        self.receive(payload)

    def types(self) -> list[str]:
        return [m["body"]["type"] for m in self.cim.received]

    def lose_rights(self) -> None:
        """Twitter accepts the token nowhere any more."""
        self.platform.owners.clear()
        self.media_host.refuses[self.token.access_token] = REFUSED

    def lookups(self) -> int:
        return self.platform.calls.count("who_am_i")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_refusal_of_one_file_is_a_note_where_the_api_accepts_the_credentials(scene: Scene) -> None:
    scene.media_host.refuses[scene.token.access_token] = REFUSED
    scene.photo("17")
    scene.customer_writes("18", "after")
    scene.serve()
    assert scene.types() == ["PLAIN", "PLAIN"]
    assert REFUSED.detail in scene.written()[0]
    assert scene.lookups() == 1
    assert scene.lanes.pauses(ACME) == {}


def test_without_a_file_engine_a_file_is_a_note_at_once_and_twitter_is_not_asked_for_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Files, "there", False)
    scene.photo("17")
    scene.serve()
    assert scene.types() == ["PLAIN"]
    assert "No file engine" in scene.written()[0]
    assert scene.media_host.asked == []


def test_a_file_that_is_gone_is_a_note_and_nobody_is_asked(scene: Scene) -> None:
    scene.media_host.refuses[scene.token.access_token] = Permanent("media_gone", "Gone.", status=404)
    scene.photo("17")
    scene.serve()
    assert scene.types() == ["PLAIN"]
    assert scene.lookups() == 0


def test_where_the_api_refuses_the_credentials_too_the_file_waits_and_nothing_else_does(scene: Scene) -> None:
    scene.lose_rights()
    scene.photo("17")
    scene.customer_writes("18", "behind the picture")
    scene.customer_writes("19", "from another", customer=GRACE)
    scene.serve()
    scene.send("m-1", customer=GRACE)
    scene.serve()
    assert scene.written() == ["from another"]
    assert scene.lanes.pauses(ACME)[OUT]["reason"] == "credentials_rejected"
    assert scene.twitter.sent == []


def test_other_files_meanwhile_do_not_ask_again(scene: Scene) -> None:
    scene.lose_rights()
    until = scene.clock() + timedelta(minutes=10)
    scene.lanes.pause(OUT, ACME, epoch_ms(until), "token_revoked", "Make a new one.")
    for n in range(5):
        scene.photo(f"{17 + n}", customer=f"90{n}")
    scene.serve(IN)
    assert (scene.lookups(), scene.types()) == (0, [])
    assert scene.lanes.pauses(ACME)[OUT]["until"] == str(epoch_ms(until))
    # They look again shortly after the pause, not all in the instant of its end.
    asked = len(scene.media_host.asked)
    scene.later((until - scene.clock() + SPREAD * 0.4).total_seconds(), IN)
    assert len(scene.media_host.asked) == asked
    scene.later((SPREAD * 0.2).total_seconds(), IN)
    assert scene.lookups() >= 1


@pytest.mark.parametrize("reason", ["rate_limited", "write_permission_missing", "plan_too_small"])
def test_a_pause_that_does_not_concern_files_holds_none_up(scene: Scene, reason: str) -> None:
    scene.lanes.pause(OUT, ACME, epoch_ms(scene.clock() + timedelta(minutes=10)), reason, "")
    scene.media_host.refuses[scene.token.access_token] = REFUSED
    scene.photo("17")
    scene.serve(IN)
    assert scene.types() == ["PLAIN"]


def test_a_push_of_new_credentials_brings_the_file_at_once_and_in_its_place(scene: Scene) -> None:
    scene.lose_rights()
    scene.photo("17")
    scene.customer_writes("18", "behind the picture")
    scene.serve()
    assert scene.types() == []
    new = replace(scene.platform.token(ACME), access_token=f"{ACME}-new")
    scene.configure.push(PushedConfiguration(ACME, {"access_token": new.access_token}))
    scene.serve()
    assert scene.types() == ["IMAGE", "PLAIN"]


def test_credentials_changed_a_moment_ago_are_tried_a_moment_later(scene: Scene) -> None:
    scene.lose_rights()
    former = scene.accounts.rows[ACME]
    scene.inbound.account = lambda _: former
    scene.accounts.change(ACME, lambda now: now.rekeyed(replace(now.credentials, access_token=f"{ACME}-new")))
    scene.photo("17")
    scene.serve()
    assert scene.types() == []
    scene.inbound.account = scene.accounts.get
    scene.later(1.1)
    assert scene.types() == ["IMAGE"]


@pytest.mark.parametrize(
    "trouble",
    [
        failing(ServiceUnavailable, "twitter_unavailable"),
        failing(RateLimited, "rate_limited"),
        failing(Retryable, "twitter_error"),
    ],
)
def test_while_the_api_cannot_say_only_this_conversation_waits(scene: Scene, trouble: ConnectorError) -> None:
    scene.media_host.refuses[scene.token.access_token] = REFUSED
    scene.platform.failing["who_am_i"] = trouble
    scene.photo("17")
    scene.customer_writes("18", "from another", customer=GRACE)
    scene.serve()
    assert scene.written() == ["from another"]
    assert scene.lanes.pauses(ACME) == {}
    assert scene.watch.outcomes.count(("waits", trouble.reason)) == 1
    scene.platform.failing.clear()
    scene.later(5)
    assert REFUSED.detail in scene.written()[-1]


def test_an_api_that_says_nothing_about_the_credentials_holds_nothing_up(scene: Scene) -> None:
    account: Account = scene.accounts.rows[ACME]
    scene.platform.failing["who_am_i"] = failing(Permanent, "request_refused")
    scene.media_host.refuses[account.credentials.access_token] = REFUSED
    scene.photo("17")
    scene.serve()
    assert scene.types() == ["PLAIN"]


def test_only_a_rejection_is_an_alarm(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.lose_rights()
    scene.photo("17")
    scene.serve()
    (alarm,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert (alarm.message, alarm.__dict__["pauses"]) == ("account_paused", "outbound")
