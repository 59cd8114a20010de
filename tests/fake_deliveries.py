"""A whole relay on fakes: what a worker process is made of, with a clock that stands still between words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.clocked_store import Store
from tests.fake_posts import FakePosts
from tests.fakes import (
    FakeAccounts,
    FakeCim,
    FakeCredentials,
    FakeTwitter,
    FakeWatch,
)
from twitter_connector.cim.envelope import load_message
from twitter_connector.delivery.concurrency import Concurrency
from twitter_connector.delivery.consumer import Consumer
from twitter_connector.delivery.inbound import InboundRoute
from twitter_connector.delivery.intake import take_in_activities, take_in_message
from twitter_connector.delivery.lease_renewal import LeaseRenewal
from twitter_connector.delivery.limits import Endpoints
from twitter_connector.delivery.outbound import OutboundRoute
from twitter_connector.delivery.posts_inbound import PostsInbound
from twitter_connector.delivery.retry_policy import RetryPolicy
from twitter_connector.errors import ConnectorError
from twitter_connector.messages.to_cim import media_message
from twitter_connector.model.account import V1, Account, Credentials
from twitter_connector.model.chat import CHAT_FLAVOUR
from twitter_connector.model.event import Activity
from twitter_connector.model.message import CimMessage, MediaPart, StoredFile
from twitter_connector.model.plan import MediaRef, Upload
from twitter_connector.model.timestamps import first_id_at
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.twitter.account_activity import load
from twitter_connector.twitter.chat_objects import load as load_chat
from twitter_connector.twitter.v2.webhook_body import raw_events

IN, OUT = Direction.IN, Direction.OUT
ACME, OTHER = "732739706", "2975699229"
ADA, GRACE = "210375291", "1205290247124217856"
MAX_AGE = timedelta(hours=24)


def account(account_id: str = ACME, **settings: str) -> Account:
    credentials = Credentials("key", "secret", f"{account_id}-token", "token-secret")
    return Account(
        account_id,
        credentials,
        f"https://cx.example.com/webhook/twitter/{account_id}",
        {"environment": "prod", **settings},
    )


class FakeMediaTransfer:
    """Files that come and go without any bytes."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.brought_in: list[str] = []
        self.taken_out: list[str] = []
        self.public: list[bool] = []

    def bring_in(self, part: MediaPart, owner: Account | None) -> CimMessage:
        if self.failures:
            raise self.failures.pop(0)
        self.brought_in.append(part.id)
        stored = StoredFile("1_photo.jpg", "https://cx.example.com/file-engine?filename=1_photo.jpg", "image/jpeg", 5)
        return media_message(part, stored)

    def take_out(
        self,
        ref: MediaRef,
        owner: Account,
        upload: Upload,
        keep: Callable[[Upload], None],
        uploads: Any = None,
        *,
        in_public: bool = False,
    ) -> str:
        if not upload.media_id:
            upload = Upload("710511363345354753", 1, "processing")
            keep(upload)
        if self.failures:
            raise self.failures.pop(0)
        keep(replace(upload, state="ready"))
        self.taken_out.append(ref.url)
        self.public.append(in_public)
        return upload.media_id


class FakeDeliveries:
    """A relay, its neighbours, and the ways in."""

    def __init__(self) -> None:
        store = Store()
        self.clock = store.clock
        self.lanes = store.lanes
        self.ledger = store.ledger
        self.conversations = store.conversations
        self.posts = FakePosts(self.clock)
        self.dead_letters = store.dead_letters
        self.message_log = store.message_log
        self.accounts = FakeAccounts(account(ACME), account(OTHER))
        self.twitters = {i: FakeTwitter(self.clock, i) for i in (ACME, OTHER)}
        self.cim = FakeCim()
        self.media_transfer = FakeMediaTransfer()
        self.watch = FakeWatch()
        self.credentials: Any = FakeCredentials()
        self.endpoints = Endpoints(self.clock, self.lanes.endpoint_pauses)
        self.skipped: list[str] = []
        self.counted: list[tuple[str, str]] = []
        self.stopping = False
        self.may_look_up = True
        self.lease_renewal = LeaseRenewal(self.lanes, 3.0, self.clock.seconds)
        self.concurrency = Concurrency(64)
        self.inbound = InboundRoute(
            cim=self.cim,
            account=self.accounts.get,
            media_transfer=self.media_transfer,  # type: ignore[arg-type]
            conversations=self.conversations,
            ledger=self.ledger,
            record_of=SendRecord,
            clock=self.clock,
            skipped=self.skipped.append,
            posts=PostsInbound(store.comments, self.conversations),
        )
        self.outbound = OutboundRoute(
            account=self.accounts.get,
            twitter_for=lambda a: self.twitters[a.id],
            media_transfer=self.media_transfer,  # type: ignore[arg-type]
            conversations=self.conversations,
            ledger=self.ledger,
            record_of=SendRecord,
            endpoints=self.endpoints,
            clock=self.clock,
            skipped=self.skipped.append,
            comments=store.comments,
            posts_for=lambda a: self.posts,
        )

    @property
    def woken(self) -> list[str]:
        """Return what the queue woke: directions, and TYPING_INDICATOR."""
        return self.lanes.woken

    @property
    def twitter(self) -> FakeTwitter:
        return self.twitters[ACME]

    def consume(self, way: Direction = OUT, route: Any = None) -> Consumer:
        return Consumer(
            direction=way,
            lanes=self.lanes,
            route=route or (self.inbound if way is IN else self.outbound),
            lease_renewal=self.lease_renewal,
            concurrency=self.concurrency,
            clock=self.clock,
            watch=self.watch,
            max_age=MAX_AGE,
            policy=self.policy(way),
            read_event=read_event,
            stopping=lambda: self.stopping,
        )

    def policy(self, way: Direction = OUT) -> RetryPolicy:
        return RetryPolicy(way, self.clock, self.endpoints, self.credentials, lambda: 0.0)

    def serve(self, *ways: Direction) -> None:
        """Work on what is due now, in both directions unless told otherwise."""
        for way in ways or (OUT, IN):
            self.drain(self.consume(way))

    def drain(self, consumer: Consumer, seconds: float = 60) -> int:
        """Have a consumer work on what is due, as a listener does. Return how many messages were tried."""
        way = consumer.direction
        self.lanes.wakeup_received(way)
        first = None if self.stopping else self.lanes.claim(way, self.concurrency.full(way))
        return consumer.work(first, time.monotonic() + seconds)

    def later(self, seconds: float, *ways: Direction) -> None:
        self.clock.advance(seconds)
        self.serve(*ways)

    def send(
        self, message_id: str, text: str = "Hello", *, customer: str = ADA, account_id: str = ACME, **more: Any
    ) -> bool:
        """CCM sends a message for a customer."""
        body = {"type": "PLAIN", "markdownText": text, **more.pop("body", {})}
        enquiries = {"channelCustomerIdentifier": customer, "serviceIdentifier": account_id}
        message = load_message({"id": message_id, "header": {"channelData": enquiries, **more}, "body": body})
        return take_in_message(message, self.lanes)

    def event(
        self, event_id: str = "", text: str = "Hi", *, customer: str = ADA, account_id: str = ACME, own: bool = False
    ) -> dict[str, Any]:
        """Return the payload of one Direct Message, of this very moment."""
        sender, recipient = (account_id, customer) if own else (customer, account_id)
        create = {"target": {"recipient_id": recipient}, "sender_id": sender, "message_data": {"text": text}}
        event = {
            "type": "message_create",
            "id": event_id or first_id_at(self.clock.ms),
            "created_timestamp": str(self.clock.ms),
            "message_create": create,
        }
        users = {customer: {"id": customer, "name": "Ada Lovelace", "screen_name": "ada"}}
        return {"for_user_id": account_id, "direct_message_events": [event], "users": users}

    def receive(self, payload: dict[str, Any]) -> None:
        """Twitter brings events."""
        found = json.loads(json.dumps(payload))
        take_in_activities(
            raw_events(found, ACME),
            self.lanes,
            lambda family, what: self.counted.append((family, what)),
            by="webhook",
            posts=self._posts,
        )

    def _posts(self, account_id: str) -> str:
        known = self.accounts.get(account_id)
        return known.posts if known is not None else "off"

    def customer_writes(self, event_id: str, text: str, **more: Any) -> None:
        self.receive(self.event(event_id, text, **more))

    def echo(self, dm_id: str, text: str, **more: Any) -> None:
        """The account's own message comes back over the webhook."""
        self.receive(self.event(dm_id, text, own=True, **more))

    def reports(self) -> list[tuple[str, str, str]]:
        """Return (message id, status, reason code) of what CCM heard about its messages."""
        bodies = [m["body"] for m in self.cim.received if m["body"]["type"] == "DELIVERYNOTIFICATION"]
        return [(b["messageId"], b["status"], b["reasonCode"]) for b in bodies]

    def written(self) -> list[str]:
        """Return the texts CCM got from customers."""
        return [m["body"]["markdownText"] for m in self.cim.received if m["body"]["type"] == "PLAIN"]

    def dead_lettered(self) -> list[DeadLetter]:
        return list(self.dead_letters.newest())


def read_event(envelope: Mapping[str, Any], flavour: str) -> Activity:
    """Read a stored event, as twitter/flavours does."""
    if flavour == CHAT_FLAVOUR:
        return load_chat(envelope)
    assert flavour == V1
    return load(envelope)


def failing(error: type[ConnectorError], reason: str = "reason", **more: Any) -> ConnectorError:
    return error(reason, "A sentence.", **more)
