"""X's report about a replay job, which comes to the webhook like an event."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account

log = logging.getLogger(__name__)

REPORT = "replay_job_status"


def note_replay_report(svc: Services, signed_for: Account, payload: Mapping[str, Any]) -> None:
    """Store the state of the replay job that a body reports, if it reports one of ours. Raises StoreUnavailable."""
    report = payload.get(REPORT)
    if not isinstance(report, Mapping):
        return
    webhook_id, job_id, state = (str(report.get(name, "")) for name in ("webhook_id", "job_id", "job_state"))
    for account in svc.accounts.all():
        uses = account.webhook is not None and account.webhook.id == webhook_id and signed_for.shares_app(account)
        if uses and svc.replay_jobs.reported(account.id, job_id, state):
            log.info("replay_reported", extra={"account": account.id, "job": job_id, "state": state})
