"""Challenge and signature: published vectors, and every way of being wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from tests.web.web_requests import ACCOUNT, HEADER, PATH, SECRET, cim, dm, is_problem, post_event, signed, stored
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Credentials, signature
from twitter_connector.web.webhook_signature import is_genuine

VECTORS = json.loads((Path(__file__).parents[1] / "payloads" / "signature_vectors.json").read_text("utf-8"))
ALL = [v for group in ("published", "computed_here") for v in VECTORS[group]]


def said(vector: dict[str, Any]) -> bytes:
    return str(vector.get("message") or vector["crc_token"]).encode()


@pytest.mark.parametrize("vector", ALL, ids=lambda v: v["what"])
def test_signatures_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    assert signature(vector["consumer_secret"], said(vector)) == vector["expected"]
    assert is_genuine(vector["expected"], ["another", vector["consumer_secret"]], said(vector))


@pytest.mark.parametrize("vector", [v for v in ALL if "crc_token" in v], ids=lambda v: v["crc_token"])
def test_the_challenge_is_answered_as_in_the_vectors(
    client: FlaskClient, services: Services, vector: dict[str, Any]
) -> None:
    credentials = replace(ACCOUNT.credentials, api_key_secret=vector["consumer_secret"])
    services.accounts.save(replace(ACCOUNT, credentials=credentials))
    response = client.get(PATH, query_string={"crc_token": vector["crc_token"], "nonce": "x"})
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.get_json() == {"response_token": vector["expected"]}


@pytest.mark.parametrize("vector", [v for v in ALL if v.get("message", "").startswith("{")], ids=lambda v: v["what"])
def test_events_of_the_vectors_are_let_in(client: FlaskClient, services: Services, vector: dict[str, Any]) -> None:
    credentials = replace(ACCOUNT.credentials, api_key_secret=vector["consumer_secret"])
    services.accounts.save(replace(ACCOUNT, credentials=credentials))
    response = client.post(PATH, data=said(vector), headers={HEADER: vector["expected"]})
    assert (response.status_code, response.get_data()) == (200, b"")


@pytest.mark.parametrize(
    "query", ["", "crc_token=", "nonce=1", "CRC_TOKEN=a", "crc_token=" + "x" * 5000], ids=lambda q: q[:12] or "empty"
)
def test_a_challenge_without_a_usable_token_is_400(client: FlaskClient, query: str) -> None:
    response = client.get(f"{PATH}?{query}")
    assert response.status_code == 400
    assert is_problem(response)


def test_a_challenge_for_an_unknown_account_is_404(client: FlaskClient) -> None:
    response = client.get("/webhook/twitter/1?crc_token=foo")
    assert response.status_code == 404
    assert is_problem(response)


def test_an_account_registered_a_moment_ago_in_another_process_is_challenged_with_its_secret(
    client: FlaskClient, services: Services, broker_process: Any
) -> None:
    from tests.brokers import services_of

    assert client.get("/webhook/twitter/77?crc_token=foo").status_code == 404
    elsewhere = services_of(replace(broker_process.settings, credentials_keys=()))
    elsewhere.accounts.save(replace(ACCOUNT, id="77", credentials=Credentials("k", "another secret", "t", "s")))
    elsewhere.redis.close()
    answer = client.get("/webhook/twitter/77?crc_token=foo").get_json()
    assert answer == {"response_token": signed(b"foo", "another secret")}


def test_an_empty_secret_accepts_nothing_that_anybody_can_sign() -> None:
    assert not is_genuine(signature("", b"body"), ["", "secret"], b"body")
    assert not is_genuine(signature("secret", b"body"), [], b"body")


def wrong_signatures() -> dict[str, str | None]:
    body = json.dumps(dm()).encode()
    right = signed(body)
    raw = base64.b64decode(right.removeprefix("sha256="))
    return {
        "missing": None,
        "empty": "",
        "prefix only": "sha256=",
        "without prefix": right.removeprefix("sha256="),
        "short": right[:-4],
        "long": right + "A",
        "hexadecimal": f"sha256={raw.hex()}",
        "another algorithm": right.replace("sha256", "sha1"),
        "upper case": right.upper(),
        "of another body": signed(body + b" "),
        "under another secret": signed(body, SECRET + "x"),
        "under an empty secret": signed(body, ""),
        "of the parsed body": signed(json.dumps(dm(), indent=1).encode()),
        "with a space": right.replace("=", "= ", 1),
        "not ASCII": "sha256=ü",
        "two of them": f"{right}, {right}",
    }


@pytest.mark.parametrize("kind", wrong_signatures())
def test_a_wrong_signature_is_401_and_nothing_is_stored(
    client: FlaskClient, inspector: redis.Redis, services: Services, kind: str
) -> None:
    header = wrong_signatures()[kind]
    before = inspector.keys("*")
    response = client.post(PATH, data=json.dumps(dm()), headers={HEADER: header} if header is not None else {})
    assert response.status_code == 401
    assert is_problem(response)
    assert sorted(inspector.keys("*")) == sorted(before)
    assert stored(inspector) == []
    assert services.wakeups.woken == []  # type: ignore[attr-defined]


def test_the_signature_is_that_of_the_raw_bytes(client: FlaskClient, inspector: redis.Redis) -> None:
    body = json.dumps(dm()).replace("/", "\\/").replace("Yes", "\\u0059es").encode()
    assert client.post(PATH, data=body, headers={HEADER: signed(body)}).status_code == 200
    assert client.post(PATH, data=json.dumps(json.loads(body)), headers={HEADER: signed(body)}).status_code == 401


def test_the_secret_in_use_before_a_rotation_still_counts(client: FlaskClient, services: Services) -> None:
    new = replace(ACCOUNT.credentials, api_key_secret="new-secret")
    services.accounts.save(replace(ACCOUNT, credentials=new, retired_secrets=(SECRET,)))
    assert post_event(client, dm("1"), secret="new-secret").status_code == 200
    assert post_event(client, dm("2"), secret=SECRET).status_code == 200
    assert post_event(client, dm("3"), secret="older still").status_code == 401


def test_keys_changed_in_another_process_count_within_a_second(
    client: FlaskClient, services: Services, broker_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.brokers import services_of

    assert post_event(client, dm("1")).status_code == 200
    elsewhere = services_of(broker_process.settings)
    elsewhere.accounts.save(replace(ACCOUNT, credentials=replace(ACCOUNT.credentials, api_key_secret="new-secret")))
    elsewhere.redis.close()
    known_at, known = services.accounts._cache[ACCOUNT.id]
    services.accounts._cache[ACCOUNT.id] = (known_at - 1.5, known)
    assert post_event(client, dm("2"), secret="new-secret").status_code == 200


def test_an_event_for_an_unknown_account_is_404_and_nothing_is_stored(
    client: FlaskClient, inspector: redis.Redis
) -> None:
    response = post_event(client, dm(), path="/webhook/twitter/999")
    assert response.status_code == 404
    assert is_problem(response)
    assert stored(inspector) == []


def test_a_signature_is_of_no_use_on_the_routes_of_ccm(client: FlaskClient, inspector: redis.Redis) -> None:
    body = json.dumps(cim()).encode()
    response = client.post(
        "/cim-messages", data=body, headers={HEADER: signed(body)}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert response.status_code == 403
    assert stored(inspector) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "missing"),
        ("crc_token=", "missing"),
        ("crc_token=" + "x" * 5000, "longer than 1000 characters"),
        ("crc_token={}", "'{'"),
        ("crc_token=crc_token%3Dx", "crc_token="),
    ],
)
def test_a_token_that_is_not_signed_is_refused_with_the_reason(client: FlaskClient, query: str, says: str) -> None:
    response = client.get(f"{PATH}?{query}")
    assert response.status_code == 400
    assert response.get_json()["type"] == "invalid-crc-token"
    assert says in response.get_json()["detail"]
