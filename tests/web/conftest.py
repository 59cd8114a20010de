"""The web side on a real broker, asked through Flask's own client; nobody else is there to be asked."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.brokers import application, broker_process, built_application, inspector, services
from tests.web.web_requests import ACCOUNT
from twitter_connector.bootstrap import Services
from twitter_connector.net.http_client import HttpClient

__all__ = ["application", "broker_process", "built_application", "inspector", "services"]


@pytest.fixture(autouse=True)
def outgoing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every HTTP request that was tried. None gets out."""
    tried: list[str] = []

    def refuse(self: HttpClient, method: str, url: str, **_: Any) -> Any:
        from twitter_connector.net.answers import NotSent

        tried.append(f"{method} {url}")
        raise NotSent("nothing leaves the tests of the web side")

    monkeypatch.setattr(HttpClient, "exchange", refuse)
    return tried


@pytest.fixture
def app(application: Flask, services: Services) -> Flask:
    services.accounts.save(ACCOUNT)
    application.extensions["services"] = services
    return application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
