"""gunicorn's settings and hooks. Names and meanings: https://docs.gunicorn.org/en/stable/settings.html

Why these sizes: docs/decisions/0003-web-and-worker-sizes.md.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gunicorn.config import Config

from twitter_connector import counter_files
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.broker.subscription import Subscription
from twitter_connector.config import Settings
from twitter_connector.errors import ConnectorError
from twitter_connector.open_files import connections
from twitter_connector.queue.wakeups import CHANNELS

from .broker_watch import BrokerWatch
from .gunicorn_worker import REST_SECONDS
from .parent_death import signal_at_parents_death

# gunicorn takes every name of this module that is a setting; the others do not concern it.
__all__ = [
    "bind", "control_socket_disable", "forwarded_allow_ips", "forwarder_headers", "graceful_timeout", "keepalive",
    "logger_class", "loglevel", "post_fork", "post_worker_init", "pre_exec", "preload_app", "secure_scheme_headers",
    "threads", "timeout", "when_ready", "worker_class", "worker_connections", "worker_tmp_dir", "workers",
]  # fmt: skip

log = logging.getLogger(__name__)

# Within this time the accounts are read again, also if no process said that one was changed. A third less than the
# accounts are known for without reading them: store/accounts.py.
ACCOUNTS_REFRESH_SECONDS = 20.0
# How often the broker is asked how far it has come while there is traffic, so that a loss shows, and while it is away.
BUSY_SECONDS = 2.0
_settings = Settings.from_env_or_exit()

bind = [f"[{host}]:{_settings.port}" if ":" in host else f"{host}:{_settings.port}" for host in _settings.hosts]
workers = _settings.web_workers
threads = _settings.web_threads
worker_connections = connections(threads)
worker_class = "twitter_connector.processes.gunicorn_worker.Worker"
logger_class = "twitter_connector.processes.gunicorn_worker.Lines"
# Requests are counted, not logged: the query of a challenge contains a token.
loglevel = "warning"
keepalive = 30
timeout = 30
graceful_timeout = 10
# Workers that gunicorn starts anew because a file was changed would go on with the master's code. gunicorn takes flags
# from GUNICORN_CMD_ARGS too.
preload_app = "--reload" not in (*sys.argv, *Config().get_cmd_args_from_env())
# Workers touch a file there every second. It must not be on a disk.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# gunicorn's own control interface would listen on a socket in the home folder.
control_socket_disable = True
# web/forwarded.py decides whom a request comes from, and trusts nobody. By default gunicorn would take SCRIPT_NAME and
# the scheme from any caller on this machine: https://docs.gunicorn.org/en/stable/settings.html#forwarder-headers
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def pre_exec(arbiter: Any) -> None:
    """Have a gunicorn that SIGUSR2 starts anew run as a module, if this one does. gunicorn would run `__main__.py` as a
    file, whose folder would then hide modules of Python's own."""
    _, script, *options = arbiter.START_CTX["args"]
    if Path(script).name == "__main__.py":
        arbiter.START_CTX["args"] = [sys.executable, "-m", "gunicorn", *options]


def when_ready(arbiter: Any) -> None:
    """Let the master wake up for signals, a worker's death among them, and every ten seconds for workers that hang."""
    wait_for_signals = arbiter.wait_for_signals
    arbiter.wait_for_signals = lambda timeout=1.0: wait_for_signals(REST_SECONDS if timeout == 1.0 else timeout)


def post_fork(arbiter: Any, worker: Any) -> None:
    """Stop a worker when its master is killed. gunicorn's own check comes only when the worker wakes up."""
    signal_at_parents_death(signal.SIGTERM)


def post_worker_init(worker: Any) -> None:
    """Read the accounts before the first request, and then whenever one is changed.

    Otherwise the first event of an account would need a look-up. While the broker is away, a process that has not met
    the account yet could not verify the event, and X would get an error.
    """
    counter_files.log_problem()
    worker.wsgi.extensions["one_request_at_a_time"] = worker.cfg.workers == 1 and worker.cfg.threads == 1
    services = worker.wsgi.extensions.get("services")
    if services is None:
        return  # the empty view of the benchmarks
    watch = BrokerWatch()
    _refresh(services, watch)
    threading.Thread(target=_keep_fresh, args=(services, watch), name="accounts", daemon=True).start()


def _keep_fresh(services: Services, watch: BrokerWatch) -> None:
    changes = Subscription(services.redis, keys.ACCOUNT_CHANGES, *CHANNELS)
    while True:
        try:
            heard = changes.wait(ACCOUNTS_REFRESH_SECONDS)
        except ConnectorError:
            heard = set(CHANNELS)
        if heard and keys.ACCOUNT_CHANGES not in heard:
            time.sleep(BUSY_SECONDS)
        _refresh(services, watch)


def _refresh(services: Services, watch: BrokerWatch) -> None:
    try:
        services.accounts.refresh()
        services.history.flush()
        services.installation.look()
        watch.answered()
    except ConnectorError as error:
        # The process goes on with the accounts it knows.
        watch.failed(error)
    except Exception as error:
        log.error("internal_error", exc_info=error)
