"""Has X replay the events of a long gap with many messages, and follows the job to its end.

A replay cannot close a gap that is younger than half an hour, and a look-up lists a page of messages for each of 15
calls. So look-ups read short gaps and what a replay leaves.

https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import V2, Account
from twitter_connector.model.replay import ReplayJob

log = logging.getLogger(__name__)

# The start of a replay must be this old, and its end not much younger.
YOUNGEST, END = timedelta(minutes=31), timedelta(minutes=11)
# X replays the last 24 hours. The margin is for the time until it takes the job.
OLDEST = timedelta(hours=24) - timedelta(minutes=5)
# A gap with more messages is replayed: they are more than a page of X's list.
PAGE = 100
# How long X's report is waited for, and how often a job is asked for.
PATIENCE = timedelta(minutes=15)
TRIES = 3


class ReplayJobsPort(Protocol):
    """See store/replay_jobs.py."""

    def of(self, account_id: str) -> ReplayJob | None: ...
    def keep(self, account_id: str, job: ReplayJob) -> None: ...
    def forget(self, account_id: str) -> None: ...


@dataclass(frozen=True)
class Replays:
    """start_at_x: has X replay a span of time to the account's webhook, and returns the job's id."""

    jobs: ReplayJobsPort
    start_at_x: Callable[[Account, datetime, datetime], str]
    clock: Callable[[], datetime]

    def begin(self, account: Account, since: datetime) -> bool:
        """Start a job for a gap. Return False if X cannot replay it. Raises StoreUnavailable."""
        now = self.clock()
        webhook_works = account.needs_webhook and account.webhook is not None and account.webhook.valid
        if account.flavour != V2 or not webhook_works or now - since < YOUNGEST:
            return False
        job = ReplayJob("", _minute(max(since, now - OLDEST)), _minute(now - END), now)
        return self._started(account, job)

    def goes_on(self, account: Account) -> bool:
        """Return whether the account's job is under way, after starting one again that X did not complete.

        Raises StoreUnavailable.
        """
        job = self.jobs.of(account.id)
        if job is None or job.complete or self.clock() - job.started >= PATIENCE:
            return False
        if not job.state:
            return True
        return job.tries < TRIES and self._started(account, replace(job, tries=job.tries + 1, state=""))

    def ended(self, account: Account) -> ReplayJob | None:
        """Forget the account's job and return it; None if it had none. Raises StoreUnavailable."""
        job = self.jobs.of(account.id)
        if job is None:
            return None
        self.jobs.forget(account.id)
        facts = {"account": account.id, "job": job.id, "state": job.state or "no report", "tries": job.tries}
        log.log(logging.INFO if job.complete else logging.WARNING, "replay_ended", extra=facts)
        return job

    def _started(self, account: Account, job: ReplayJob) -> bool:
        try:
            job_id = self.start_at_x(account, job.since, job.until)
        except StoreUnavailable:
            raise
        except ConnectorError as error:
            facts = {"account": account.id, "reason": error.reason, "detail": error.detail}
            log.warning("replay_not_started", extra=facts)
            return False
        self.jobs.keep(account.id, replace(job, id=job_id, started=self.clock()))
        log.info("replay_started", extra={"account": account.id, "job": job_id, "since": job.since.isoformat()})
        return True


def _minute(at: datetime) -> datetime:
    """Return the beginning of the minute: X takes whole ones."""
    return at.replace(second=0, microsecond=0)
