"""Settings that can change while the sandbox runs, with their defaults.

Ports, folders and the connector's URL are options of the command line instead.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass
class Settings:
    """The settings. They are read at every use, so a change applies to the next request."""

    # Seconds before each retry of a v1.1 event that was not answered with 200.
    retry_delays: list[float] = field(default_factory=lambda: [3.0, 27.0, 242.0])
    # Seconds X waits for the answer to a v1.1 event.
    delivery_timeout: float = 3.0
    # Threads per webhook. One keeps the order of events; more of them may change it.
    delivery_threads: int = 1
    # Requests in a window per token, by endpoint name; replaces twitter/limits.py. null removes a limit.
    limits: dict[str, int | None] = field(default_factory=dict)
    # Length of a window of v1.1 in seconds.
    limit_window: int = 900
    # Scales every window of a limit: 0.01 makes fifteen minutes nine seconds, and a day fourteen minutes.
    window_scale: float = 1.0
    # Whether v2 limits of 15 minutes and of 24 hours are in force.
    short_limits: bool = True
    daily_limits: bool = True
    # Requests in 24 hours per user and per app, by v2 endpoint name; replaces x_v2/limits.py. null removes a limit.
    limits_24_hours: dict[str, int | None] = field(default_factory=dict)
    # Seconds an uploaded GIF or video stays in processing.
    processing_seconds: float = 1.0
    # How many of the next uploads that need processing fail, and the message.
    processing_failures: int = 0
    processing_failure_message: str = "Unsupported video format"
    # Seconds until an unused media id expires.
    media_lifetime: float = 86_400.0
    # "accepted": 202 without a body. "delivered": 200 with a DELIVERED body.
    ccm_answer: str = "accepted"
    # The file engine's MAXFILESIZE.
    max_file_bytes: int = 25 * MEBIBYTE
    # CCM's channel types: "present", "missing" (TWITTER can be created), "401", "403", "404", "409", "silence".
    ccm_channel_types: str = "present"

    # Webhooks a developer account may have, and the reason X gives for a URL that is registered already.
    webhook_limit: int = 1
    webhook_duplicate_reason: str = "DuplicateUrlFailed"
    # Whether an empty list of webhooks has `data`.
    webhook_empty_data: bool = True
    # Shape of the answer to a new activity subscription: "array", "object", "wrapped" or "empty" (204).
    subscription_answer: str = "array"
    # Status of the answer to a subscription that exists already: 400 or 409.
    subscription_duplicate_status: int = 400
    # Subscriptions an app may have (user x event type), and users it may subscribe by Account Activity v2.
    subscription_limit: int = 1500
    account_activity_limit: int = 3
    # Event types X refuses to subscribe to, and whether it takes OAuth 1.0a for private ones.
    subscription_refused_types: list[str] = field(default_factory=list)
    subscription_oauth1: bool = True
    # Whether Account Activity v2 delivers messages; one integrator saw that it did not.
    account_activity_delivers: bool = True
    # Seconds X waits for the answer to a v2 event, and before each further try. X documents no retry.
    v2_delivery_timeout: float = 10.0
    v2_retry_delays: list[float] = field(default_factory=list)
    # Share of v2 events that are delivered twice, and how many are collected (at most 0.3 s) and then shuffled.
    doubled_share: float = 0.0
    shuffle: int = 0
    # Stream: connections an app may have, seconds between keep-alive lines, and faults of an open stream.
    stream_connections: int = 2
    stream_keep_alive: float = 20.0
    stream_silent: bool = False
    stream_notices_disconnect: bool = True
    stream_backfill: bool = False
    # Replay: how old its moments must be, in minutes, how long a job takes, and the state it ends in.
    replay_from_minutes: int = 31
    replay_to_minutes: int = 10
    replay_seconds: float = 0.5
    replay_job_state: str = "Complete"
    # Lookups: whether `sender_id` is a known DM field, and which partial error comes beside the data:
    # "none", "expansion" (a user) or "event" (the newest message of the page).
    lookup_sender_id: bool = True
    lookup_partial_error: str = "none"
    # X Chat: whether an event has the change that brought its key, and the form of events: "full" or "short" (fewer
    # fields, no filter). Both are published.
    chat_key_changes_in_events: bool = True
    chat_event_form: str = "full"
    # Media v2: forms of a one-shot upload that X takes.
    one_shot_forms: list[str] = field(default_factory=lambda: ["multipart", "json"])
    # Posts: whether self-serve apps may only reply where they are summoned, for how long an equal text is a duplicate,
    # how many seconds a new post is missing in timelines, and whether accounts are told of deleted posts of customers
    # (X documents deletions of the account's own posts only).
    summoned_only: bool = True
    post_duplicate_seconds: float = 86_400.0
    timeline_lag: float = 0.0
    deletions_of_customers: bool = True
    # OAuth 2.0: lifetimes in seconds, and what a used refresh token does: "revoke" the grant, "refuse", or "repeat"
    # the answer of the first use.
    oauth2_code_seconds: float = 30.0
    oauth2_access_seconds: float = 7200.0
    oauth2_refresh_seconds: float = 15_552_000.0
    oauth2_reuse: str = "revoke"

    def change(self, values: dict[str, Any]) -> None:
        """Apply the given values. Raises ValueError for an unknown name or a value of another type."""
        for name, value in values.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"unknown setting {name!r}")
            present = getattr(self, name)
            fitting = float(value) if isinstance(present, float) and type(value) is int else value
            if type(fitting) is not type(present):
                raise ValueError(f"{name} must have the type of {present!r}")
            setattr(self, name, fitting)

    def restore(self) -> None:
        """Return to the defaults."""
        for name, value in asdict(Settings()).items():
            setattr(self, name, value)
