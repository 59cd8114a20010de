"""`twitter-connector up`: start everything in order, restart what dies, stop in order with the broker last."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

import redis

from twitter_connector.broker.connection import connect, unavailable
from twitter_connector.config import Settings, child_environment, use_environment
from twitter_connector.errors import ConnectorError, StoreRefused
from twitter_connector.open_files import too_few_files
from twitter_connector.startup import check_store
from twitter_connector.var_dir import unusable

from . import command_lines, embedded_broker, instance
from .awaited_signals import AwaitedSignals
from .broker_watch import BrokerWatch
from .forked import Forked, import_shared
from .parent_death import signal_at_parents_death

log = logging.getLogger(__name__)

START_SECONDS = 60.0
# Shorter than Kubernetes' terminationGracePeriodSeconds of 30, so that nobody is killed half-way.
STOP_SECONDS = 25.0
RESTART_FIRST_SECONDS = 0.5
RESTART_LONGEST_SECONDS = 15.0
# Nothing is accepted while the broker is away, and it costs little to start. It ends itself whenever its disk is full.
BROKER_LONGEST_SECONDS = 3.0
# A child that lived this long has not failed at starting.
SETTLED_SECONDS = 30.0


# For our own addresses: does not use the proxy of the environment.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CannotStart(Exception):
    """The service did not come up. Its text says which part and what to look at."""


@dataclass
class Child:
    """One process of the service. restart_at: when it may be started again after it died, in monotonic seconds.

    longest_wait: the most seconds from its death to the next start.
    """

    name: str
    command: list[str]
    longest_wait: float = RESTART_LONGEST_SECONDS
    process: subprocess.Popen[bytes] | Forked | None = None
    started_at: float = 0.0
    wait: float = RESTART_FIRST_SECONDS
    restart_at: float = 0.0
    restarts: int = field(default=0)

    def start(self, env: dict[str, str], inherited: Iterable[int]) -> None:
        """Start the process. inherited: descriptors of the supervisor that no other process may have."""
        self.started_at = time.monotonic()
        if self.command[:2] == [sys.executable, "-m"]:
            self.process = Forked(self.command, inherited)
            return
        # A session of its own: Ctrl-C reaches the supervisor only, which then stops the children in order.
        self.process = subprocess.Popen(  # noqa: S603 - our own command lines
            self.command,
            env=env,
            # Standard error: the supervisor's own standard output has only its lines for people.
            stdout=2,
            start_new_session=True,
            # The kernel ends this child when the supervisor dies, even by kill -9.
            preexec_fn=partial(signal_at_parents_death, signal.SIGKILL),  # noqa: PLW1509 - no threads here
        )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs the processes of one installation in the foreground."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._stop = False
        self._lost_data = False
        self._env = {**child_environment(settings), **embedded_broker.ENVIRONMENT}
        self._watch = BrokerWatch()
        # Why the broker did not answer last.
        self._failure = ""
        self._children: list[Child] = []
        self._lock: IO[str] | None = None
        self._signals = AwaitedSignals()

    def run(self) -> int:
        """Start all processes, restart those that die until a signal comes, stop all. Return the exit status."""
        signal.signal(signal.SIGTERM, self._stop_requested)
        signal.signal(signal.SIGINT, self._stop_requested)
        # A terminal that is closed. `nohup` has the signal ignored.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._stop_requested)
        # The handler does nothing: with one, the signal ends a wait.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._prepare()
            if self._settings.embedded_broker:
                self._add("broker", embedded_broker.command(self._settings), BROKER_LONGEST_SECONDS)
            use_environment(self._env)
            import_shared()
            self._until(self._broker_answers, "the broker", self._broker_hint)
            self._check_store()
            if self._settings.use_sandbox:
                self._add("sandbox", command_lines.sandbox(self._settings))
            self._add("web", command_lines.web())
            for number in range(1, self._settings.worker_processes + 1):
                name = "worker" if number == 1 else f"worker-{number}"
                self._add(name, command_lines.worker(name=name))
            self._add("beat", command_lines.beat())
            self._until(self._ready, "the service", lambda: "See the lines above for the part that failed.")
            if self._settings.use_sandbox and not self._stop:
                self._register_demo()
            if not self._stop:
                word = "not ready, the broker lost data" if self._lost_data else "ready"
                self._say(f"{word}: {self._settings.local_url}")
            while not self._stop:
                self._restart_dead()
                self._signals.wait(self._next_start())
        except CannotStart as error:
            if not self._stop:
                self._say(f"cannot start: {error}")
                return 1
        finally:
            self._stop_all()
        return 0

    def _stop_requested(self, *_: object) -> None:
        self._stop = True

    def _prepare(self) -> None:
        instance.protect_files()
        self._settings.var_dir.mkdir(parents=True, exist_ok=True)
        if sentence := unusable(self._settings.var_dir) or too_few_files(self._settings.worker_concurrency):
            raise CannotStart(sentence)
        try:
            self._lock = instance.take(self._settings.var_dir)
        except instance.InUse as error:
            raise CannotStart(str(error)) from None
        for host in self._settings.hosts:
            self._port_is_free(host, self._settings.port, "PORT")
        if self._settings.use_sandbox:
            self._port_is_free("127.0.0.1", self._settings.sandbox_port, "SANDBOX_PORT")
        # Counters of an earlier run would be added to this one's. Prometheus expects a restart to reset them.
        shutil.rmtree(self._settings.metrics_dir, ignore_errors=True)
        self._settings.metrics_dir.mkdir(parents=True, exist_ok=True)

    def _port_is_free(self, host: str, port: int, variable: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            name = variable if error.errno in (errno.EADDRINUSE, errno.EACCES) else "HOST"
            raise CannotStart(
                f"{name}: {host}:{port} cannot be listened on ({error.strerror}). Choose another."
            ) from None

    def _add(self, name: str, command: list[str], longest_wait: float = RESTART_LONGEST_SECONDS) -> None:
        if self._stop:
            raise CannotStart("stopped while starting")
        child = Child(name, command, longest_wait)
        try:
            child.start(self._env, self._descriptors())
        except OSError as error:
            raise CannotStart(f"{name}: the system starts no further process ({error.strerror}).") from error
        self._children.append(child)

    def _descriptors(self) -> tuple[int, ...]:
        """Return what only the supervisor may have open: a lock lasts until nobody has its file open."""
        return (*self._signals.descriptors, *([self._lock.fileno()] if self._lock else []))

    def _restart_dead(self) -> None:
        """Restart the children that died. The wait before it grows while a child keeps dying."""
        now = time.monotonic()
        for child in self._children:
            if child.alive:
                continue
            if child.process is not None:
                lived = now - child.started_at
                child.wait = RESTART_FIRST_SECONDS if lived > SETTLED_SECONDS else child.wait
                child.restart_at = now + child.wait
                child.wait = min(child.wait * 2, child.longest_wait)
                log.error(
                    "process_died",
                    extra={"part": child.name, "status": child.process.returncode, "lived_seconds": round(lived, 1)},
                )
                # The workers of a killed gunicorn master keep its port for ten seconds: they accept nobody, and
                # connections wait in their queue.
                _signal_group(child, signal.SIGKILL)
                child.process = None
            elif now >= child.restart_at:
                try:
                    child.start(self._env, self._descriptors())
                except OSError as error:  # the system has no memory, process or file left for it
                    child.restart_at = now + child.wait
                    log.error("process_not_started", extra={"part": child.name, "error": error.strerror})
                    continue
                child.restarts += 1
                log.warning("process_restarted", extra={"part": child.name, "restarts": child.restarts})

    def _next_start(self) -> float | None:
        """Return the seconds until a process is to be started again, None if all run."""
        times = [child.restart_at for child in self._children if child.process is None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _until(self, done: Callable[[], bool], what: str, hint: Callable[[], str]) -> None:
        end = time.monotonic() + START_SECONDS
        while not done():
            if self._stop:
                raise CannotStart("stopped while starting")
            if time.monotonic() > end:
                raise CannotStart(f"{what} did not come up within {START_SECONDS:g} s. {hint()}")
            self._restart_dead()
            time.sleep(0.05)

    def _broker_answers(self) -> bool:
        try:
            with connect(self._settings.redis_url, patient=False) as client:
                client.ping()
        except redis.ResponseError:
            pass  # it answers; _check_store says what is wrong with it
        except redis.RedisError as error:
            failure = unavailable(error)
            if isinstance(failure, StoreRefused):
                raise CannotStart(failure.detail) from error
            self._failure = failure.detail
            # An embedded broker takes a moment to start and to load its file.
            if not self._settings.embedded_broker or time.monotonic() - self._children[0].started_at > 5.0:
                self._watch.failed(failure)
            return False
        self._watch.answered()
        return True

    def _check_store(self) -> None:
        """Raise CannotStart if the broker is unsafe, or the credentials key does not fit what is stored."""
        try:
            check_store(self._settings, patient=True)
        except ConnectorError as error:
            raise CannotStart(error.detail) from error

    def _broker_hint(self) -> str:
        if self._settings.embedded_broker:
            return f"Its files are in {self._settings.var_dir / 'broker'}; is another instance using them?"
        return f"REDIS_URL names a server that does not answer. {self._failure}"

    def _ready(self) -> bool:
        try:
            with _DIRECTLY.open(self._settings.local_url + "/health/ready", timeout=3):
                return True
        except urllib.error.HTTPError as error:
            # The accounts can only be registered again while the service runs.
            self._lost_data = b"LOST_DATA" in error.read()
            return self._lost_data
        except OSError:
            return False

    def _register_demo(self) -> None:
        """Register the sandbox's demo accounts, one for each API, the way an operator would."""
        sandbox = f"http://127.0.0.1:{self._settings.sandbox_port}"
        demos: dict[str, Any] = {}

        def demos_answer() -> bool:
            try:
                with _DIRECTLY.open(f"{sandbox}/_sandbox/demos", timeout=3) as answer:
                    demos.update(json.load(answer))
            except (urllib.error.URLError, OSError, ValueError):
                return False
            return True

        self._until(
            demos_answer,
            "the sandbox",
            lambda: f"Is port {self._settings.sandbox_port} taken? SANDBOX_PORT chooses another.",
        )
        for demo in demos.values():
            self._register(demo)
        self._say(f"sandbox: {sandbox}/")

    def _register(self, demo: dict[str, str]) -> None:
        url = f"{self._settings.local_url}/webhook/twitter/register-and-subscribe"
        headers = {"Content-Type": "application/json"}
        if self._settings.api_tokens:
            headers["Authorization"] = f"Bearer {self._settings.api_tokens[0]}"
        request = urllib.request.Request(url, json.dumps(demo).encode(), headers)  # noqa: S310 - our own address
        try:
            with _DIRECTLY.open(request, timeout=60):
                pass
        except urllib.error.HTTPError as error:
            detail = json.loads(error.read()).get("detail", "")
            raise CannotStart(f"a demo account could not be registered: {detail}") from error
        except OSError as error:
            raise CannotStart(f"a demo account could not be registered: {error}") from error

    def _stop_all(self) -> None:
        """Stop web and beat, then the worker, then the sandbox, then the broker."""
        end = time.monotonic() + STOP_SECONDS
        for names in (("web", "beat"), ("worker",), ("sandbox",), ("broker",)):
            going = [c for c in self._children if c.name.partition("-")[0] in names and c.alive]
            for child in going:
                if child.name == "broker":
                    self._shut_down_broker()
                _signal(child, signal.SIGTERM)
            for child in going:
                assert child.process is not None
                try:
                    child.process.wait(max(0.5, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    log.error("process_killed", extra={"part": child.name})
                    _signal_group(child, signal.SIGKILL)
                    child.process.wait()

    def _shut_down_broker(self) -> None:
        """Have the broker end at once. It acts on SIGTERM only at the next tick of its own timer."""
        with suppress(redis.RedisError), connect(self._settings.redis_url, patient=False) as client:
            client.shutdown(nosave=True)


def _signal(child: Child, number: signal.Signals) -> None:
    assert child.process is not None
    child.process.send_signal(number)


def _signal_group(child: Child, number: signal.Signals) -> None:
    assert child.process is not None
    try:
        os.killpg(child.process.pid, number)
    except ProcessLookupError:
        return  # the whole group has ended already
