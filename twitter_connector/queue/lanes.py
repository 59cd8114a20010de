"""One ordered lane for each conversation and direction: accept, claim, settle, postpone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.broker.line import Line
from twitter_connector.broker.replicas import Awaited
from twitter_connector.errors import LeaseLost
from twitter_connector.model.timestamps import epoch_ms, moment
from twitter_connector.model.work import (
    TYPING_INDICATOR,
    DeadLetter,
    Direction,
    Effect,
    Entry,
    Lease,
    StepSent,
    TypingIndicator,
)

from .clock import BrokerClock, Measurement
from .effects import arguments
from .endpoint_pauses import EndpointPauses
from .scripts import LaneScripts
from .steady_clock import steady
from .timings import QueueTimings
from .wakeups import Wakeups

# Iterating over an Enum is slow, and every acknowledgement needs this.
_BOTH = tuple(Direction)


class Lanes:
    """The lanes in Redis. A method that makes work due wakes a worker itself. Every method raises StoreUnavailable if
    Redis does not answer."""

    def __init__(
        self,
        client: redis.Redis,
        line: Line,
        wakeups: Wakeups,
        timings: QueueTimings = QueueTimings(),  # noqa: B008 - frozen
        clock: Callable[[], int] | None = None,
        process_clock: BrokerClock | None = None,
    ) -> None:
        """clock: epoch ms, in place of the server's clock (tests). process_clock: corrects steps of it, and measures
        the ages of messages."""
        self.timings = timings
        self.endpoint_pauses = EndpointPauses(client)
        self._client = client
        self._line = line
        self._wakeups = wakeups
        script = LaneScripts(line, timings.wakeup, clock, process_clock)
        self._accept = script("accept", awaited=Awaited.ACCEPTANCE)
        self._revive = script("revive", keys.DEAD_LETTER, keys.DEAD, awaited=Awaited.ACCEPTANCE)
        self._accept_at_once = script("accept")
        self._wait_for_replicas = script("moment", awaited=Awaited.ACCEPTANCE)
        self._claim = script("claim", awaited=Awaited.STEP)
        self._settle = script("settle", awaited=Awaited.STEP)
        self._postpone = script("postpone")
        self._renew = script("renew")
        self._unreached = script("unreached")
        self._typing = script("typing_indicators", keys.TYPING_INDICATORS)
        self._pause = script("pause")
        self._resume = script("resume", awaited=Awaited.ACCEPTANCE)
        self._end_waits = script("end_waits", awaited=Awaited.ACCEPTANCE)
        self._try_now = script("try_now", awaited=Awaited.ACCEPTANCE)
        self._wake_if_due = script("wake_if_due")
        self._sweep = script("sweep")
        self._moment = script("moment")
        self._process_clock = process_clock

    def accept(self, items: Sequence[Effect]) -> list[bool]:
        """Store the new items in one atomic step. Return for each item whether it was new."""
        return self._stored(self._accept, items)

    def accept_at_once(self, items: Sequence[Effect]) -> list[bool]:
        """Store the new items as `accept` does, without waiting for replicas. See wait_for_replicas."""
        return self._stored(self._accept_at_once, items)

    def wait_for_replicas(self) -> None:
        """Wait until the replicas have what this thread stored on its connection, for half a second at most."""
        self._wait_for_replicas()

    @contextmanager
    def one_connection(self) -> Iterator[None]:
        """Use one connection for all calls of this thread in the block. They raise StoreUnavailable once it is lost."""
        with store_errors(), self._line.one_connection():
            yield

    def _stored(self, accept: Callable[..., Any], items: Sequence[Effect]) -> list[bool]:
        new, directions = accept(*arguments(items, self.timings))
        self._wake(directions)
        if any(fresh and isinstance(item, TypingIndicator) for fresh, item in zip(new, items, strict=True)):
            self._wakeups.wake(TYPING_INDICATOR)
        return [bool(n) for n in new]

    def revive(self, letter_id: str, entry: Entry) -> bool:
        """Move a dead letter back into its lane, in one atomic step. Return whether it was on the list."""
        revived, directions = self._revive(letter_id, *arguments([entry], self.timings))
        self._wake(directions)
        return bool(revived)

    def claim(self, direction: Direction, excluded: Collection[str] = (), *, stay_awake: bool = False) -> Lease | None:
        """Lease the next due lane of the accounts that are not excluded. Return its head; None if nothing is due.

        stay_awake: the caller goes on to `wait_for_notice`, now or after further claims, and no task has to wake it.
        """
        since = time.monotonic()
        awake = self.timings.awake if stay_awake else 0
        answer = self._claim(direction, self.timings.lease, awake, _nonce(), *(quote(a, safe="") for a in excluded))
        return self._leased(direction, answer, since) if answer else None

    def wait_for_notice(self, direction: Direction, seconds: float) -> None:
        """Return when work becomes due, or after so many seconds. Raises StoreUnavailable, also at `end_waits`."""
        with store_errors():
            self._line.wait(keys.NOTICE.format(direction=direction), seconds)

    def notice(self, direction: Direction) -> None:
        """Have the worker that waits for a notice of this direction claim again."""
        with store_errors():
            self._client.lpush(keys.NOTICE.format(direction=direction), "")

    def end_waits_for_notice(self) -> None:
        """End `wait_for_notice` in all threads of this process. Safe in a signal handler."""
        self._line.end_waits()

    def sleep(self, direction: Direction) -> None:
        """Note that this process waits for no notice any more: from now on a task has to wake a worker."""
        with store_errors():
            self._client.delete(keys.AWAKE.format(direction=direction))
        self.wake_if_due(direction)

    def settle(
        self,
        lease: Lease,
        follow_ups: Sequence[Effect] = (),
        *,
        keep: bool = True,
        answered: bool = True,
        excluded: Collection[str] | None = None,
    ) -> Lease | None:
        """Remove the head from its lane and store its follow-ups, in one atomic step.

        answered: the other side answered, so it can be reached. keep: lease the next head of the lane and return it.
        excluded: lease the next due lane if this one was given back or is empty, unless it belongs to one of these
        accounts; None: lease no other lane. Return None otherwise. Raises LeaseLost if another worker has the lane by
        now, and records only what was sent.
        """
        since = time.monotonic()
        answer = self._settle(
            *_named(lease),
            lease.member,
            self.timings.lease,
            int(keep),
            int(answered),
            int(excluded is not None),
            _nonce(),
            len(excluded or ()),
            *(quote(a, safe="") for a in excluded or ()),
            *arguments(follow_ups, self.timings),
        )
        if answer == -1:
            if sent := [effect for effect in follow_ups if isinstance(effect, StepSent)]:
                self.accept_at_once(sent)
            if any(self._is_kept(effect) for effect in follow_ups if isinstance(effect, DeadLetter)):
                # This is the repetition of a request whose answer was lost.
                return None
            raise LeaseLost
        directions, following = answer
        self._wake(directions)
        return self._leased(lease.direction, following, since) if following else None

    def _is_kept(self, letter: DeadLetter) -> bool:
        with store_errors():
            return bool(self._client.hexists(keys.DEAD_LETTER, letter.id))

    def postpone(self, lease: Lease, delay_ms: int, *, spend: bool, follow_ups: Sequence[Effect] = ()) -> bool:
        """Release the lane until the delay is over and store the follow-ups, in one atomic step.

        spend: count a try. Return False and do nothing if another worker has the lane by now.
        """
        answer = self._postpone(
            *_named(lease), lease.member, delay_ms, int(spend), *arguments(follow_ups, self.timings)
        )
        if answer == -1:
            return False
        self._wake(answer)
        return True

    def renew(self, lease: Lease) -> bool:
        """Extend the lease to its full length from now. Return False if another worker has the lane by now."""
        return bool(self._renew(*_named(lease), self.timings.lease) == 1)

    def unreached(self, direction: Direction, account_id: str) -> int:
        """Count a failure to reach the other side. Return the ms until one message probes it; 0 while all may try."""
        t = self.timings
        account = quote(account_id, safe="")
        return int(self._unreached(direction, account, t.strikes, t.first_probe, t.longest_probe, t.strikes_remembered))

    def pause(self, direction: Direction, account_id: str, until_ms: int, reason: str, detail: str) -> None:
        """Pause the account in one direction until a moment (epoch ms)."""
        self._pause(direction, quote(account_id, safe=""), until_ms, epoch_ms(self._present()), reason, detail)

    def resume(self, direction: Direction, account_id: str) -> None:
        """End the pause of an account in one direction."""
        self._wake(self._resume(direction, quote(account_id, safe="")))

    def end_waits(self, account_id: str) -> None:
        """End what a person ends by acting: the pauses of endpoints, and the waits of inbound lanes.

        Leased lanes keep their lease. Outbound lanes wait on: some of them wait for the outcome of a send, and those
        that wait for a person look again within a minute.
        """
        self.endpoint_pauses.end(account_id)
        self._wake(self._end_waits(Direction.IN, quote(account_id, safe="")))

    def try_now(self, direction: Direction, account_id: str, lane: str, due_at: datetime) -> bool:
        """End the wait of one lane. due_at: when the caller saw it due. Return False and do nothing if a worker has
        taken the lane since then. A pause of its account goes on."""
        names = (direction, quote(account_id, safe=""), quote(lane, safe="~"))
        done, directions = self._try_now(*names, epoch_ms(due_at))
        self._wake(directions)
        return bool(done)

    def pauses(self, account_id: str) -> dict[Direction, dict[str, str]]:
        """Return the pauses of the account by direction: until and since (epoch ms), reason, detail."""
        pauses: dict[Direction, dict[str, str]] = {}
        now_ms = int(self._moment()[0])
        with store_errors():
            for direction in Direction:
                key = keys.GATE.format(direction=direction, account=quote(account_id, safe=""))
                gate: dict[str, str] = self._client.hgetall(key)  # type: ignore[assignment]
                # The server removes a pause some time after its end.
                if gate and int(gate["until"]) > now_ms:
                    pauses[direction] = gate
        return pauses

    def typing_indicators(self) -> list[str]:
        """Remove all typing indicators and return the payloads of those that are still of use, oldest first."""
        return [str(payload) for payload in self._typing(self.timings.typing)]

    def wake_if_due(self, direction: Direction, *, another: bool = False) -> bool:
        """Wake a worker if a lane is due and no wake-up is pending. Return whether one was sent.

        another: also if a worker is awake.
        """
        due = bool(self._wake_if_due(direction, int(another)))
        if due:
            self._wakeups.wake(direction)
        return due

    def sweep(self) -> tuple[list[Direction], float | None]:
        """Wake a worker for each direction that has due work and no pending wake-up. Return these directions, and the
        seconds until more work may be due: 0 for now, None for never."""
        asked = steady()
        *due, next_ms, now_ms, server_ms, steps = self._sweep()
        if self._process_clock is not None:
            self._process_clock.answered(Measurement(int(now_ms), int(server_ms), int(steps), asked, steady()))
        self._wake(due)
        woken = [direction for direction, wake in zip(_BOTH, due, strict=True) if wake]
        return woken, None if next_ms < 0 else next_ms / 1000

    def wakeup_received(self, direction: Direction) -> None:
        """Record that a worker received the wake-up. From now on a new one may be sent."""
        with store_errors():
            self._client.delete(keys.WAKEUP.format(direction=direction))

    def waiting(self, account_id: str) -> dict[Direction, int]:
        """Return the number of lanes with work of the account, by direction."""
        account = quote(account_id, safe="")
        with store_errors():
            counts: list[int] = [self._client.zcard(keys.DUE.format(direction=d, account=account)) for d in Direction]
        return dict(zip(Direction, counts, strict=True))

    def overdue_seconds(self, direction: Direction) -> float:
        """Return the seconds for which due work has been waiting for any worker; 0 if there is none."""
        now = int(self._moment()[0])
        with store_errors():
            key = keys.TURN.format(direction=direction)
            first: list[tuple[str, float]] = self._client.zrange(key, 0, 0, withscores=True)  # type: ignore[assignment]
        return max(0.0, (now - first[0][1]) / 1000) if first else 0.0

    def _present(self) -> datetime:
        return moment(int(self._moment()[0])) if self._process_clock is None else self._process_clock.last_known()

    def _leased(self, direction: Direction, row: list[Any], since: float) -> Lease:
        account, lane, token, member, stored, claims, tries, more, now_ms, *read_with_it = row
        question, ledger, road, chat_keys, read_up_to = read_with_it
        lost = not isinstance(stored, str)
        if self._process_clock is not None:
            now_ms = self._process_clock.checked(int(now_ms))
        # The scripts store an entry and its message together. A broker that evicts keys can lose one of them.
        accepted_ms, _, payload = (str(now_ms), "", "") if lost else stored.partition(" ")
        return Lease(
            direction=direction,
            account_id=unquote(account),
            lane=unquote(lane),
            token=str(token),
            member=member,
            payload=payload,
            # An entry that was accepted after a step that nobody had noticed is not from the future.
            accepted_at=self._present() - timedelta(milliseconds=max(int(now_ms) - int(accepted_ms), 0)),
            claims=int(claims),
            tries=int(tries),
            more=bool(more),
            since=since,
            lost=lost,
            question=question,
            ledger=None if ledger is None else dict(zip(ledger[::2], ledger[1::2], strict=True)),
            road=road,
            chat_keys=None if chat_keys is None else bool(chat_keys),
            read_up_to=read_up_to,
        )

    def _wake(self, directions: Sequence[int]) -> None:
        for direction, due in zip(_BOTH, directions, strict=True):
            if due:
                self._wakeups.wake(direction)


def _nonce() -> str:
    """Return a text that makes a lease's token unique: after a failover, the broker may count the same number again."""
    return secrets.token_hex(8)


def _named(lease: Lease) -> tuple[str, str, str, str]:
    return lease.direction, quote(lease.account_id, safe=""), quote(lease.lane, safe="~"), lease.token
