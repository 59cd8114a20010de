"""The loop: hold a lane, take its head, deliver, settle or postpone or bury. The one place that acts on errors."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    LeaseLost,
    Permanent,
    RateLimited,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.logs import bound
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, Effect, Lease

from .concurrency import Concurrency
from .lease_renewal import LeaseRenewal
from .open_ended_limits import OpenEndedLimits
from .ports import LanesPort
from .retry_policy import GiveUp, Pause, Wait, decide, too_old

log = logging.getLogger(__name__)

# A slice of one lane, then the others have their turn: a chatty conversation starves nobody.
SLICE = 10
# A message handed out this often without any outcome has taken its worker down each time.
CLAIMS_MAX = 5
# Given up without the other side having said anything, so it may be as unreachable as before.
UNASKED = frozenset({"too_old", "worker_died", "internal_error"})


class Route(Protocol):
    """One direction's use case."""

    def deliver(self, lease: Lease) -> Sequence[Effect]:
        """Deliver the head of the lane; return what is to be taken in along with settling it."""

    def given_up(self, lease: Lease, error: ConnectorError) -> Sequence[Effect]:
        """Return what is to be taken in when the head is buried: outbound, the report that it FAILED."""

    def message_id(self, lease: Lease) -> str:
        """Return the CIM id the head has or would have, for dead letters."""

    def replayable(self, lease: Lease) -> str:
        """Return the payload with which a buried head can be sent again. Raises StoreUnavailable."""


class Watch(Protocol):
    """What is told about outcomes, for metrics."""

    def delivered(self, lease: Lease, seconds: float) -> None: ...
    def failed(self, lease: Lease, reason: str, outcome: str) -> None: ...
    def dead_lettered(self, lease: Lease, reason: str) -> None: ...


@dataclass
class Consumer:
    """Serves the due lanes of one direction. Any number may run at once, anywhere; running one twice, late or
    never loses nothing."""

    direction: Direction
    lanes: LanesPort
    route: Route
    lease_renewal: LeaseRenewal
    concurrency: Concurrency
    clock: Callable[[], datetime]
    watch: Watch
    max_age: timedelta
    stopping: Callable[[], bool] = lambda: False
    chance: Callable[[], float] = random.random
    open_ended_limits: OpenEndedLimits = field(default_factory=OpenEndedLimits)

    def serve(self, budget_seconds: float) -> int:
        """Work until nothing is due or the time is used up. Return how many messages were tried."""
        done = 0
        with self.concurrency.consume(self.direction) as free:
            # Only then look: whatever becomes due from here on may ring anew, so nothing is missed.
            self.lanes.wakeup_received(self.direction)
            if not free:
                self.lanes.suppress_wakeups(self.direction)
                return 0
            end = time.monotonic() + budget_seconds
            while not self.stopping():
                full = self.concurrency.full(self.direction)
                lease = self.lanes.claim(self.direction, full)
                if lease is None:
                    if full:
                        self.lanes.suppress_wakeups(self.direction)
                    return done
                if lease.more:
                    self.lanes.wake_if_due(self.direction)
                with self.concurrency.holding(self.direction, lease.account_id), self.lease_renewal.renewing(lease):
                    done += self._work(lease, end)
                if time.monotonic() >= end:
                    # The rest is somebody's: a fresh drain's, or the sweeper's at the latest.
                    self.lanes.wake_if_due(self.direction)
                    return done
        return done

    def _work(self, first: Lease, end: float) -> int:
        lease: Lease | None = first
        done = 0
        while lease is not None:
            done += 1
            keep = done < SLICE and time.monotonic() < end and not self.stopping()
            with bound(direction=lease.direction.word, account=lease.account_id, entry=lease.entry_id):
                lease = self._one(lease, keep)
        return done

    def _one(self, lease: Lease, keep: bool) -> Lease | None:
        """Bring the head to an outcome. Return the lane's next head while the lane stays ours."""
        started = time.monotonic()
        try:
            refusal = self._refusal(lease)
            if refusal is not None:
                raise refusal
            follow_ups = self.route.deliver(lease)
        except StoreUnavailable:
            # Nothing can be written down now. The lease runs out and the message is handed out again.
            raise
        except LeaseLost:
            log.warning("lease_lost", extra={"claims": lease.claims})
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on
            return self._failed(lease, error, keep)
        # Outside the try: a broker error after a success must not be booked as a failed delivery.
        self.watch.delivered(lease, time.monotonic() - started)
        self.open_ended_limits.over(lease.account_id)
        return self.lanes.settle(lease, follow_ups, keep=keep)

    def _refusal(self, lease: Lease) -> Permanent | None:
        if lease.claims > CLAIMS_MAX:
            return Permanent(
                "worker_died",
                f"The message was handed to a worker {lease.claims - 1} times and the worker died each time. "
                "This is a fault of the connector: report it, and replay the dead letter once it is mended.",
                ours=True,
            )
        return too_old(lease.accepted_at, self.clock(), self.max_age)

    def _failed(self, lease: Lease, error: Exception, keep: bool) -> Lease | None:
        now = self.clock()
        if isinstance(error, RateLimited) and error.until is None:
            error.until = self.open_ended_limits.until(lease.account_id, now)
        decision = decide(error, tries=lease.tries, now=now, chance=self.chance())
        reason = error.reason if isinstance(error, ConnectorError) else "internal_error"
        detail = error.detail if isinstance(error, ConnectorError) else ""
        facts = {"reason": reason, "tries": lease.tries + 1, "claims": lease.claims}
        if not isinstance(error, ConnectorError):
            log.error("internal_error", exc_info=error, extra=facts)
        if isinstance(decision, Pause):
            rejected = isinstance(error, CredentialsRejected)
            # What Twitter refuses an account stops its sending. A message to CIM that needs it too, for its picture,
            # waits in its own lane: the other conversations, and reports, still reach CIM.
            paused = Direction.OUT if rejected else self.direction
            self.lanes.pause(paused, lease.account_id, epoch_ms(decision.until), reason, detail)
            wait = timedelta() if paused is self.direction else decision.until - now
            self.lanes.postpone(lease, int(wait / timedelta(milliseconds=1)), spend=False)
            facts |= {"pauses": paused.word, "until": decision.until.isoformat(), "detail": detail}
            log.log(logging.ERROR if rejected else logging.WARNING, "account_paused", extra=facts)
            self.watch.failed(lease, reason, "paused")
            return None
        if isinstance(decision, Wait):
            if isinstance(error, ServiceUnavailable) and self.lanes.unreached(self.direction, lease.account_id):
                # From here on the account's probes set the pace; the lane must not add a wait of its own.
                decision = replace(decision, delay=timedelta())
            self.lanes.postpone(lease, int(decision.delay / timedelta(milliseconds=1)), spend=decision.spend)
            log.warning(
                "delivery_postponed", extra={**facts, "seconds": decision.delay.total_seconds(), "detail": detail}
            )
            self.watch.failed(lease, reason, "waits")
            return None
        return self._dead_letter(lease, decision, now, keep)

    def _dead_letter(self, lease: Lease, decision: GiveUp, now: datetime, keep: bool) -> Lease | None:
        error = decision.error
        message_id, payload, reports = lease.entry_id, lease.payload, list[Effect]()
        try:
            message_id = self.route.message_id(lease)
            reports += self.route.given_up(lease, error)
            payload = self.route.replayable(lease)
        except StoreUnavailable:
            raise  # nothing can be settled now either; it is handed out again
        except Exception as fault:  # what fails even at being given up must not hold its lane for ever
            log.error("internal_error", exc_info=fault, extra={"reason": error.reason, "tries": lease.tries + 1})
        letter = DeadLetter(
            # The same message buried twice, by a holder that was cut off in between, is one dead letter.
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
        level = logging.ERROR if error.ours else logging.WARNING
        facts = {"reason": error.reason, "detail": error.detail, "message_id": message_id, "dead_letter": letter.id}
        log.log(
            level,
            "dead_lettered",
            extra={**facts, "code": error.code, "status": error.status, "tries": lease.tries + 1},
        )
        self.watch.dead_lettered(lease, error.reason)
        return self.lanes.settle(lease, [letter, *reports], keep=keep, answered=error.reason not in UNASKED)
