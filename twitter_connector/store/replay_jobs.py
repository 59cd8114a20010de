"""The replay job of each account, until it has ended. X reports the end to the webhook."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

import redis

from twitter_connector.broker import keys
from twitter_connector.broker.connection import store_errors
from twitter_connector.model.replay import COMPLETE, INCOMPLETE, ReplayJob
from twitter_connector.model.timestamps import epoch_ms, moment


class ReplayJobs:
    """Raises StoreUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def of(self, account_id: str) -> ReplayJob | None:
        """Return the account's job; None if none is under way."""
        with store_errors():
            row: str | None = self._client.get(_key(account_id))  # type: ignore[assignment]
        if row is None:
            return None
        job_id, since, until, started, tries, state = json.loads(row)
        return ReplayJob(job_id, moment(since), moment(until), moment(started), tries, state)

    def keep(self, account_id: str, job: ReplayJob) -> None:
        """Store the account's job."""
        moments = [epoch_ms(at) for at in (job.since, job.until, job.started)]
        with store_errors():
            row = json.dumps([job.id, *moments, job.tries, job.state])
            self._client.set(_key(account_id), row, ex=keys.REPLAY_SECONDS)

    def forget(self, account_id: str) -> None:
        """Delete the account's job."""
        with store_errors():
            self._client.delete(_key(account_id))

    def reported(self, account_id: str, job_id: str, state: str) -> bool:
        """Store what X reported about a job. Return False if it is not the account's job."""
        job = self.of(account_id)
        if job is None or job.id != job_id:
            return False
        self.keep(account_id, replace(job, state=COMPLETE if state == COMPLETE else INCOMPLETE))
        return True


def _key(account_id: str) -> str:
    return keys.REPLAY.format(account=quote(account_id, safe=""))
