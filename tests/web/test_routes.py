"""Every route in every form: prefix, trailing slash, wrong method; never a redirect, always a problem when refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.web_requests import ACCOUNT, PATH, cim, dm, is_problem, post_event
from twitter_connector.bootstrap import Services
from twitter_connector.errors import AWAITS_A_PERSON, NEEDS_A_PERSON
from twitter_connector.model.timestamps import epoch_ms, iso

PREFIX = "/twitter-connector"
UNKNOWN = "4711"

# The interface as written down, method by method; the application may have more, never less.
INTERFACE = {
    ("GET", "/webhook/twitter/<account_id>"),
    ("POST", "/webhook/twitter/<account_id>"),
    ("POST", "/webhook/twitter/register-and-subscribe"),
    ("GET", "/webhook/twitter/<account_id>/status"),
    ("DELETE", "/webhook/twitter/<account_id>"),
    ("POST", "/cim-messages"),
    ("GET", "/messages"),
    ("GET", "/accounts/<account_id>/history"),
    ("GET", "/messages/<any_id>"),
    ("POST", "/message/receive"),
    ("POST", "/message/receive/cim-messages"),
    ("POST", "/ccm-msg/receive"),
    ("POST", "/ccm-msg/receive/cim-messages"),
    ("POST", "/"),
    ("POST", "/connector-configurations"),
    ("POST", "/channel-type-configurations"),
    ("GET", "/accounts"),
    ("GET", "/accounts/<account_id>"),
    ("GET", "/health/live"),
    ("GET", "/health/liveness"),
    ("GET", "/actuator/health/liveness"),
    ("GET", "/health/ready"),
    ("GET", "/readiness"),
    ("GET", "/health/readiness"),
    ("GET", "/actuator/health/readiness"),
    ("GET", "/metrics"),
}


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.endswith("by_another_method"):
            continue  # it only answers that the method is wrong
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule


def forms(path: str) -> list[str]:
    """Return the ways in which a path may be written."""
    bare = "" if path == "/" else path
    return [path, f"{bare}/", f"{PREFIX}{bare}", f"{PREFIX}{bare}/"]


def ask(client: FlaskClient, method: str, path: str, **kwargs: Any) -> TestResponse:
    return client.open(path, method=method, **kwargs)


def meaning(response: TestResponse) -> Any:
    """Return what an answer says, without what differs from one moment to the next."""
    if response.content_type.endswith("json"):
        return response.get_json()
    return response.content_type


def test_the_whole_interface_is_there(app: Flask) -> None:
    # A path parameter's name and converter are nobody's business outside.
    there = {(method, rule.replace("string:", "")) for method, rule in routes(app)}
    assert INTERFACE - there == set()


def test_every_route_answers_alike_in_all_its_forms_and_never_redirects(app: Flask, client: FlaskClient) -> None:
    client.get("/health/live")
    for method, rule in routes(app):
        path = rule.split("<")[0] + UNKNOWN + rule.partition(">")[2] if "<" in rule else rule
        answers = [ask(client, method, form) for form in forms(path)]
        assert len({a.status_code for a in answers}) == 1, (method, rule, [a.status_code for a in answers])
        assert not [a for a in answers if 300 <= a.status_code < 400], (method, rule)
        assert all(meaning(a) == meaning(answers[0]) for a in answers), (method, rule)
        if answers[0].status_code >= 400:
            assert all(is_problem(a) for a in answers), (method, rule)
            # It reached its view, not the answer for addresses where there is nothing.
            assert "nothing at this address" not in answers[0].get_json()["detail"], (method, rule)


@pytest.mark.parametrize("form", forms(PATH))
def test_twitters_routes_work_in_every_form(client: FlaskClient, services: Services, form: str) -> None:
    assert client.get(f"{form}?crc_token=foo").status_code == 200
    assert post_event(client, dm(), path=form).status_code == 200
    assert services.lanes.waiting(ACCOUNT.id)


CIM_PATHS = sorted(rule for method, rule in INTERFACE if method == "POST" and ("receive" in rule or "cim-" in rule))


@pytest.mark.parametrize("form", [f for path in [*CIM_PATHS, "/"] for f in forms(path)])
def test_messages_from_ccm_are_taken_on_every_alias(client: FlaskClient, services: Services, form: str) -> None:
    response = client.post(form, json=cim("m-1"))
    assert response.status_code == 202
    assert response.get_json() == {"messageId": "m-1"}
    assert services.lanes.waiting(ACCOUNT.id)["out"] == 1


@pytest.mark.parametrize(
    "path", ["/nowhere", "/twitter-connectors/cim-messages", "/webhook", f"{PATH}/x/y", "/twitter-connector-x", "//"]
)
def test_where_there_is_nothing_the_answer_is_404_or_405(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code in (404, 405)
    assert is_problem(response)


def test_the_prefix_counts_once(client: FlaskClient) -> None:
    assert client.get(f"{PREFIX}{PREFIX}/health/live").status_code == 404


def test_a_wrong_method_is_405_and_names_the_right_ones(client: FlaskClient) -> None:
    response = client.put("/cim-messages")
    assert response.status_code == 405
    assert is_problem(response)
    assert "POST" in response.headers["Allow"]
    assert response.get_json()["detail"].startswith(f"This address takes only {response.headers['Allow']}.")


def test_a_failure_of_our_own_is_500_and_says_nothing_of_what_is_inside(
    app: Flask, client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the customer wrote: planted words")

    monkeypatch.setattr(services.lanes, "accept", broken)
    response = client.post("/cim-messages", json=cim())
    assert response.status_code == 500
    assert is_problem(response)
    assert "planted words" not in response.get_data(as_text=True)
    assert "Traceback" not in response.get_data(as_text=True)


class TestMessagesFromCcm:
    def test_a_repeat_is_answered_alike_and_stored_once(self, client: FlaskClient, services: Services) -> None:
        answers = [client.post("/cim-messages", json=cim("m-1")) for _ in range(3)]
        assert {(a.status_code, a.get_data()) for a in answers} == {(202, b'{"messageId": "m-1"}')}
        lease = services.lanes.claim(services.wakeups.woken[0])  # type: ignore[attr-defined]
        assert lease is not None
        assert services.lanes.settle(lease) is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"id":"1"}',
            b'{"id":"1","header":{},"body":{}}',
            b"\xff",
            b"[" * 100_000,
            b"9" * 5000,
        ],
        ids=lambda b: repr(b[:12]),
    )
    def test_what_is_no_cim_message_is_400_with_the_fields_at_fault(self, client: FlaskClient, body: bytes) -> None:
        response = client.post("/cim-messages", data=body, content_type="application/json")
        assert response.status_code == 400
        assert is_problem(response)
        assert response.get_json()["errors"]

    @pytest.mark.parametrize("field", ["id", "customer", "account"])
    @pytest.mark.parametrize("value", ["a\nb", "a\x7fb", "", " ", "x" * 129, None, 1.5, True, [], {}], ids=repr)
    def test_an_id_that_could_do_harm_is_400_and_named(self, client: FlaskClient, field: str, value: object) -> None:
        message = cim()
        if field == "id":
            message["id"] = value
        else:
            name = "channelCustomerIdentifier" if field == "customer" else "serviceIdentifier"
            message["header"]["channelData"][name] = value
        response = client.post("/cim-messages", data=json.dumps(message), content_type="application/json")
        assert response.status_code == 400
        assert is_problem(response)

    @pytest.mark.parametrize(
        "value", [999_999_999_999_999, 253_402_300_800_000, -1, 1e300, "999999999999999", "0001-01-01", "x", "", {}]
    )
    def test_an_absurd_timestamp_is_no_reason_to_refuse(self, client: FlaskClient, value: object) -> None:
        message = cim()
        message["header"]["timestamp"] = value
        assert client.post("/cim-messages", json=message).status_code == 202

    def test_half_a_surrogate_pair_in_a_text_is_carried(self, client: FlaskClient, services: Services) -> None:
        body = json.dumps(cim(markdownText="broken \ud83d emoji"))
        assert client.post("/cim-messages", data=body, content_type="application/json").status_code == 202


class TestHealth:
    def test_ready_means_that_a_worker_is_alive(self, client: FlaskClient, services: Services) -> None:
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert is_problem(response)
        assert response.get_json()["failing"] == "worker"
        services.heartbeats.beat("one")
        assert client.get("/health/ready").status_code == 200

    def test_health_is_open_to_everybody(self, client: FlaskClient, services: Services) -> None:
        services.heartbeats.beat("one")
        outside = {"REMOTE_ADDR": "203.0.113.9"}
        for path in ("/health/live", "/health/ready"):
            assert client.get(path, environ_base=outside).status_code == 200

    def test_every_other_route_is_closed_to_the_internet(self, app: Flask, client: FlaskClient) -> None:
        open_to_all = {rule for _, rule in INTERFACE if "health" in rule or "readiness" in rule}
        twitters = {("GET", "/webhook/twitter/<account_id>"), ("POST", "/webhook/twitter/<account_id>")}
        for method, rule in routes(app):
            if rule in open_to_all or (method, rule) in twitters:
                continue
            path = rule.split("<")[0] + UNKNOWN + rule.partition(">")[2] if "<" in rule else rule
            response = ask(client, method, path, environ_base={"REMOTE_ADDR": "203.0.113.9"})
            assert response.status_code == 403, (method, rule)
            assert is_problem(response)


class TestAccounts:
    def test_no_secret_is_shown(self, client: FlaskClient, services: Services) -> None:
        c = ACCOUNT.credentials
        for path in ("/accounts", f"/accounts/{ACCOUNT.id}", "/metrics"):
            shown = client.get(path).get_data(as_text=True)
            assert not [s for s in (c.api_key, c.api_key_secret, c.access_token, c.access_token_secret) if s in shown]

    def test_an_account_tells_how_it_stands(self, client: FlaskClient, services: Services) -> None:
        client.get(f"{PATH}?crc_token=foo")
        post_event(client, dm())
        services.lanes.pause("out", ACCOUNT.id, 4_000_000_000_000, "rate_limited", "Twitter's rate limit is reached.")
        shown = client.get(f"/accounts/{ACCOUNT.id}").get_json()
        assert (shown["account_id"], shown["api"], shown["state"]) == (ACCOUNT.id, "v1.1", "paused")
        assert shown["lanes_waiting"] == {"inbound": 1, "outbound": 0}
        assert shown["pauses"]["outbound"]["reason"] == "rate_limited"
        assert shown["last_crc_at"]
        assert shown["last_event_at"]
        assert client.get("/accounts").get_json()["items"] == [shown]
        assert client.get("/accounts/1").status_code == 404

    def test_an_endpoint_that_waits_for_a_person_is_shown_until_it_is_tried_again_or_the_account_is_removed(
        self, client: FlaskClient, services: Services
    ) -> None:
        until = services.clock() + timedelta(minutes=10)
        pauses = services.lanes.endpoint_pauses
        pauses.pause(ACCOUNT.id, "upload", epoch_ms(until), "user_not_enrolled", "Enrol the app.")
        shown = client.get(f"/accounts/{ACCOUNT.id}").get_json()
        assert (shown["state"], shown["attention"]) == ("attention", "Enrol the app.")
        pause = {"until": iso(until), "reason": "user_not_enrolled", "detail": "Enrol the app."}
        assert shown["pauses"] == {"upload": pause}
        services.accounts.remove(ACCOUNT.id)
        services.accounts.save(ACCOUNT)
        assert client.get(f"/accounts/{ACCOUNT.id}").get_json()["attention"] is None

    def test_an_endpoint_that_x_limits_is_shown_and_needs_nobody(self, client: FlaskClient, services: Services) -> None:
        until = services.clock() + timedelta(minutes=10)
        services.lanes.endpoint_pauses.pause(ACCOUNT.id, "upload", epoch_ms(until), "rate_limited", "X's limit.")
        shown = client.get(f"/accounts/{ACCOUNT.id}").get_json()
        assert (shown["state"], shown["attention"]) == ("active", None)
        assert shown["pauses"]["upload"]["reason"] == "rate_limited"
        services.lanes.end_waits(ACCOUNT.id)
        assert client.get(f"/accounts/{ACCOUNT.id}").get_json()["pauses"]["upload"] == shown["pauses"]["upload"]

    @pytest.mark.parametrize("reason", sorted(NEEDS_A_PERSON))
    def test_a_pause_that_a_person_has_to_end_says_what_to_do(
        self, client: FlaskClient, services: Services, reason: str
    ) -> None:
        services.lanes.pause("out", ACCOUNT.id, 4_000_000_000_000, reason, "Log in at x.com.")
        shown = client.get(f"/accounts/{ACCOUNT.id}").get_json()
        state = "attention" if reason in AWAITS_A_PERSON else "paused"
        assert (shown["state"], shown["attention"]) == (state, "Log in at x.com.")

    def test_the_metrics_count_what_happened(self, client: FlaskClient) -> None:
        post_event(client, dm())
        response = client.get("/metrics")
        assert response.content_type.startswith("text/plain; version=0.0.4")
        assert 'twitter_connector_events_total{family="direct_message_events",outcome="accepted"}' in response.text


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_registering_by_another_method_is_405_and_no_challenge(client: FlaskClient, method: str) -> None:
    response = client.open("/webhook/twitter/register-and-subscribe", method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert "crc_token" not in response.get_data(as_text=True)
