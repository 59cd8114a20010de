"""Gauges that are read at each scrape: what waits, what is paused, what is broken."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from platform import python_version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from twitter_connector.bootstrap import Services
from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.timestamps import moment
from twitter_connector.startup import now
from twitter_connector.store.account_view import attention_of


class StatusCollector(Collector):
    """Reads the broker when collected. While it is away, only `twitter_connector_broker_up` says so."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("twitter_connector_broker_up", "Whether the broker answers: 1 or 0.")
        journal = GaugeMetricFamily(
            "twitter_connector_journal_bytes", "Size of the local journal, which is used while the broker is away."
        )
        journal.add_metric([], self._services.inbox.journal_bytes())
        build = GaugeMetricFamily(
            "twitter_connector_build_info", "The running version; always 1.", labels=["version", "python"]
        )
        build.add_metric([version("twitter-connector"), python_version()], 1)
        try:
            families = list(self._read())
        except StoreUnavailable:
            up.add_metric([], 0)
            return [up, journal, build]
        up.add_metric([], 1)
        return [up, journal, build, *families]

    def _read(self) -> Iterable[Metric]:
        svc = self._services
        accounts = {account.id: account for account in svc.accounts.all()}
        snapshot = svc.status.snapshot(accounts.keys())
        workers = GaugeMetricFamily("twitter_connector_workers", "Worker processes with a heartbeat in the last 10 s.")
        workers.add_metric([], len(snapshot.workers))
        unsafe = GaugeMetricFamily(
            "twitter_connector_broker_unsafe",
            "Whether the broker may lose data, by problem: 1 or 0.",
            labels=["problem"],
        )
        problems = {problem.name for problem in svc.broker_safety.problems()}
        for name in svc.broker_safety.names:
            unsafe.add_metric([name], int(name in problems))
        unsafe.add_metric(["lost_data"], int(svc.installation.last is not None))
        difference = GaugeMetricFamily(
            "twitter_connector_clock_difference_seconds",
            "The largest difference of a living worker's clock, or of this machine's, from the broker's.",
        )
        own = abs((now() - moment(snapshot.server_ms)).total_seconds())
        difference.add_metric([], max(own, *(abs(n) for n in snapshot.clocks.values()), 0.0))
        dead = GaugeMetricFamily(
            "twitter_connector_dead_letters", "Messages given up and not yet replayed or discarded."
        )
        dead.add_metric([], snapshot.dead_letters)
        lanes = GaugeMetricFamily(
            "twitter_connector_lanes_waiting", "Conversations that hold work.", labels=["direction", "account"]
        )
        lag = GaugeMetricFamily(
            "twitter_connector_lag_seconds",
            "How long the conversation that is longest due has waited for a worker.",
            labels=["direction", "account"],
        )
        paused = GaugeMetricFamily(
            "twitter_connector_paused_seconds",
            "How much longer an account waits, by direction and reason.",
            labels=["direction", "account", "reason"],
        )
        valid = GaugeMetricFamily(
            "twitter_connector_webhook_valid",
            "Whether the webhook was valid when X was last asked: 1 or 0.",
            labels=["account"],
        )
        attention = GaugeMetricFamily(
            "twitter_connector_account_attention",
            "Whether a person has to do something for the account: 1 or 0.",
            labels=["account"],
        )
        remaining = GaugeMetricFamily(
            "twitter_connector_twitter_remaining",
            "Calls X still allows in the present window, by endpoint, as its last answer said.",
            labels=["account", "endpoint"],
        )
        used = GaugeMetricFamily(
            "twitter_connector_usage_today",
            "What an account has used at X since 00:00 UTC, by kind.",
            labels=["account", "kind"],
        )
        chat = GaugeMetricFamily(
            "twitter_connector_x_chat_today",
            "Encrypted messages (X Chat) since 00:00 UTC, by outcome.",
            labels=["account", "outcome"],
        )
        usd = GaugeMetricFamily(
            "twitter_connector_usage_usd_today",
            "The price of what an account has used at X since 00:00 UTC, in USD.",
            labels=["account"],
        )
        for account_id, account in snapshot.accounts.items():
            usage = svc.spending.shown(accounts[account_id], account.usage)
            reached = svc.spending.attention(accounts[account_id], account.usage)
            sentence = attention_of(accounts[account_id], account, svc.installation.last, reached)
            attention.add_metric([account_id], int(bool(sentence)))
            for kind, units in usage.items():
                if isinstance(units, int):
                    used.add_metric([account_id, kind], units)
            for outcome, count in account.chat.items():
                chat.add_metric([account_id, outcome], count)
            # Prometheus knows no exact numbers.
            usd.add_metric([account_id], float(usage["usd"]))
            for direction, count in account.waiting.items():
                lanes.add_metric([direction.word, account_id], count)
            for direction, seconds in account.lag.items():
                lag.add_metric([direction.word, account_id], seconds)
            for direction, pause in account.pauses.items():
                left = (int(pause["until"]) - snapshot.now_ms) / 1000
                paused.add_metric([direction.word, account_id, pause["reason"]], max(0.0, left))
            if "webhook_valid" in account.status:
                valid.add_metric([account_id], account.status["webhook_valid"])
            for endpoint, limit in account.limits.items():
                remaining.add_metric([account_id, endpoint], limit["remaining"])
        return [workers, unsafe, difference, dead, lanes, lag, paused, valid, attention, remaining, used, usd, chat]
