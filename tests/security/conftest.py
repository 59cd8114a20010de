"""The web side on a real broker, for the tests of what it lets in and what it lets out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

# prometheus_client reads this while it is imported; the checkout is no place for its files.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="twitter-connector-test-metrics-"))

import pytest
from flask.testing import FlaskClient

from tests.brokers import broker_process, inspector, services
from tests.web.web_requests import ACCOUNT
from twitter_connector import create_app
from twitter_connector.bootstrap import Services

__all__ = ["broker_process", "inspector", "services"]


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    """A client of an installation with one registered account and no token: everybody inside may call."""
    services.accounts.save(ACCOUNT)
    with create_app(services.settings, services).test_client() as client:
        yield client
