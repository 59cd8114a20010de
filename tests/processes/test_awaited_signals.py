"""The supervisor waits for signals and for nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from twitter_connector.processes.awaited_signals import AwaitedSignals


@pytest.fixture
def signals() -> Iterator[AwaitedSignals]:
    former = signal.signal(signal.SIGUSR1, lambda *_: None)
    yield AwaitedSignals()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGUSR1, former)


def test_a_signal_ends_the_wait_also_if_it_came_before(signals: AwaitedSignals) -> None:
    begun = time.monotonic()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    signals.wait(None)
    os.kill(os.getpid(), signal.SIGUSR1)
    signals.wait(None)
    assert time.monotonic() - begun < 15


def test_without_a_signal_the_wait_ends_in_its_time(signals: AwaitedSignals) -> None:
    begun = time.monotonic()
    signals.wait(0.1)
    assert time.monotonic() - begun >= 0.1
