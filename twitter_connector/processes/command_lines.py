"""The command lines of the service's processes, for the supervisor and the commands of the same names."""

from __future__ import annotations

import sys

from twitter_connector.config import Settings


def web() -> list[str]:
    """Return gunicorn's command line. gunicorn_conf has the settings, as for a plain `gunicorn wsgi:app`."""
    return [*_python("gunicorn"), "--config", "python:twitter_connector.processes.gunicorn_conf", "wsgi:app"]


def worker(*, name: str = "worker") -> list[str]:
    """Return the Celery worker's command line. workers/app.py has the settings."""
    return [*_python("workers"), "worker", "--hostname", f"{name}@%h"]


def beat() -> list[str]:
    """Return the scheduler's command line. workers/app.py has the settings."""
    return [*_python("workers"), "beat"]


def sandbox(settings: Settings) -> list[str]:
    """Return the sandbox's command line."""
    return [
        *_python("sandbox"),
        # The supervisor prints the sandbox's address after its account is registered.
        "--quiet",
        *("--port", str(settings.sandbox_port)),
        *("--state-dir", str(settings.var_dir / "sandbox")),
        *("--connector-url", settings.local_url),
    ]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
