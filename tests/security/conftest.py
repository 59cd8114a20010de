"""The web side on a real broker, for the tests of what it lets in and what it lets out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests.process_folder import metrics_folder

os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder()

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.brokers import application, broker_process, built_application, inspector, services
from tests.web.web_requests import ACCOUNT
from twitter_connector.bootstrap import Services

__all__ = ["application", "broker_process", "built_application", "inspector", "services"]


@pytest.fixture
def client(application: Flask, services: Services) -> Iterator[FlaskClient]:
    """A client of an installation with one registered account and no token: everybody inside may call."""
    services.accounts.save(ACCOUNT)
    application.extensions["services"] = services
    with application.test_client() as client:
        yield client
