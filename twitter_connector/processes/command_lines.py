"""The command lines of the service's processes, for the supervisor, the Procfile and any other runner."""

from __future__ import annotations

import sys

from twitter_connector.config import Settings
from twitter_connector.queue.wakeups import QUEUES, UPKEEP_QUEUE


def web(settings: Settings) -> list[str]:
    """Return gunicorn's command line. Why these values: docs/decisions/0003-web-and-worker-sizes.md."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return [
        *_python("gunicorn"),
        *("--bind", f"{host}:{settings.port}"),
        *("--worker-class", "twitter_connector.processes.gunicorn_worker.Worker"),
        *("--logger-class", "twitter_connector.processes.gunicorn_worker.Lines"),
        *("--workers", str(settings.web_workers)),
        *("--threads", str(settings.web_threads)),
        *("--keep-alive", "30"),
        *("--timeout", "30"),
        *("--graceful-timeout", "10"),
        *("--worker-tmp-dir", str(settings.var_dir)),
        *("--log-level", "warning"),
        # Requests are counted, not logged: a challenge's query holds a token.
        "--preload",
        "--no-control-socket",
        *("--config", "python:twitter_connector.processes.gunicorn_conf"),
        "wsgi:app",
    ]


def worker(settings: Settings, *, name: str = "worker") -> list[str]:
    """Return the Celery worker's command line. Threads: every delivery is a wait for somebody's answer."""
    queues = ",".join([*QUEUES.values(), UPKEEP_QUEUE])
    return [
        *_python("celery"),
        "--quiet",
        *("--app", "workers.app:app"),
        *("worker", "--pool", "threads"),
        *("--concurrency", str(settings.worker_concurrency)),
        *("--queues", queues),
        *("--hostname", f"{name}@%h"),
        *("--loglevel", settings.log_level),
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def beat(settings: Settings) -> list[str]:
    """Return the scheduler's command line."""
    return [
        *_python("celery"),
        "--quiet",
        *("--app", "workers.app:app"),
        "beat",
        *("--schedule", str(settings.var_dir / "beat-schedule")),
        *("--pidfile", ""),
        *("--loglevel", settings.log_level),
    ]


def sandbox(settings: Settings) -> list[str]:
    """Return the sandbox's command line."""
    return [
        *_python("sandbox"),
        # The supervisor says where it is, once its account is registered.
        "--quiet",
        *("--port", str(settings.sandbox_port)),
        *("--state-dir", str(settings.var_dir / "sandbox")),
        *("--connector-url", f"http://127.0.0.1:{settings.port}/twitter-connector"),
    ]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
