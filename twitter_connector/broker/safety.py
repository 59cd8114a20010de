"""Checks whether the broker may lose what it stored: its version, eviction policy and append-only file."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import redis

from twitter_connector.errors import Permanent

from .connection import store_errors
from .refusals import CLUSTER

log = logging.getLogger(__name__)

OLDEST_VERSION = (6, 2)
NO_EVICTION = "noeviction"


@dataclass(frozen=True)
class BrokerProblem:
    """One reason why the broker may lose data.

    name: one of BrokerSafety.names. detail: thing, reason and next step. fatal: the service must not run with it.
    """

    name: str
    detail: str
    fatal: bool


class BrokerSafety:
    """Reads the broker's version and settings. allow_eviction: an evicting policy is no fatal problem."""

    names = ("version", "cluster", "eviction", "append_only_off")

    def __init__(self, client: redis.Redis, *, allow_eviction: bool) -> None:
        self._client = client
        self._allow_eviction = allow_eviction
        self._logged: set[str] = set()

    def problems(self) -> list[BrokerProblem]:
        """Return what is wrong, in one round trip. Raises StoreUnavailable.

        A broker that refuses INFO to this user has no problem that can be known.
        """
        with store_errors():
            try:
                with self._client.pipeline(transaction=False) as pipe:
                    for section in ("server", "memory", "persistence"):
                        pipe.info(section)
                    server, memory, persistence = pipe.execute()
            except redis.ResponseError as error:
                # The client greets with HELLO, which Redis knows since 6.0: https://redis.io/docs/latest/commands/hello/
                return [_too_old("older than Redis 6")] if "HELLO" in str(error) else []
        problems = [
            _version(str(server.get("redis_version", ""))),
            _cluster(server.get("redis_mode") or server.get("server_mode")),  # Redis, Valkey
            _eviction(str(memory.get("maxmemory_policy", NO_EVICTION)), self._allow_eviction),
            _append_only(str(persistence.get("aof_enabled", 1))),
        ]
        return [problem for problem in problems if problem is not None]

    def require(self) -> None:
        """Return if no problem is fatal. Raises Permanent(broker_unsafe) for the first one that is, and
        StoreUnavailable."""
        for problem in self.problems():
            if problem.fatal:
                raise Permanent("broker_unsafe", problem.detail, ours=True)

    def log_changes(self) -> None:
        """Log each problem once when it appears, and once when it is gone. Raises StoreUnavailable."""
        problems = {problem.name: problem for problem in self.problems()}
        for name in sorted(problems.keys() - self._logged):
            level = logging.ERROR if problems[name].fatal else logging.WARNING
            log.log(level, "broker_unsafe", extra={"problem": name, "detail": problems[name].detail})
        for name in sorted(self._logged - problems.keys()):
            log.info("broker_safe_again", extra={"problem": name})
        self._logged = set(problems)


def _version(version: str) -> BrokerProblem | None:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST_VERSION:
        return None
    return _too_old(f"Redis {version}")


def _too_old(server: str) -> BrokerProblem:
    return BrokerProblem("version", f"The broker is {server}. Redis 6.2 or newer is needed.", fatal=True)


def _cluster(mode: str | None) -> BrokerProblem | None:
    return BrokerProblem("cluster", CLUSTER, fatal=True) if mode == "cluster" else None


def _eviction(policy: str, allowed: bool) -> BrokerProblem | None:
    if policy == NO_EVICTION:
        return None
    cost = "When its memory is full it deletes messages that wait, and marks that prevent a second sending."
    advice = "Set maxmemory-policy to noeviction" + ("." if allowed else "; BROKER_EVICTION=allow starts all the same.")
    return BrokerProblem("eviction", f"The broker has the eviction policy {policy}. {cost} {advice}", fatal=not allowed)


def _append_only(enabled: str) -> BrokerProblem | None:
    if enabled != "0":
        return None
    return BrokerProblem(
        "append_only_off",
        "The broker has no append-only file. When it restarts it loses what it stored since its last snapshot. Set "
        "appendonly to yes.",
        fatal=False,
    )
