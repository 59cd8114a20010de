"""The one route that calls Twitter while a person waits: which failure is answered with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fakes import EVENTS
from tests.web.web_requests import ACCOUNT, is_problem
from twitter_connector.accounts.registration_request import Registration
from twitter_connector.accounts.registration_steps import RegistrationStatus, StepFailed
from twitter_connector.bootstrap import Services
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Permanent,
    RateLimited,
    ServiceUnavailable,
    StoreUnavailable,
)
from twitter_connector.model.account import Webhook
from twitter_connector.model.subscription import Subscriptions
from twitter_connector.startup import now
from twitter_connector.web.registration import ONE_REQUEST_AT_A_TIME

PATH = "/webhook/twitter/register-and-subscribe"
GUIDE = {
    "API-KEY": "planted-ck",
    "API-KEY-SECRET": "planted-cs",
    "ACCESS-TOKEN": "planted-at",
    "ACCESS-TOKEN-SECRET": "planted-ats",
    "WEBHOOK-URL": ACCOUNT.webhook_url,
    "ENVIRONMENT-NAME": "prod",
}


class Desk:
    """Stands in for the use case and does what it is told."""

    def __init__(self, outcome: RegistrationStatus | Exception) -> None:
        self.outcome = outcome
        self.wanted: list[Registration] = []
        self.unregistered: list[str] = []

    def register(self, wanted: Registration) -> RegistrationStatus:
        self.wanted.append(wanted)
        return self._answer()

    def status(self, account: Any) -> RegistrationStatus:
        return self._answer()

    def unregister(self, account: Any) -> None:
        self._answer()
        self.unregistered.append(account.id)

    def _answer(self) -> RegistrationStatus:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def asked(
    application: Flask, services: Services
) -> Callable[[RegistrationStatus | Exception], tuple[FlaskClient, Desk]]:
    services.accounts.save(ACCOUNT)

    def make(outcome: RegistrationStatus | Exception) -> tuple[FlaskClient, Desk]:
        desk = Desk(outcome)
        application.extensions["services"] = replace(services, registration=desk)  # type: ignore[arg-type]
        return application.test_client(), desk

    return make


Asked = Callable[[RegistrationStatus | Exception], tuple[FlaskClient, Desk]]
SUBSCRIBED = Subscriptions(True, True, EVENTS)
STATUS = RegistrationStatus(ACCOUNT, Webhook("1234", ACCOUNT.webhook_url, True), SUBSCRIBED, ("created", "subscribed"))


def test_success_answers_with_the_object_of_the_interface(asked: Asked) -> None:
    client, desk = asked(STATUS)
    response = client.post(PATH, json=GUIDE)
    assert response.status_code == 200
    assert response.get_json() == {
        "account_id": ACCOUNT.id,
        "screen_name": "acme",
        "api": "v1.1",
        "webhook": {"id": "1234", "url": ACCOUNT.webhook_url, "valid": True},
        "subscribed": True,
        "events": ["direct_messages", "typing", "read"],
        "actions": ["created", "subscribed"],
    }
    assert desk.wanted[0].credentials.api_key == "planted-ck"


def failed(step: str, cause: ConnectorError | None) -> StepFailed:
    return StepFailed(step, "What to do about it.", cause)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (failed("webhook", None), 400),
        (failed("credentials", CredentialsRejected("credentials_rejected", "", status=401, code=32)), 422),
        (failed("webhook", CredentialsRejected("not_permitted", "", status=403, code=200)), 422),
        (failed("crc", Permanent("request_refused", "", status=403, code=214)), 422),
        (failed("webhook", Permanent("not_found", "", status=404, code=34)), 422),
        (failed("subscription", RateLimited("rate_limited", "", status=429, code=88)), 503),
        (failed("webhook", ServiceUnavailable("twitter_unavailable", "", status=503)), 502),
        (failed("webhook", ServiceUnavailable("twitter_unreachable", "")), 502),
        (StoreUnavailable("broker_unavailable", "The broker is away.", ours=True), 503),
        (RuntimeError("planted words"), 500),
    ],
    ids=lambda v: repr(v)[:70],
)
def test_a_failure_names_the_step_twitters_code_and_what_to_do(asked: Asked, outcome: Exception, status: int) -> None:
    client, _ = asked(outcome)
    response = client.post(PATH, json=GUIDE, environ_overrides={"wsgi.multithread": True})
    assert response.status_code == status
    assert is_problem(response)
    body = response.get_json()
    assert "planted" not in response.get_data(as_text=True)
    if isinstance(outcome, StepFailed):
        assert (body["step"], body["detail"]) == (outcome.step, "What to do about it.")
        if outcome.cause is not None:
            assert (body["twitter"]["code"], body["twitter"]["status"]) == (outcome.cause.code, outcome.cause.status)


def test_a_server_with_one_thread_says_why_it_could_not_answer_the_challenge(asked: Asked) -> None:
    client, _ = asked(failed("crc", Permanent("challenge_failed", "", status=403, code=214)))
    assert client.post(PATH, json=GUIDE).get_json()["detail"] == ONE_REQUEST_AT_A_TIME
    for key in ("wsgi.multithread", "wsgi.multiprocess"):
        answer = client.post(PATH, json=GUIDE, environ_overrides={key: True})
        assert answer.get_json()["detail"] == "What to do about it."


def test_a_limit_says_when_to_come_again(asked: Asked) -> None:
    until = now() + timedelta(seconds=90)
    client, _ = asked(failed("webhook", RateLimited("rate_limited", "", status=429, until=until)))
    assert 80 <= int(client.post(PATH, json=GUIDE).headers["Retry-After"]) <= 91
    client, _ = asked(failed("webhook", RateLimited("rate_limited", "", status=429)))
    assert int(client.post(PATH, json=GUIDE).headers["Retry-After"]) > 0


@pytest.mark.parametrize("key", [k for k in GUIDE if k != "ENVIRONMENT-NAME"])
def test_a_missing_key_is_named_and_nothing_is_begun(asked: Asked, key: str) -> None:
    client, desk = asked(STATUS)
    response = client.post(PATH, json={k: v for k, v in GUIDE.items() if k != key})
    assert response.status_code == 400
    assert is_problem(response)
    assert list(response.get_json()["errors"]) == [key]
    assert desk.wanted == []


def test_status_and_removal_go_to_the_account_in_the_path(asked: Asked) -> None:
    client, desk = asked(STATUS)
    shown = client.get(f"/webhook/twitter/{ACCOUNT.id}/status")
    assert (shown.status_code, shown.get_json()["account_id"]) == (200, ACCOUNT.id)
    removed = client.delete(f"/webhook/twitter/{ACCOUNT.id}")
    assert (removed.status_code, removed.get_data()) == (204, b"")
    assert desk.unregistered == [ACCOUNT.id]
    assert client.delete("/webhook/twitter/4711").status_code == 404
    assert client.get("/webhook/twitter/4711/status").status_code == 404


def test_a_removal_that_fails_at_twitter_is_told(asked: Asked) -> None:
    client, desk = asked(failed("subscription", ServiceUnavailable("twitter_unavailable", "", status=503)))
    response = client.delete(f"/webhook/twitter/{ACCOUNT.id}")
    assert response.status_code == 502
    assert is_problem(response)
    assert desk.unregistered == []
