"""What a worker process is made of: the drains, and the sweeper thread that keeps leases, bells and pulse going."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import timedelta

from twitter_connector import metrics
from twitter_connector.accounts.events_arrive import events_arrive
from twitter_connector.bootstrap import Services, build_services, now, spool_directory
from twitter_connector.config import Settings
from twitter_connector.delivery.concurrency import Concurrency
from twitter_connector.delivery.consumer import Consumer
from twitter_connector.delivery.inbound import InboundRoute
from twitter_connector.delivery.lease_renewal import LeaseRenewal
from twitter_connector.delivery.outbound import OutboundRoute
from twitter_connector.delivery.retry_policy import RetryPolicy
from twitter_connector.delivery.typing import TypingDelivery
from twitter_connector.errors import StoreUnavailable
from twitter_connector.media.spool import sweep
from twitter_connector.model.account import Account
from twitter_connector.model.work import Direction, Lease
from twitter_connector.queue.send_ledger import SendRecord
from twitter_connector.store.accounts import REFRESH_PAUSE_SECONDS

log = logging.getLogger(__name__)

# How long a lost bell, a finished wait or an expired lease can go unnoticed.
SWEEP_SECONDS = 0.25
PULSE_SECONDS = 2.0
# A drain gives its thread back after this long; what is still due rings again.
DRAIN_SECONDS = 5.0
# Work that nobody has looked at for this long, while bells were rung, is served without a bell.
SILENT_SECONDS = 5.0


class Runtime:
    """One worker process."""

    def __init__(self, settings: Settings, name: str, queues: Callable[[], Collection[str]] = tuple) -> None:
        self.services: Services = build_services(settings, patient=True)
        self.name = name
        self._queues = queues
        self._stopping = threading.Event()
        self._served_at = dict.fromkeys(Direction, time.monotonic())
        svc = self.services
        self._lease_renewal = LeaseRenewal(svc.lanes, every=svc.lanes.timings.lease / 1000 / 3)
        concurrency = Concurrency(settings.worker_concurrency)

        def consume(direction: Direction, route: InboundRoute | OutboundRoute, max_age: timedelta) -> Consumer:
            return Consumer(
                direction=direction,
                lanes=svc.lanes,
                route=route,
                lease_renewal=self._lease_renewal,
                concurrency=concurrency,
                clock=now,
                watch=metrics.Outcomes(),
                max_age=max_age,
                policy=RetryPolicy(
                    direction,
                    now,
                    svc.endpoints,
                    svc.credentials,
                    note_wait=svc.accounts.note_wait,
                    waited_until=svc.accounts.waited_until,
                ),
                read_event=svc.twitter.load,
                stopping=self._stopping.is_set,
            )

        inbound = InboundRoute(
            cim=svc.cim,
            account=self._account,
            media_transfer=svc.media_transfer,
            conversations=svc.conversations,
            ledger=svc.ledger,
            record_of=SendRecord,
            clock=now,
            lease_is_valid=self._lease_is_valid,
            skipped=_skipped(Direction.IN),
        )
        outbound = OutboundRoute(
            account=self._account,
            twitter_for=svc.twitter.messages,
            media_transfer=svc.media_transfer,
            conversations=svc.conversations,
            ledger=svc.ledger,
            record_of=SendRecord,
            clock=now,
            skipped=_skipped(Direction.OUT),
            public_base=settings.link_base,
            endpoints=svc.endpoints,
            send_only_account=svc.send_only_account,
            echoes_arrive=lambda account: events_arrive(account, svc.accounts.account_status(account.id), now()),
            can=svc.twitter.can,
        )
        self._consumers = {
            Direction.IN: consume(Direction.IN, inbound, settings.inbound_max_age),
            Direction.OUT: consume(Direction.OUT, outbound, settings.outbound_max_age),
        }
        self._typing = TypingDelivery(
            svc.lanes, inbound, outbound, svc.twitter.load, lambda what: metrics.TYPING_INDICATORS.labels(what).inc()
        )

    def deliver_typing(self) -> None:
        """Pass on signs of typing; a broker that is away loses them, and nothing else."""
        try:
            self._typing.pass_on()
        except StoreUnavailable as error:
            log.warning("typing_stopped", extra={"reason": error.reason})

    def consume(self, direction: Direction) -> None:
        """Serve the lanes that are due. A broker that is away ends it; the lanes hold the truth."""
        self._served_at[direction] = time.monotonic()
        try:
            self._consumers[direction].serve(DRAIN_SECONDS)
        except StoreUnavailable as error:
            log.warning("consumer_stopped", extra={"direction": direction.word, "reason": error.reason})

    def start(self) -> None:
        left = sweep(spool_directory(self.services.settings))
        if left:
            log.info("spool_swept", extra={"files": left})
        threading.Thread(target=self._sweep, name="sweeper", daemon=True).start()
        log.info("worker_ready", extra={"worker": self.name})

    def stop(self) -> None:
        self._stopping.set()

    def leave(self) -> None:
        """Say goodbye, so that readiness does not count a worker that has ended in good order."""
        self.stop()
        try:
            self.services.heartbeats.forget(self.name)
        except StoreUnavailable:
            log.info("heartbeat_not_removed", extra={"worker": self.name})

    def _sweep(self) -> None:
        silent = PULSE_SECONDS
        while not self._stopping.wait(SWEEP_SECONDS):
            silent += SWEEP_SECONDS
            try:
                self._lease_renewal.renew_due()
                for direction in Direction:
                    if self.services.lanes.wake_if_due(direction):
                        self._stand_in_if_needed(direction)
                if silent >= PULSE_SECONDS:
                    self.services.heartbeats.beat(self.name, self._queues())
                    silent = 0.0
            except StoreUnavailable as error:
                log.warning("sweep_failed", extra={"reason": error.reason})
                self._stopping.wait(1.0)
            except Exception as error:
                log.error("internal_error", exc_info=error)
                self._stopping.wait(1.0)
        # Until the last drain has ended its message, its lease must hold.
        while threading.main_thread().is_alive():
            self._lease_renewal.renew_due()
            threading.Event().wait(1.0)

    def _stand_in_if_needed(self, direction: Direction) -> None:
        """Serve a direction without a task, where bells are rung and Celery brings none: its consumer has been seen
        to stay silent after the broker was lost, though connected."""
        if time.monotonic() - self._served_at[direction] < SILENT_SECONDS:
            return
        if self.services.lanes.overdue_seconds(direction) < SILENT_SECONDS:
            return
        log.error("wakeups_missing", extra={"direction": direction.word})
        self._served_at[direction] = time.monotonic()
        threading.Thread(target=self.consume, args=(direction,), name="stand-in", daemon=True).start()

    def _lease_is_valid(self, lease: Lease) -> bool:
        # Half a lease after it was asked for, it holds for certain; after that the broker knows.
        young = time.monotonic() - lease.since < self.services.lanes.timings.lease / 2000
        return young or self.services.lanes.renew(lease)

    def _account(self, account_id: str) -> Account | None:
        # What was changed or unregistered in another process counts here a second later, what was registered at once.
        accounts = self.services.accounts
        return accounts.get(account_id, max_age=REFRESH_PAUSE_SECONDS) or accounts.get(account_id, max_age=0)


def _skipped(direction: Direction) -> Callable[[str], None]:
    return lambda reason: metrics.SKIPPED.labels(direction.word, reason).inc()
