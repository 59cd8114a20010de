"""A real broker for tests: the server bundled with the package, on a unix socket in a temporary directory.

Never touches a broker that was there before, and leaves no process behind.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.process_folder import metrics_folder

os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder()

import pytest
import redis
from flask import Flask

from twitter_connector import create_app
from twitter_connector.bootstrap import Services, build_services
from twitter_connector.config import Settings
from twitter_connector.processes import embedded_broker
from twitter_connector.queue.wakeups import Wakeups
from twitter_connector.store import installation

START_SECONDS = 20.0


class RecordedWakeups(Wakeups):
    """Wakes no worker. Records what would have been woken: directions, and TYPING_INDICATOR."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wake(self, direction: str) -> None:
        self.woken.append(direction)


def settings_in(directory: Path, **env: str) -> Settings:
    """Return the settings of an installation that lives in a directory and whose other sides lead nowhere."""
    return Settings.from_env({"VAR_DIR": str(directory), "CCM_URL": "http://127.0.0.1:9/ccm", **env})


class Broker:
    """One server process. Can be killed and started again on the same data."""

    def __init__(self, directory: Path, *, fsync: str = "everysec", env: Mapping[str, str] | None = None) -> None:
        self.settings = settings_in(directory, BROKER_FSYNC=fsync)
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(embedded_broker.command(self.settings), env=self._env)
        end = time.monotonic() + START_SECONDS
        with self.client() as client:
            while True:
                with suppress(redis.RedisError):
                    if client.ping():
                        return
                assert self._process.poll() is None, "the broker ended while starting"
                assert time.monotonic() < end, "the broker did not come up"
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would: without any chance to write or to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis.Redis:
        """Return a plain client, for looking at what lies in the broker."""
        return redis.Redis.from_url(self.settings.redis_url, decode_responses=True, socket_timeout=5)


@contextmanager
def running(directory: Path, *, fsync: str = "everysec", env: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """env: the environment of the server's process, in place of this one's."""
    server = Broker(directory, fsync=fsync, env=env)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One server for all tests of a session that import this fixture."""
    with running(tmp_path_factory.mktemp("kv")) as server:
        yield server


@pytest.fixture
def inspector(broker_process: Broker) -> Iterator[redis.Redis]:
    """A plain client on an empty broker."""
    with broker_process.client() as client:
        client.flushall()
        # It is emptied on purpose, which is no loss of data.
        (broker_process.settings.var_dir / installation.FILE).unlink(missing_ok=True)
        yield client


def services_of(settings: Settings, *, patient: bool = False) -> Services:
    """Return the services of a process that wakes no worker, since none is there."""
    return build_services(settings, patient=patient, wakeups=RecordedWakeups())


@pytest.fixture(scope="session")
def built_application(broker_process: Broker) -> Iterator[Flask]:
    """The web side without the console. It is built once: compiling its routes takes longer than most tests."""
    made = services_of(broker_process.settings)
    yield create_app(made.settings, made)
    made.redis.close()


@pytest.fixture
def application(built_application: Flask) -> Flask:
    """The web side as if it had just been built. A test puts its services into it."""
    # All that an application remembers is there.
    built_application.extensions.clear()
    return built_application


@pytest.fixture
def services(broker_process: Broker, inspector: redis.Redis) -> Iterator[Services]:
    """The true services on the empty broker."""
    made = services_of(broker_process.settings)
    yield made
    made.redis.close()
