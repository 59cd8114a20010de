"""The loop: deliver the head of a leased lane, then settle it, postpone it or make it a dead letter.

The one place that acts on errors; `retry_policy` decides what to do about each.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from twitter_connector.errors import ConnectorError, CredentialsRejected, LeaseLost, Permanent, StoreUnavailable
from twitter_connector.logs import bound
from twitter_connector.model.account import Account
from twitter_connector.model.message_log import DEAD_LETTERED, TRIED, LogLine
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import (
    DeadLetter,
    Direction,
    Effect,
    Lease,
    Work,
)

from .concurrency import Concurrency
from .intake import ReadEvent, decode
from .lease_renewal import LeaseRenewal
from .ports import LanesPort
from .retry_policy import GiveUp, Pause, RetryPolicy, Wait

log = logging.getLogger(__name__)

# So many messages of one lane, then the other lanes have their turn.
SLICE = 10
# A message that was handed out this often without any outcome has killed its worker each time.
CLAIMS_MAX = 5
# Reasons to give up a message without asking the other side, which may be as unreachable as before.
UNASKED = frozenset({"too_old", "worker_died", "internal_error", "lane_damaged"})


@dataclass
class Attempt:
    """One try at delivering the head of a lane.

    last: of this lane, for now. end: when this thread's time is used up, in monotonic seconds.
    account: whose credentials the route used; None until it used any. begun_at: the event's moment at X, or when CCM's
    message was accepted; None if no message was delivered (a report, a read mark). kind: the CIM type; "" until it is
    known. sent: X's ids of the Direct Messages that this try and earlier ones sent; sent_before: how many earlier ones
    sent. failure: the reason why this try failed; "" if it did not.
    """

    lease: Lease
    read_event: ReadEvent
    last: bool = True
    end: float = 0.0
    account: Account | None = None
    begun_at: datetime | None = None
    kind: str = ""
    sent: list[str] = field(default_factory=list)
    sent_before: int = 0
    failure: str = ""

    @cached_property
    def work(self) -> Work:
        """The entry, decoded once. Raises what payload.decode raises."""
        return decode(self.lease.payload, self.lease.direction, self.read_event)

    @property
    def decoded(self) -> Work | None:
        """The entry if it has been decoded, None if it was not or could not be. Raises nothing."""
        work: Work | None = self.__dict__.get("work")
        return work


class Route(Protocol):
    """One direction's use case."""

    def deliver(self, attempt: Attempt) -> Sequence[Effect]:
        """Deliver the head of the lane; return the effects that settling it has."""

    def is_signal(self, attempt: Attempt) -> bool:
        """Return whether the head is a read mark or the like, which is dropped if it fails."""

    def given_up(self, attempt: Attempt, error: ConnectorError) -> Sequence[Effect]:
        """Return the effects of giving up the head: outbound, the report that it FAILED."""

    def message_id(self, attempt: Attempt) -> str:
        """Return the CIM id that the head has or would have, for dead letters."""

    def replayable(self, attempt: Attempt) -> str:
        """Return the payload with which a dead letter can be sent again. Raises StoreUnavailable."""


class SpansPort(Protocol):
    """Traces, see tracing/spans.py."""

    def delivery(self, attempt: Attempt, message_id: Callable[[Attempt], str]) -> AbstractContextManager[None]: ...
    def carried(self, effects: Sequence[Effect]) -> Sequence[Effect]: ...
    def typing(self, payload: str) -> AbstractContextManager[None]: ...


class Watch(Protocol):
    """Hears of outcomes, for metrics."""

    def delivered(self, lease: Lease, seconds: float) -> None: ...
    def message_delivered(self, lease: Lease, seconds: float) -> None:
        """seconds: from the event's moment at X to CCM's answer, or from CCM's message to the Direct Message."""

    def failed(self, lease: Lease, reason: str, outcome: str) -> None: ...
    def dead_lettered(self, lease: Lease, reason: str) -> None: ...


@dataclass
class Consumer:
    """Serves the due lanes of one direction. Any number may run at the same time, in any process."""

    direction: Direction
    lanes: LanesPort
    route: Route
    lease_renewal: LeaseRenewal
    concurrency: Concurrency
    clock: Callable[[], datetime]
    watch: Watch
    max_age: timedelta
    policy: RetryPolicy
    read_event: ReadEvent
    stopping: Callable[[], bool] = lambda: False
    spans: SpansPort | None = None
    # What this process was at when the broker went away, the oldest first.
    _interrupted: deque[Lease] = field(default_factory=deque, init=False, repr=False)

    def work(self, first: Lease | None, end: float) -> int:
        """Deliver a lane's messages, then those of the next due lanes, until nothing is due or the time is used up.

        end: in monotonic seconds. Return how many messages were tried.
        """
        lease, done = first, 0
        while lease is not None:
            with self.concurrency.leased(self.direction, lease.account_id), self.lease_renewal.renewing(lease):
                tried, lease = self._lane(lease, end)
            done += tried
        if time.monotonic() >= end:
            # Another consumer serves the rest, at the latest the one that the sweeper wakes.
            self.lanes.wake_if_due(self.direction)
        return done

    def _lane(self, first: Lease, end: float) -> tuple[int, Lease | None]:
        """Deliver some messages of a lane. Return how many were tried, and the head of another lane, if one is due."""
        lease: Lease | None = first
        done = 0
        while lease is not None and lease.token == first.token:
            done += 1
            attempt = Attempt(lease, self.read_event, last=done == SLICE, end=end)
            try:
                with bound(**_names_of(lease)), self._span(attempt):
                    lease = self._one(attempt)
            except StoreUnavailable:
                self._interrupted.append(attempt.lease)
                raise
        return done, lease

    def give_back_interrupted(self) -> None:
        """Give back the lanes that an outage of the broker interrupted. They wait for no lease, and the outage does not
        count as a worker that died. Raises StoreUnavailable."""
        while self._interrupted:
            self.lanes.postpone(self._interrupted[0], 0, spend=False)
            self._interrupted.popleft()

    def _span(self, attempt: Attempt) -> AbstractContextManager[None]:
        return nullcontext() if self.spans is None else self.spans.delivery(attempt, self.route.message_id)

    def _goes_on(self, attempt: Attempt) -> bool:
        return time.monotonic() < attempt.end and not self.stopping()

    def _next(self, attempt: Attempt) -> Lease | None:
        """Lease another lane than the one that was given back, if there is time."""
        if not self._goes_on(attempt):
            return None
        return self.lanes.claim(self.direction, self.concurrency.full(self.direction, attempt.lease.account_id))

    def _one(self, attempt: Attempt) -> Lease | None:
        """Bring the head to an outcome. Return the next head: of this lane, or of another one that is due."""
        try:
            return self._outcome(attempt)
        except LeaseLost:
            log.warning("lease_lost", extra={"claims": attempt.lease.claims})
            return self._next(attempt)

    def _outcome(self, attempt: Attempt) -> Lease | None:
        """Do what `_one` does. Raises LeaseLost, and then says of no outcome that it was stored."""
        started, lease = time.monotonic(), attempt.lease
        try:
            refusal = self._refusal(lease)
            if refusal is not None:
                raise refusal
            _ = attempt.work
            follow_ups = self.route.deliver(attempt)
        except (StoreUnavailable, LeaseLost):
            # Nothing can be stored now, or by this worker. The message is handed out again.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on
            return self._failed(attempt, error)
        # Outside the try: a broker error after a success must not count as a failed delivery.
        self.watch.delivered(lease, time.monotonic() - started)
        if attempt.begun_at is not None:
            # The two clocks may differ.
            self.watch.message_delivered(lease, max(0.0, (self.clock() - attempt.begun_at).total_seconds()))
        self.policy.succeeded(lease)
        return self._settle(attempt, follow_ups)

    def _refusal(self, lease: Lease) -> Permanent | None:
        if lease.lost:
            return Permanent(
                "lane_damaged",
                f"Redis has lost the message of entry {lease.entry_id}, so it cannot be sent. Check that the "
                "maxmemory-policy is noeviction, and that Redis was not restored from an older backup.",
                ours=True,
            )
        if lease.claims > CLAIMS_MAX:
            return Permanent(
                "worker_died",
                f"The message was handed to a worker {lease.claims - 1} times and the worker died each time. "
                "This is a fault of the connector: report it, and replay the dead letter once it is fixed.",
                ours=True,
            )
        return self.policy.too_old(lease, self.max_age)

    def _failed(self, attempt: Attempt, error: Exception) -> Lease | None:
        lease = attempt.lease
        decision = self.policy.decide(error, lease, attempt.account)
        reason = error.reason if isinstance(error, ConnectorError) else "internal_error"
        attempt.failure = reason
        detail = error.detail if isinstance(error, ConnectorError) else ""
        facts = {"reason": reason, "tries": lease.tries + 1, "claims": lease.claims}
        if not isinstance(error, ConnectorError):
            log.error("internal_error", exc_info=error, extra=facts)
        match decision:
            case Pause():
                self._pause(attempt, decision)
            case Wait():
                delay = decision.delay
                if decision.unreached and self.lanes.unreached(self.direction, lease.account_id):
                    # The account's probes set the pace now; the lane must not add a wait of its own.
                    delay = timedelta()
                self._postpone(attempt, delay, reason, spend=decision.spend)
                log.warning("delivery_postponed", extra={**facts, "seconds": delay.total_seconds(), "detail": detail})
                self.watch.failed(lease, reason, "waits")
            case GiveUp() if self.route.is_signal(attempt):
                following = self._settled(attempt, decision.error, ())
                log.warning("signal_not_delivered", extra={**facts, "detail": decision.error.detail})
                self.watch.failed(lease, decision.error.reason, "dropped")
                return following
            case GiveUp():
                return self._dead_letter(attempt, decision.error)
        return self._next(attempt)

    def _postpone(self, attempt: Attempt, delay: timedelta, reason: str, *, spend: bool) -> None:
        """Release the lane until the delay is over. Raises LeaseLost."""
        follow_ups = self._tried(attempt, reason)
        if not self.lanes.postpone(attempt.lease, _ms(delay), spend=spend, follow_ups=follow_ups):
            raise LeaseLost

    def _tried(self, attempt: Attempt, reason: str) -> Sequence[Effect]:
        """Return the line of a failed try for the message log. The first one notes the CIM id that the message has."""
        line = log_line(attempt, TRIED, reason)
        line = replace(line, x_ids=tuple(attempt.sent[attempt.sent_before :]))
        if attempt.lease.direction is Direction.OUT or attempt.lease.tries:
            return [line]
        return [replace(line, kind=attempt.kind, cim_ids=(self.route.message_id(attempt),))]

    def _pause(self, attempt: Attempt, decision: Pause) -> None:
        error, lease = decision.error, attempt.lease
        self.lanes.pause(decision.direction, lease.account_id, epoch_ms(decision.until), error.reason, error.detail)
        facts = {"reason": error.reason, "tries": lease.tries + 1, "claims": lease.claims, "detail": error.detail}
        facts |= {"pauses": decision.direction.word, "until": decision.until.isoformat()}
        level = logging.ERROR if isinstance(error, CredentialsRejected) else logging.WARNING
        log.log(level, "account_paused", extra=facts)
        self.watch.failed(lease, error.reason, "paused")
        # A message of the other direction waits in its own lane; the account's pause does not cover it.
        wait = timedelta() if decision.direction is self.direction else decision.until - self.clock()
        self._postpone(attempt, wait, error.reason, spend=False)

    def _dead_letter(self, attempt: Attempt, error: ConnectorError) -> Lease | None:
        lease, now = attempt.lease, self.clock()
        message_id, payload, reports = lease.entry_id, lease.payload, list[Effect]()
        try:
            message_id = self.route.message_id(attempt)
            reports += self.route.given_up(attempt, error)
            payload = self.route.replayable(attempt)
        except (StoreUnavailable, LeaseLost):
            raise  # nothing can be settled now either: the message is handed out again
        except Exception as fault:  # the lane must go on
            log.error("internal_error", exc_info=fault, extra={"reason": error.reason, "tries": lease.tries + 1})
        letter = DeadLetter(
            # A message that becomes a dead letter twice, because its worker was cut off in between, is one dead letter.
            id=str(uuid5(NAMESPACE_URL, f"{lease.direction}:{lease.account_id}:{lease.lane}:{lease.entry_id}")),
            direction=lease.direction,
            account_id=lease.account_id,
            customer_id=lease.customer_id,
            lane=lease.lane,
            message_id=message_id,
            entry_id=lease.entry_id,
            reason=error.reason,
            detail=error.detail,
            tries=lease.tries + 1,
            accepted_at=lease.accepted_at,
            failed_at=now,
            payload=payload,
        )
        cim_ids = () if lease.direction is Direction.OUT else (message_id,)
        line = log_line(attempt, DEAD_LETTERED, error.reason)
        line = replace(line, kind=attempt.kind, cim_ids=cim_ids, dead_letter_id=letter.id)
        following = self._settled(attempt, error, [letter, *reports, line])
        level = logging.ERROR if error.ours else logging.WARNING
        facts = {"reason": error.reason, "detail": error.detail, "message_id": message_id, "dead_letter": letter.id}
        log.log(
            level,
            "dead_lettered",
            extra={**facts, "code": error.code, "status": error.status, "tries": lease.tries + 1},
        )
        self.watch.dead_lettered(lease, error.reason)
        return following

    def _settled(self, attempt: Attempt, error: ConnectorError, effects: Sequence[Effect]) -> Lease | None:
        return self._settle(attempt, effects, answered=error.reason not in UNASKED)

    def _settle(self, attempt: Attempt, effects: Sequence[Effect], *, answered: bool = True) -> Lease | None:
        lease = attempt.lease
        if self.spans is not None:
            effects = self.spans.carried(effects)
        if not self._goes_on(attempt):
            return self.lanes.settle(lease, effects, keep=False, answered=answered)
        # In the same step the next lane is leased, where this one is done for now.
        excluded = self.concurrency.full(self.direction, lease.account_id)
        return self.lanes.settle(lease, effects, keep=not attempt.last, answered=answered, excluded=excluded)


def log_line(attempt: Attempt, event: str, reason: str = "") -> LogLine:
    """Return a line of the message log about this try, with what is known of the message."""
    lease = attempt.lease
    return LogLine(
        lease.direction,
        lease.account_id,
        lease.entry_id,
        event,
        lease.tries + 1,
        reason,
        x_ids=tuple(attempt.sent),
    )


def _names_of(lease: Lease) -> dict[str, str]:
    return {
        "direction": lease.direction.word,
        "account": lease.account_id,
        "customer": lease.customer_id,
        "entry": lease.entry_id,
    }


def _ms(wait: timedelta) -> int:
    return int(wait / timedelta(milliseconds=1))
