"""What is counted, by web and worker processes together. Labels come from fixed sets and registered accounts only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache

from twitter_connector.config import share_metrics_directory

share_metrics_directory()

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest  # noqa: E402

from twitter_connector import counter_files  # noqa: E402

counter_files.use()

from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402
from prometheus_client.registry import Collector  # noqa: E402

from twitter_connector.model.work import Direction, Lease  # noqa: E402

EVENTS = Counter(
    "twitter_connector_events_total",
    "Activities received from X, by family and what became of them (accepted, duplicate, ignored).",
    ["family", "outcome"],
)
NATIVE_REPLIES = Counter(
    "twitter_connector_native_replies_total",
    "Messages the brand wrote in another client (the X app); CIM does not see them.",
)
REFUSED = Counter("twitter_connector_refused_total", "Requests that were not let in, by cause.", ["cause"])
CIM_ACCEPTED = Counter(
    "twitter_connector_cim_messages_total",
    "Messages received from CCM, by outcome (accepted, duplicate, refused).",
    ["outcome"],
)
ACKNOWLEDGED = Histogram(
    "twitter_connector_acknowledge_seconds",
    "Time from reading an event to having it stored.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
DELIVERED = Counter("twitter_connector_delivered_total", "Messages that left their lane delivered.", ["direction"])
DELIVERY = Histogram(
    "twitter_connector_delivery_seconds",
    "Time one delivery took, waiting in the lane not included.",
    ["direction"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120),
)
END_TO_END = Histogram(
    "twitter_connector_end_to_end_seconds",
    "Time from an event's moment at X to CCM's answer, and from CCM's message to the Direct Message.",
    ["direction"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400),
)
FAILURES = Counter(
    "twitter_connector_failures_total",
    "Deliveries that failed, by reason and what was decided (waits, paused, dropped).",
    ["direction", "reason", "outcome"],
)
DEAD_LETTERED = Counter(
    "twitter_connector_dead_lettered_total", "Messages given up into the dead letters.", ["direction", "reason"]
)
SKIPPED = Counter(
    "twitter_connector_skipped_total", "Messages that need nothing done, by reason.", ["direction", "reason"]
)

DROPPED = Counter(
    "twitter_connector_dead_letters_dropped_total",
    "Dead letters forgotten because there were too many or too old ones.",
)
NOT_REPLICATED = Counter(
    "twitter_connector_acceptances_not_replicated_total",
    "Acceptances that were answered although fewer than BROKER_REPLICAS replicas had them within half a second.",
)
TYPING_INDICATORS = Counter(
    "twitter_connector_typing_total", "Typing indicators, by outcome (passed_on, or a reason).", ["outcome"]
)


# Event families that X documents. All others are counted as one, so that a body cannot create metric series.
_FAMILIES = frozenset(
    {
        "direct_message_events",
        "direct_message_indicate_typing_events",
        "direct_message_mark_read_events",
        "tweet_create_events",
        "tweet_delete_events",
        "favorite_events",
        "follow_events",
        "block_events",
        "chat.received",
        "mute_events",
        "revoke",
        "user_event",
        "replay_job_status",
    }
)


@cache
def _counter(family: str, outcome: str) -> Counter:
    return EVENTS.labels(family, outcome)


def count_event(family: str, outcome: str) -> None:
    """Count an event that X sent. A family that X does not document counts as `unknown`."""
    _counter(family if family in _FAMILIES else "unknown", outcome).inc()


def count_skipped(direction: Direction) -> Callable[[str], None]:
    """Return a function that counts a message that needs nothing done, given the reason."""
    return lambda reason: SKIPPED.labels(direction.word, reason).inc()


def count_typing(outcome: str) -> None:
    """Count a typing indicator: "passed_on", or the reason why not."""
    TYPING_INDICATORS.labels(outcome).inc()


class Outcomes:
    """Counts what the consumers of a direction report (delivery/consumer.py, Watch)."""

    def __init__(self, direction: Direction) -> None:
        self._delivered = DELIVERED.labels(direction.word)
        self._delivery = DELIVERY.labels(direction.word)
        self._end_to_end = END_TO_END.labels(direction.word)

    def delivered(self, lease: Lease, seconds: float) -> None:
        self._delivered.inc()
        self._delivery.observe(seconds)

    def message_delivered(self, lease: Lease, seconds: float) -> None:
        self._end_to_end.observe(seconds)

    def failed(self, lease: Lease, reason: str, outcome: str) -> None:
        FAILURES.labels(lease.direction.word, reason, outcome).inc()

    def dead_lettered(self, lease: Lease, reason: str) -> None:
        DEAD_LETTERED.labels(lease.direction.word, reason).inc()


def exposition(status: Collector) -> bytes:
    """Return what all processes of this installation have counted so far, and how things stand at this moment, in
    Prometheus' text format."""
    registry = CollectorRegistry()
    with suppress(ValueError):  # the directory could not be created, so nothing is shared
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(status)
    return generate_latest(registry)
