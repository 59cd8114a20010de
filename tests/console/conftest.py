"""The console of a service on a real broker, called over Flask's test client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from tests.brokers import Broker, application, broker_process, inspector, services_of
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.config import Settings
from twitter_connector.config_values import ConsoleUser
from twitter_connector.model.account import Account, Credentials, Webhook

__all__ = ["application", "broker_process", "inspector"]

# Nobody listens there.
NOWHERE = "http://127.0.0.1:9"
PASSWORD = "correct horse battery"
ACCOUNT = Account(
    "732739706",
    Credentials("planted-key", "planted-secret", "planted-token", "planted-token-secret"),
    "https://cx.example.com/webhook/twitter/732739706",
    {"environment": "prod"},
    screen_name="acme",
    webhook=Webhook("1234", "https://cx.example.com/webhook/twitter/732739706", valid=True),
    subscribed=True,
)


@dataclass
class Browser:
    """A browser on https, with its cookies."""

    client: FlaskClient

    def get(self, path: str, **more: object) -> TestResponse:
        return self.client.get(f"https://cx.example.com{path}", **more)  # type: ignore[arg-type]

    def post(self, path: str, **form: str) -> TestResponse:
        return self.client.post(f"https://cx.example.com{path}", data=form)

    def log_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/console/login", username=name, password=password)

    def act(self, path: str, **form: str) -> TestResponse:
        """Post a form of ours, with the token of a page."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get("/console/register").text)
        assert token is not None
        return self.post(path, csrf=token[1], **form)

    def said(self, answer: TestResponse) -> str:
        """Return what the page after an action says."""
        assert answer.status_code == 303, answer.text
        notes = re.search(r'role="status">([^<]*)<', self.get("/console").text)
        assert notes is not None
        return unescape(notes[1])


@pytest.fixture(scope="session")
def users() -> tuple[ConsoleUser, ...]:
    # As cheap as can be: these tests log in a hundred times.
    hashed = generate_password_hash(PASSWORD, "scrypt:1024:8:1")
    return (ConsoleUser("ada", "operator", hashed), ConsoleUser("vic", "viewer", hashed))


@pytest.fixture(scope="session")
def settings(broker_process: Broker, users: tuple[ConsoleUser, ...]) -> Settings:
    return replace(broker_process.settings, console_users=users, twitter_api_url=NOWHERE, x_api_url=NOWHERE)


@pytest.fixture
def services(settings: Settings, inspector: redis.Redis) -> Iterator[Services]:
    made = services_of(settings)
    made.accounts.save(ACCOUNT)
    yield made
    made.redis.close()


@pytest.fixture(scope="session")
def built_application(settings: Settings) -> Iterator[Flask]:
    """The web side with the console. It is built once: compiling its routes takes longer than most tests."""
    made = services_of(settings)
    yield create_app(settings, made)
    made.redis.close()


@pytest.fixture
def browser(application: Flask, services: Services) -> Browser:
    application.extensions["services"] = services
    return Browser(application.test_client())


@pytest.fixture
def operator(browser: Browser) -> Browser:
    assert browser.log_in("ada").status_code == 303
    return browser


@pytest.fixture
def viewer(browser: Browser) -> Browser:
    assert browser.log_in("vic").status_code == 303
    return browser
