"""Stores which steps of an outbound message were done, the ids of their DMs, and echoes that prove a send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.line import Line
from twitter_connector.broker.replicas import Awaited
from twitter_connector.model.plan import Upload
from twitter_connector.model.usage import DM_SENT
from twitter_connector.model.work import EchoSeen, Lease, ReadUpTo, StepSent

from .change import Change, applied
from .scripts import LaneScripts, ProcessClock


@dataclass(frozen=True)
class SendRecord:
    """The record of one step. It is done if it has a `dm_id`. Otherwise it began at `started_ms` and its outcome is
    open: `looks` counts the searches for it, `sends` how often it was sent, `refusal` is the reason X gave, if it gave
    one, and `over_capacity` says that X answered the last send so. `started_at_x_ms` is the start by X's clock, if that
    differs. `body` is an encrypted message as it is posted. The other fields are about the upload of its file.
    """

    dm_id: str | None = None
    started_ms: int = 0
    looks: int = 0
    sends: int = 0
    refusal: str = ""
    media_id: str = ""
    segments: int = 0
    upload_state: str = ""
    processing_since_ms: int = 0
    over_capacity: bool = False
    measured: str = ""
    body: str = ""
    started_at_x_ms: int = 0

    @property
    def upload(self) -> Upload:
        """The state of the upload of the step's file."""
        state = self.upload_state or "uploading"
        return Upload(
            self.media_id,
            self.segments,
            state,
            processing_since_ms=self.processing_since_ms,
            measured=self.measured,
        )


# Fields that 0.1.0 does not know. It cannot read a record that has them, so they are stored beside the record.
_NEWER = ("processing_since_ms", "over_capacity", "measured", "body", "started_at_x_ms")
_BESIDE = "+"


class SendLedger:
    """The send ledger in the broker. Every method raises StoreUnavailable if the broker does not answer."""

    def __init__(self, client: redis.Redis, line: Line, process_clock: ProcessClock | None = None) -> None:
        self._client = client
        script = LaneScripts(line, process_clock=process_clock)
        self._record = script("record", awaited=Awaited.STEP)
        self._take = script("accept")

    def steps(self, account_id: str, message_id: str, known: Mapping[str, str] | None = None) -> dict[int, SendRecord]:
        """Return the records of the steps that were begun or done, by step number. known: their fields."""
        fields: Mapping[str, str]
        if known is not None:
            fields = known
        else:
            with store_errors():
                fields = self._client.hgetall(_key(account_id, message_id))  # type: ignore[assignment]
        return {int(n): _record(value, fields.get(n + _BESIDE)) for n, value in fields.items() if n.isdecimal()}

    def write(self, lease: Lease, message_id: str, number: int, step: SendRecord) -> bool:
        """Record a step and return True; False if the lease was lost or the step is done. Then nothing may be sent."""
        facts = {name: value for name, value in step.__dict__.items() if value}
        newer = {name: facts.pop(name) for name in _NEWER if name in facts}
        if newer:
            beside = json.dumps({**newer, "of": _identity(facts)})
            if not self._write(lease, message_id, f"{number}{_BESIDE}", beside):
                return False
        return self._write(lease, message_id, number, json.dumps(facts))

    def write_quote(self, lease: Lease, message_id: str, quote: str) -> bool:
        """Record the quote above a reply ("" for none) and return True; False if the lease was lost.

        Settling the message deletes the quote (QuoteForgotten).
        """
        return self._write(lease, message_id, keys.LEDGER_QUOTE, quote)

    def quote(self, account_id: str, message_id: str) -> str | None:
        """Return the quote above a reply, "" for none; None if it was not recorded yet."""
        with store_errors():
            quoted_text: str | None = self._client.hget(_key(account_id, message_id), keys.LEDGER_QUOTE)  # type: ignore[assignment]
        return quoted_text

    def write_encrypted(self, lease: Lease, message_id: str) -> bool:
        """Record that a message goes encrypted and return True; False if the lease was lost."""
        return self._write(lease, message_id, keys.LEDGER_ENCRYPTED, "1")

    def goes_encrypted(self, account_id: str, message_id: str, known: Mapping[str, str] | None = None) -> bool:
        """Return whether it was recorded that a message goes encrypted. known: as `steps` takes it."""
        if known is not None:
            return keys.LEDGER_ENCRYPTED in known
        with store_errors():
            return bool(self._client.hexists(_key(account_id, message_id), keys.LEDGER_ENCRYPTED))

    def target(self, account_id: str, message_id: str) -> str | None:
        """Return the post that a message answers, if that was recorded already."""
        with store_errors():
            post_id: str | None = self._client.hget(_key(account_id, message_id), keys.LEDGER_TARGET)  # type: ignore[assignment]
        return post_id

    def write_target(self, lease: Lease, message_id: str, post_id: str) -> bool:
        """Record the post that a message answers and return True; False if the lease was lost."""
        return self._write(lease, message_id, keys.LEDGER_TARGET, post_id)

    def done(
        self,
        account_id: str,
        customer_id: str,
        message_id: str,
        number: int,
        dm_id: str,
        kind: str = DM_SENT,
        *,
        last: bool = True,
    ) -> None:
        """Record the id of a step's message, and count it as sent. Needs no lease, because it is a fact.

        kind: of usage. last: no step of the message follows. Settling does the same, see StepSent.
        """
        sent = StepSent(account_id, customer_id, message_id, number, dm_id, kind, last)
        self._take(*applied(*sent_changes(sent)))

    def echoes(self, account_id: str, customer_id: str) -> list[EchoSeen]:
        """Return the echoes that are kept: the account's own messages to this customer that came back, newest first."""
        key = keys.ECHOES.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))
        with store_errors():
            rows: list[str] = self._client.lrange(key, 0, -1)  # type: ignore[assignment]
        echoes: list[dict[str, Any]] = [json.loads(row) for row in rows]
        return [EchoSeen(account_id, customer_id, e["id"], e["created_ms"], e["digest"]) for e in echoes]

    def last_echo(self, account_id: str) -> int:
        """Return the id of the account's own message that came back last; 0 if none is kept."""
        with store_errors():
            dm_id: str | None = self._client.get(keys.LAST_ECHO.format(account=quote(account_id, safe="")))  # type: ignore[assignment]
        return int(dm_id or 0)

    def own(self, account_id: str, customer_id: str, up_to: str = "") -> dict[str, str]:
        """Return {DM id: CIM message id} of our messages to this customer up to a DM id, oldest first."""
        limit = f"({up_to:0>20}~" if up_to else "+"
        with store_errors():
            rows: list[str] = self._client.zrangebylex(_sent(account_id, customer_id), "-", limit)  # type: ignore[assignment]
        pairs = (row.partition("|") for row in rows)
        return {dm_id.lstrip("0"): message_id for dm_id, _, message_id in pairs}

    def unfinished(self, account_id: str, customer_id: str) -> set[str]:
        """Return the CIM ids of the messages to this customer of which only a part has been sent."""
        with store_errors():
            ids: list[str] = self._client.hkeys(_unfinished(account_id, customer_id))  # type: ignore[assignment]
        return set(ids)

    def read_up_to(self, account_id: str, customer_id: str, known: str | None = None) -> tuple[int, int]:
        """Return the id of the newest message that the customer has read, and when (ms); zeros if there is none.

        known: it as stored, "" for none; None to read it.
        """
        if known is None:
            with store_errors():
                known = self._client.get(_read_up_to(account_id, customer_id))  # type: ignore[assignment]
        dm_id, _, at_ms = (known or "0 0").partition(" ")
        return int(dm_id), int(at_ms)

    def keep_scheduling(
        self, account_id: str, customer_id: str, message_id: str, scheduling: Mapping[str, Any]
    ) -> None:
        """Store the data that a message's reports carry: the READ report may follow days later.

        Data that is too large is not stored, and neither is that of too many messages for one customer.
        """
        value = json.dumps(scheduling, separators=(",", ":"))
        key = _scheduling(account_id, customer_id)
        with store_errors():
            if len(value) > keys.SCHEDULING_MAX_CHARS or self._client.hlen(key) >= keys.SENT_PER_CUSTOMER:
                return
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(key, message_id, value)
            pipe.expire(key, keys.SENT_SECONDS)
            pipe.execute()

    def scheduling(self, account_id: str, customer_id: str) -> dict[str, Mapping[str, Any]]:
        """Return {CIM message id: data for its reports} of the messages to this customer."""
        with store_errors():
            schedules: dict[str, str] = self._client.hgetall(_scheduling(account_id, customer_id))  # type: ignore[assignment]
        return {message_id: json.loads(value) for message_id, value in schedules.items()}

    def _write(self, lease: Lease, message_id: str, field: int | str, value: str) -> bool:
        answer = self._record(
            lease.direction,
            quote(lease.account_id, safe=""),
            quote(lease.lane, safe="~"),
            lease.token,
            _key(lease.account_id, message_id),
            field,
            value,
            keys.LEDGER_SECONDS * 1000,
        )
        return bool(answer == 1)


def sent_changes(sent: StepSent) -> list[Change]:
    """Return the changes that record a step as sent."""
    key, usage = _key(sent.account_id, sent.message_id), _usage(sent.account_id)
    changes = [
        Change("hset", key, str(sent.number), json.dumps({"dm_id": sent.x_id}), keys.LEDGER_SECONDS * 1000),
        Change("count", usage, sent.kind, lifetime_ms=keys.USAGE_SECONDS * 1000),
    ]
    if sent.x_id.isdecimal():  # X names no place for it otherwise, so that nothing can be read or quoted by it
        place = f"{sent.x_id:0>20}|{sent.message_id}"
        own = _sent(sent.account_id, sent.customer_id)
        changes.append(Change("zadd", own, place, 0, keys.SENT_SECONDS * 1000, keys.SENT_PER_CUSTOMER))
    unfinished = _unfinished(sent.account_id, sent.customer_id)
    if not sent.last:
        changes.append(Change("hset", unfinished, sent.message_id, 1, keys.SENT_SECONDS * 1000))
    elif sent.number:
        changes.append(Change("hdel", unfinished, sent.message_id))
    return changes


def read_change(read: ReadUpTo) -> Change:
    """Return the change that stores how far a customer has read."""
    key = _read_up_to(read.account_id, read.customer_id)
    return Change("set", key, value=f"{read.dm_id} {read.at_ms}", lifetime_ms=keys.SENT_SECONDS * 1000)


def _record(value: str, beside: str | None) -> SendRecord:
    facts: dict[str, Any] = json.loads(value)
    newer: dict[str, Any] = json.loads(beside) if beside else {}
    if newer.get("of") == _identity(facts):
        facts |= {name: newer[name] for name in _NEWER if name in newer}
    return SendRecord(**facts)


def _identity(facts: Mapping[str, Any]) -> list[Any]:
    """Return what identifies the upload and the send of a record. Newer fields of an earlier send do not count."""
    return [facts.get("media_id", ""), facts.get("started_ms", 0)]


def _key(account_id: str, message_id: str) -> str:
    return keys.LEDGER.format(account=quote(account_id, safe=""), id=quote(message_id, safe=""))


def _sent(account_id: str, customer_id: str) -> str:
    return keys.SENT.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))


def _scheduling(account_id: str, customer_id: str) -> str:
    return keys.SCHEDULING.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))


def _unfinished(account_id: str, customer_id: str) -> str:
    return keys.UNFINISHED.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))


def _read_up_to(account_id: str, customer_id: str) -> str:
    return keys.READ_UP_TO.format(account=quote(account_id, safe=""), customer=quote(customer_id, safe=""))


def _usage(account_id: str) -> str:
    return keys.USAGE.format(account=quote(account_id, safe=""), day="").removesuffix(":")
