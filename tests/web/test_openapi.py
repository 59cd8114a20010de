"""The OpenAPI document has every route, and the check of the answers notices a wrong answer of each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask, Response
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from tests.answer_check import complaint, described
from tests.tree import ROOT, environment
from tests.web.test_registration_route import GUIDE, STATUS, Desk
from tests.web.web_requests import ACCOUNT, PATH, cim, dm, post_event
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.effects import dead_letter_json
from twitter_connector.web.operations import OPERATIONS

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LETTER = DeadLetter(
    id="8d3fd806-e865-441c-a93a-c5d8e6322e94",
    direction=Direction.IN,
    account_id=ACCOUNT.id,
    customer_id="12345",
    lane="12345",
    message_id="8d3fd806-e865-441c-a93a-c5d8e6322e94",
    entry_id="dm:1",
    reason="ccm_refused",
    detail="CCM did not accept the message.",
    tries=4,
    accepted_at=AT,
    failed_at=AT,
    payload="{}",
)
LETTER_PATH = f"/dead-letters/{LETTER.id}"


def logged(client: FlaskClient) -> FlaskClient:
    """Return a client of a service whose message log has a message."""
    client.post("/cim-messages", json=cim())
    return client


# operationId -> a request that succeeds.
SUCCEEDS: dict[str, Callable[[FlaskClient], TestResponse]] = {
    "answerChallenge": lambda client: client.get(f"{PATH}?crc_token=foo"),
    "receiveEvent": lambda client: post_event(client, dm()),
    "register": lambda client: client.post("/webhook/twitter/register-and-subscribe", json=GUIDE),
    "registrationStatus": lambda client: client.get(f"{PATH}/status"),
    "unregister": lambda client: client.delete(PATH),
    "receiveMessage": lambda client: client.post("/cim-messages", json=cim()),
    "receiveConfiguration": lambda client: client.post(
        "/connector-configurations", json={"serviceIdentifier": ACCOUNT.id, "connectorConfigurations": []}
    ),
    "receiveChannelType": lambda client: client.post("/channel-type-configurations", json={"channelTypeId": "1"}),
    "listAccounts": lambda client: client.get("/accounts"),
    "showAccount": lambda client: client.get(f"/accounts/{ACCOUNT.id}"),
    "showAccountHistory": lambda client: client.get(f"/accounts/{ACCOUNT.id}/history"),
    "listMessages": lambda client: logged(client).get("/messages"),
    "showMessage": lambda client: logged(client).get(f"/messages/{cim()['id']}"),
    "listDeadLetters": lambda client: client.get("/dead-letters"),
    "showDeadLetter": lambda client: client.get(LETTER_PATH),
    "replayDeadLetter": lambda client: client.post(f"{LETTER_PATH}/replay"),
    "replayDeadLetters": lambda client: client.post("/dead-letters/replay", json={}),
    "discardDeadLetter": lambda client: client.delete(LETTER_PATH),
    "live": lambda client: client.get("/health/live"),
    "ready": lambda client: client.get("/health/ready"),
    "metrics": lambda client: client.get("/metrics"),
    "document": lambda client: client.get("/openapi.json"),
    "startPage": lambda client: client.get("/", headers={"Accept": "text/html"}),
}


@pytest.fixture
def app(application: Flask, services: Services, inspector: redis.Redis) -> Flask:
    """An application in which every route can succeed."""
    services.accounts.save(ACCOUNT)
    services.heartbeats.beat("one")
    inspector.hset(keys.DEAD_LETTER, LETTER.id, dead_letter_json(LETTER))
    inspector.zadd(keys.DEAD, {LETTER.id: 1})
    application.extensions["services"] = replace(services, registration=Desk(STATUS))  # type: ignore[arg-type]
    return application


def wrong_answers(answer: TestResponse) -> Iterator[tuple[str, str, bytes]]:
    """Yield (what is wrong, content type, body) of wrong answers that are near a right one."""
    body, content_type = answer.get_data(), answer.content_type
    yield "another content type", "application/octet-stream", body or b"x"
    if not answer.is_json:
        if not body:
            yield "a body", "application/json", b"{}"
        return
    fields: dict[str, Any] = answer.get_json()
    yield "one field more", content_type, json.dumps({**fields, "planted": 1}).encode()
    for name, value in fields.items():
        yield f"no {name}", content_type, json.dumps({k: v for k, v in fields.items() if k != name}).encode()
        other = 1 if not isinstance(value, int) or isinstance(value, bool) else "1"
        yield f"{name} of another type", content_type, json.dumps({**fields, name: other}).encode()
    if isinstance(fields.get("items"), list):
        entry = {**fields["items"][0], "planted": 1}
        yield "an entry with one field more", content_type, json.dumps({**fields, "items": [entry]}).encode()


@pytest.mark.parametrize("name", sorted(operation.name for operation in OPERATIONS))
def test_a_wrong_answer_of_each_route_is_noticed(client: FlaskClient, name: str) -> None:
    answer = SUCCEEDS[name](client)
    method, path, status = answer.request.method, answer.request.path, answer.status_code
    assert 200 <= status < 300
    assert complaint(method, path, status, answer.content_type, answer.get_data()) == ""
    assert complaint(method, path, 299, answer.content_type, answer.get_data())
    variants = list(wrong_answers(answer))
    assert variants
    # Fields that need not be there are no mistake when they are missing.
    optional = {"no environment", "no posts", "no remarks"}
    for wrong, content_type, body in variants:
        if wrong not in optional:
            assert complaint(method, path, status, content_type, body), wrong


def test_the_test_client_fails_for_a_wrong_answer(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "process_response", lambda _: Response("{}", 200, content_type="application/json"))
    with pytest.raises(AssertionError, match="'account_id' is a required property"):
        client.get(f"/accounts/{ACCOUNT.id}")


def test_the_document_has_every_route_and_no_other(app: Flask) -> None:
    served = {
        (method.lower(), rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        # One only answers that the method is wrong; the console has pages.
        if not rule.endpoint.endswith("by_another_method") and not rule.rule.startswith("/console")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {(method, path) for path, operations in described()["paths"].items() for method in operations}
    assert sorted(served - documented) == []
    assert sorted(documented - served) == []


def test_the_document_is_openapi_3_1(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    validate(document)
    assert document == described()


def test_our_answers_have_no_unknown_fields(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    asked = {"Event", "Envelope", "Header", "ChannelData", "Configuration", "ChannelTypeRequest"}
    open_schemas = {name for name, schema in schemas.items() if schema.get("additionalProperties") is not False}
    assert open_schemas <= asked


def test_the_requests_are_described_by_the_schemas_that_check_them(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    registration = schemas["Registration"]
    assert registration["required"] == ["API-KEY", "API-KEY-SECRET"]
    assert set(registration["properties"]) >= set(GUIDE)
    assert registration["properties"]["API-KEY"]["maxLength"] == 500
    assert schemas["Envelope"]["required"] == ["body", "header", "id"]
    assert schemas["ChannelData"]["properties"]["serviceIdentifier"]["maxLength"] == 128


def test_a_start_does_not_import_what_makes_the_document(tmp_path: Path) -> None:
    code = (
        "import sys, tests.brokers as b, pathlib, twitter_connector as t;"
        "s = b.services_of(b.settings_in(pathlib.Path(sys.argv[1]))); t.create_app(s.settings, s);"
        "print([n for n in ('apispec', 'twitter_connector.web.operations') if n in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
