"""Notices that another server became the primary: what the former one stored last may be lost.

The mark of a primary is its replication id, which changes with each promotion. It is stored beside the data, so a new
primary finds its predecessor's there: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.line import Line
from twitter_connector.broker.lua import source
from twitter_connector.model.timestamps import moment

from .clock import BrokerClock
from .steady_clock import steady

log = logging.getLogger(__name__)

# Two answers of the broker may differ by less than this about the present moment.
MARGIN = timedelta(seconds=1)


@dataclass(frozen=True)
class Failover:
    """A change of the primary. What was stored after `since` may be lost; nothing was stored there after `until`."""

    since: datetime
    until: datetime


class Failovers:
    """The failovers of the last day. Looks for a new one at each new connection of the line."""

    def __init__(self, line: Line, clock: BrokerClock) -> None:
        self._clock = clock
        self._command = (
            "EVAL",
            source(__package__, "primary"),
            3,
            keys.PRIMARY,
            keys.FAILOVERS,
            keys.CLOCK,
            keys.FAILOVERS_SECONDS * 1000,
            keys.FAILOVERS_MAX,
        )
        # By `since`: `until`, and by the steady clock when this process saw the failover first.
        self._rows: dict[int, tuple[int, float]] = {}
        line.greeting = self._look

    def since(self, accepted_at: datetime) -> Failover | None:
        """Return the failovers after a moment as one; None if there was none.

        Records of an entry that was accepted then may be lost. The worker that leases an entry knows all failovers.
        """
        passed = [failover for failover in self.known() if failover.until > accepted_at]
        if not passed:
            return None
        return Failover(min(failover.since for failover in passed), max(failover.until for failover in passed))

    def known(self) -> list[Failover]:
        """Return the failovers that the last connection showed, newest first."""
        return [self._failover(since) for since in self._rows]

    def _failover(self, since: int) -> Failover:
        until, seen = self._rows[since]
        # A process that knew no time may have stored the row while the new primary's clock was wrong. But the new
        # primary took writes before this process saw it.
        latest = self._clock.last_known() - timedelta(seconds=steady() - seen) + MARGIN
        return Failover(moment(since), min(moment(until), latest))

    def _look(self, connection: Any) -> None:
        known_ms = self._clock.known_ms()
        connection.send_command(*self._command, "" if known_ms is None else known_ms)
        try:
            rows = [tuple(map(int, str(row).split())) for row in connection.read_response()]
        except redis.ResponseError:
            return  # a broker without memory; the scripts say so themselves
        former = self._rows
        self._rows = {since: (until, former.get(since, (until, steady()))[1]) for since, until in rows}
        for since in self._rows:
            if since not in former:
                failover = self._failover(since)
                log.warning("broker_failed_over", extra={"since": str(failover.since), "until": str(failover.until)})
