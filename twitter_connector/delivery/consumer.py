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
    HoldLost,
    Permanent,
    RateLimited,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.logs import bound
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, Held, Item
from .lease_renewal import Keeper

from .concurrency import Slots
from .open_ended_limits import Untold
from .ports import LanesPort
from .retry_policy import Bury, Pause, Wait, decide, too_old

log = logging.getLogger(__name__)

# A slice of one lane, then the others have their turn: a chatty conversation starves nobody.
SLICE = 10
# A message handed out this often without any outcome has taken its worker down each time.
CLAIMS_MAX = 5
# Given up without the other side having said anything, so it may be as unreachable as before.
UNASKED = frozenset({"too_old", "worker_died", "internal_error"})


class Route(Protocol):
    """One direction's use case."""

    def deliver(self, held: Held) -> Sequence[Item]:
        """Deliver the head of the lane; return what is to be taken in along with settling it."""

    def given_up(self, held: Held, error: ConnectorError) -> Sequence[Item]:
        """Return what is to be taken in when the head is buried: outbound, the report that it FAILED."""

    def message_id(self, held: Held) -> str:
        """Return the CIM id the head has or would have, for dead letters."""

    def replayable(self, held: Held) -> str:
        """Return the payload with which a buried head can be sent again. Raises StoreUnavailable."""


class Watch(Protocol):
    """What is told about outcomes, for metrics."""

    def delivered(self, held: Held, seconds: float) -> None: ...
    def failed(self, held: Held, reason: str, outcome: str) -> None: ...
    def buried(self, held: Held, reason: str) -> None: ...


@dataclass
class Drain:
    """Serves the due lanes of one direction. Any number may run at once, anywhere; running one twice, late or
    never loses nothing."""

    direction: Direction
    lanes: LanesPort
    route: Route
    keeper: Keeper
    slots: Slots
    clock: Callable[[], datetime]
    ring: Callable[[str], None]
    watch: Watch
    max_age: timedelta
    stopping: Callable[[], bool] = lambda: False
    chance: Callable[[], float] = random.random
    untold: Untold = field(default_factory=Untold)

    def serve(self, budget_seconds: float) -> int:
        """Work until nothing is due or the time is used up. Return how many messages were tried."""
        done = 0
        with self.slots.drain(self.direction) as free:
            # Only then look: whatever becomes due from here on may ring anew, so nothing is missed.
            self.lanes.answer_bell(self.direction)
            if not free:
                self.lanes.hush(self.direction)
                return 0
            end = time.monotonic() + budget_seconds
            while not self.stopping():
                full = self.slots.full(self.direction)
                held = self.lanes.claim(self.direction, full)
                if held is None:
                    if full:
                        self.lanes.hush(self.direction)
                    return done
                if held.more:
                    self.ring_if_silent()
                with self.slots.holding(self.direction, held.account_id), self.keeper.keeping(held):
                    done += self._work(held, end)
                if time.monotonic() >= end:
                    # The rest is somebody's: a fresh drain's, or the sweeper's at the latest.
                    self.ring_if_silent()
                    return done
        return done

    def ring_if_silent(self) -> bool:
        """Wake another drain, unless a bell is pending already or nothing is due. Return whether it rang."""
        silent = self.lanes.knock(self.direction)
        if silent:
            self.ring(self.direction)
        return silent

    def _work(self, first: Held, end: float) -> int:
        held: Held | None = first
        done = 0
        while held is not None:
            done += 1
            keep = done < SLICE and time.monotonic() < end and not self.stopping()
            with bound(direction=held.direction.word, account=held.account_id, entry=held.entry_id):
                held = self._one(held, keep)
        return done

    def _one(self, held: Held, keep: bool) -> Held | None:
        """Bring the head to an outcome. Return the lane's next head while the lane stays ours."""
        started = time.monotonic()
        try:
            refusal = self._refusal(held)
            if refusal is not None:
                raise refusal
            follow_ups = self.route.deliver(held)
        except StoreUnavailable:
            # Nothing can be written down now. The lease runs out and the message is handed out again.
            raise
        except HoldLost:
            log.warning("hold_lost", extra={"claims": held.claims})
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the lane must go on
            return self._failed(held, error, keep)
        # Outside the try: a broker error after a success must not be booked as a failed delivery.
        self.watch.delivered(held, time.monotonic() - started)
        self.untold.over(held.account_id)
        return self._settled(held, follow_ups, keep)

    def _refusal(self, held: Held) -> Permanent | None:
        if held.claims > CLAIMS_MAX:
            return Permanent(
                "worker_died",
                f"The message was handed to a worker {held.claims - 1} times and the worker died each time. "
                "This is a fault of the connector: report it, and replay the dead letter once it is mended.",
                ours=True,
            )
        return too_old(held.accepted_at, self.clock(), self.max_age)

    def _failed(self, held: Held, error: Exception, keep: bool) -> Held | None:
        now = self.clock()
        if isinstance(error, RateLimited) and error.until is None:
            error.until = self.untold.until(held.account_id, now)
        decision = decide(error, tries=held.tries, now=now, chance=self.chance())
        reason = error.reason if isinstance(error, ConnectorError) else "internal_error"
        detail = error.detail if isinstance(error, ConnectorError) else ""
        facts = {"reason": reason, "tries": held.tries + 1, "claims": held.claims}
        if not isinstance(error, ConnectorError):
            log.error("internal_error", exc_info=error, extra=facts)
        if isinstance(decision, Pause):
            rejected = isinstance(error, CredentialsRejected)
            # What Twitter refuses an account stops its sending. A message to CIM that needs it too, for its picture,
            # waits in its own lane: the other conversations, and reports, still reach CIM.
            paused = Direction.OUT if rejected else self.direction
            self.lanes.pause(paused, held.account_id, epoch_ms(decision.until), reason, detail)
            wait = timedelta() if paused is self.direction else decision.until - now
            self.lanes.postpone(held, int(wait / timedelta(milliseconds=1)), spend=False)
            facts |= {"pauses": paused.word, "until": decision.until.isoformat(), "detail": detail}
            log.log(logging.ERROR if rejected else logging.WARNING, "account_paused", extra=facts)
            self.watch.failed(held, reason, "paused")
            return None
        if isinstance(decision, Wait):
            if isinstance(error, ServiceUnavailable) and self.lanes.unreached(self.direction, held.account_id):
                # From here on the account's probes set the pace; the lane must not add a wait of its own.
                decision = replace(decision, delay=timedelta())
            self.lanes.postpone(held, int(decision.delay / timedelta(milliseconds=1)), spend=decision.spend)
            log.warning("waiting", extra={**facts, "seconds": decision.delay.total_seconds(), "detail": detail})
            self.watch.failed(held, reason, "waits")
            return None
        return self._buried(held, decision, now, keep)

    def _buried(self, held: Held, decision: Bury, now: datetime, keep: bool) -> Held | None:
        error = decision.error
        message_id, payload, reports = held.entry_id, held.payload, list[Item]()
        try:
            message_id = self.route.message_id(held)
            reports += self.route.given_up(held, error)
            payload = self.route.replayable(held)
        except StoreUnavailable:
            raise  # nothing can be settled now either; it is handed out again
        except Exception as fault:  # what fails even at being given up must not hold its lane for ever
            log.error("internal_error", exc_info=fault, extra={"reason": error.reason, "tries": held.tries + 1})
        letter = DeadLetter(
            # The same message buried twice, by a holder that was cut off in between, is one dead letter.
            id=str(uuid5(NAMESPACE_URL, f"{held.direction}:{held.account_id}:{held.lane}:{held.entry_id}")),
            direction=held.direction,
            account_id=held.account_id,
            customer_id=held.customer_id,
            lane=held.lane,
            message_id=message_id,
            entry_id=held.entry_id,
            reason=error.reason,
            detail=error.detail,
            tries=held.tries + 1,
            accepted_at=held.accepted_at,
            failed_at=now,
            payload=payload,
        )
        level = logging.ERROR if error.ours else logging.WARNING
        facts = {"reason": error.reason, "detail": error.detail, "message_id": message_id, "dead_letter": letter.id}
        log.log(level, "buried", extra={**facts, "code": error.code, "status": error.status, "tries": held.tries + 1})
        self.watch.buried(held, error.reason)
        return self._settled(held, [letter, *reports], keep, answered=error.reason not in UNASKED)

    def _settled(self, held: Held, items: Sequence[Item], keep: bool, answered: bool = True) -> Held | None:
        following, bells = self.lanes.settle(held, items, keep=keep, answered=answered)
        for direction in bells:
            self.ring(direction)
        return following
