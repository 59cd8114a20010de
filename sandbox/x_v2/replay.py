"""Replay jobs: deliver messages and posts of a time span to a webhook again, then report the state of the job."""

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from sandbox.settings import Settings
from sandbox.snowflake import created_ms
from sandbox.twitter.mailbox import Mailbox
from sandbox.twitter.post_store import PostStore
from sandbox.x_v2.activity import V2Activity
from sandbox.x_v2.problems import refused
from sandbox.x_v2.times import iso, minute
from sandbox.x_v2.webhooks import V2Webhook

if TYPE_CHECKING:
    from sandbox.twitter.post_activity import PostActivity

_DAY_SECONDS = 86_400.0


class Replays:
    """Runs one job at a time for each webhook."""

    def __init__(
        self,
        settings: Settings,
        mailbox: Mailbox,
        activity: V2Activity,
        post_store: PostStore,
        post_activity: "PostActivity",
    ) -> None:
        self._settings = settings
        self._mailbox = mailbox
        self._activity = activity
        self._post_store = post_store
        self._post_activity = post_activity
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def clear(self) -> None:
        """Forget which jobs run."""
        with self._lock:
            self._running.clear()

    def start(self, webhook: V2Webhook, from_date: str, to_date: str) -> dict[str, str]:
        """Start a job. Moments are `yyyymmddhhmm` in UTC, both included. Raises Problem 400."""
        try:
            first, last = minute(from_date), minute(to_date)
        except ValueError:
            raise refused("QueryParamInvalid", "Dates must have the form yyyymmddhhmm.") from None
        age_first, age_last = (time.time() - moment for moment in (first, last))
        minutes = self._settings.replay_from_minutes, self._settings.replay_to_minutes
        if first > last or not minutes[0] * 60 <= age_first <= _DAY_SECONDS or age_last < minutes[1] * 60 - 60:
            raise refused("QueryParamInvalid", "The time span is not within the last 24 hours, or it is too recent.")
        if not webhook.valid:
            raise refused("CrcValidationFailed", "The webhook is not valid.")
        with self._lock:
            if webhook.id in self._running:
                raise refused("ReplayConflictError", "A replay job is already in progress.", 409)
            self._running.add(webhook.id)
        job_id = str(int.from_bytes(secrets.token_bytes(7), "big"))
        threading.Thread(target=self._run, args=(webhook, first, last + 60, job_id), daemon=True).start()
        return {"job_id": job_id, "created_at": iso(time.time())}

    def _run(self, webhook: V2Webhook, first: float, until: float, job_id: str) -> None:
        threading.Event().wait(self._settings.replay_seconds)
        for dm in self._mailbox.all():
            if first <= created_ms(dm.id) / 1000 < until:
                for user_id in (dm.sender_id, dm.recipient_id):
                    for event in self._activity.again(dm, user_id, webhook, job_id):
                        self._activity.submit(event)
        for post in self._post_store.all():
            if first <= post.created < until:
                self._post_activity.again(post, webhook)
        state = self._settings.replay_job_state
        words = "Job completed successfully" if state == "Complete" else "Job failed to deliver all events"
        status: dict[str, Any] = {
            "webhook_id": webhook.id,
            "job_state": state,
            "job_state_description": words,
            "job_id": job_id,
        }
        with self._lock:
            self._running.discard(webhook.id)
        self._activity.post(webhook, {"replay_job_status": status})
