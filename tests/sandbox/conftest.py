"""One sandbox for all tests, reset before each."""

from collections.abc import Iterator

import pytest
from fake_connector import FakeConnector
from sandbox_process import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, FakeConnector]]:
    connector = FakeConnector()
    try:
        with running_sandbox(tmp_path_factory.mktemp("sandbox"), connector.url) as sandbox:
            yield sandbox, connector
    finally:
        connector.close()


@pytest.fixture
def connector(_running: tuple[Sandbox, FakeConnector]) -> FakeConnector:
    """A connector that accepts everything, unless a test changes it."""
    connector = _running[1]
    connector.events.clear()
    connector.messages.clear()
    connector.event_statuses.clear()
    connector.crc_requests.clear()
    connector.journeys.clear()
    connector.pauses = {}
    connector.crc = connector.prove
    connector.message_status = 202
    connector.before_event = lambda: None
    connector.on_register = lambda body: 200
    connector.on_message = lambda message: None
    connector.on_event = lambda event: None
    return connector


@pytest.fixture
def sandbox(_running: tuple[Sandbox, FakeConnector], connector: FakeConnector) -> Sandbox:
    """A sandbox in the state of its first start."""
    sandbox = _running[0]
    sandbox.post("reset")
    return sandbox
