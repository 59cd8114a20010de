"""Events from Twitter: what is stored, what is answered, and what acknowledging costs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from tests.brokers import Broker, running, services_of
from tests.tree import eventually
from tests.web.web_requests import ACCOUNT, HEADER, PATH, cim, dm, is_problem, post_event, signed, stored
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.account import Account, signature
from twitter_connector.model.work import Direction
from twitter_connector.store.account_rows import NAMED_FIELDS
from twitter_connector.store.accounts import Accounts
from twitter_connector.store.vault import Vault, keys_of
from twitter_connector.web import unknown_accounts
from twitter_connector.web.webhook_signature import SIGNATURE_HEADER

IN = Direction.IN


def waiting(services: Services) -> list[tuple[str, str]]:
    """Return (lane, id) of all inbound work, taking it."""
    found = []
    while (lease := services.lanes.claim(IN)) is not None:
        while lease is not None:
            found.append((lease.lane, lease.entry_id))
            lease = services.lanes.settle(lease)
    return found


def test_an_event_is_stored_and_answered_with_an_empty_200(client: FlaskClient, services: Services) -> None:
    response = post_event(client, dm("17"))
    assert (response.status_code, response.get_data()) == (200, b"")
    assert services.wakeups.woken == [IN]  # type: ignore[attr-defined]
    lease = services.lanes.claim(IN)
    assert lease is not None
    assert (lease.account_id, lease.lane, lease.entry_id) == (ACCOUNT.id, "12345", "dm:17")
    kept = json.loads(lease.payload)["activity"]
    assert kept["direct_message_events"] == dm("17")["direct_message_events"]


def test_the_same_event_twice_is_stored_once_and_answered_alike(client: FlaskClient, services: Services) -> None:
    answers = [post_event(client, dm("17")) for _ in range(3)]
    assert {(a.status_code, a.get_data()) for a in answers} == {(200, b"")}
    assert waiting(services) == [("12345", "dm:17")]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/plain", "", "application/x-www-form"]
)
def test_any_content_type_will_do(client: FlaskClient, services: Services, content_type: str) -> None:
    body = json.dumps(dm()).encode()
    response = client.post(PATH, data=body, content_type=content_type, headers={HEADER: signed(body)})
    assert response.status_code == 200
    assert len(waiting(services)) == 1


def test_several_events_in_one_body_are_all_stored_in_the_order_of_their_ids(
    client: FlaskClient, services: Services
) -> None:
    payload = dm("3")
    payload["direct_message_events"] += [dm(i)["direct_message_events"][0] for i in ("1", "2", "3")]
    payload["follow_events"] = [{"type": "follow"}]
    assert post_event(client, payload).status_code == 200
    assert waiting(services) == [("12345", "dm:1"), ("12345", "dm:2"), ("12345", "dm:3")]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"for_user_id": ACCOUNT.id},
        {"for_user_id": ACCOUNT.id, "something_new_events": [{"id": "1"}]},
        {"for_user_id": ACCOUNT.id, "tweet_create_events": [{"id": 1}], "user_has_blocked": False},
        {"for_user_id": ACCOUNT.id, "direct_message_events": []},
        {"replay_job_status": {"job_state": "Complete"}},
        {"user_event": {"something": {}}},
        {"for_user_id": ACCOUNT.id, "direct_message_indicate_typing_events": None},
    ],
    ids=lambda p: next(reversed(p), "empty"),
)
def test_what_is_not_for_us_is_answered_200(client: FlaskClient, payload: dict[str, Any]) -> None:
    assert post_event(client, payload).status_code == 200


def test_an_own_message_coming_back_is_no_work(client: FlaskClient, services: Services) -> None:
    payload = dm("5")
    create = payload["direct_message_events"][0]["message_create"]
    create["sender_id"], create["target"]["recipient_id"] = ACCOUNT.id, "12345"
    assert post_event(client, payload).status_code == 200
    assert waiting(services) == []
    assert [e.event_id for e in services.ledger.echoes(ACCOUNT.id, "12345")] == ["5"]


def test_an_event_without_readable_ids_is_kept_for_a_person(client: FlaskClient, services: Services) -> None:
    payload = {"for_user_id": ACCOUNT.id, "direct_message_events": [{"type": "message_create"}]}
    assert post_event(client, payload).status_code == 200
    assert [lane for lane, _ in waiting(services)] == ["~unreadable"]


def test_events_go_to_the_account_they_are_for_whatever_the_path(client: FlaskClient, services: Services) -> None:
    payload = dm("5")
    payload["for_user_id"] = "888"
    payload["direct_message_events"][0]["message_create"]["target"]["recipient_id"] = "888"
    assert post_event(client, payload).status_code == 200
    lease = services.lanes.claim(IN)
    assert lease is not None
    assert lease.account_id == "888"


def test_a_revocation_marks_the_account(client: FlaskClient, services: Services) -> None:
    revoke = {"source": {"user_id": ACCOUNT.id}, "target": {"app_id": "1"}, "date_time": "2018-05-24T09:48:12+00:00"}
    assert post_event(client, {"user_event": {"revoke": revoke}}).status_code == 200
    account = services.accounts.get(ACCOUNT.id, max_age=0)
    assert account is not None
    assert account.attention
    assert not account.subscribed
    assert client.get(f"/accounts/{ACCOUNT.id}").get_json()["state"] == "attention"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"1", b"\xff\xfe", b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000, b"{}x"],
    ids=lambda b: repr(b[:8]),
)
def test_a_genuine_body_that_is_no_json_object_is_400(client: FlaskClient, inspector: redis.Redis, body: bytes) -> None:
    response = post_event(client, body)
    assert response.status_code == 400
    assert is_problem(response)
    assert stored(inspector) == []


@pytest.mark.parametrize("stamp", ["99999999999999999999", -(10**18), 10**30, "later", 1e300, None, "", True])
@pytest.mark.parametrize("own", [True, False])
def test_an_absurd_moment_in_a_genuine_event_never_fails_the_answer(
    client: FlaskClient, services: Services, stamp: object, own: bool
) -> None:
    """Twitter would send it again and again, and at last take the webhook for broken."""
    payload = dm("5")
    event = payload["direct_message_events"][0]
    event["created_timestamp"] = stamp
    if own:
        event["message_create"]["sender_id"] = ACCOUNT.id
        event["message_create"]["target"]["recipient_id"] = "12345"
    assert post_event(client, payload).status_code == 200


@pytest.mark.parametrize("path", [PATH, "/cim-messages"])
def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_413(
    client: FlaskClient, inspector: redis.Redis, path: str
) -> None:
    limit = 1024 * 1024
    whole = dm("1") if path == PATH else cim()
    empty = json.dumps(whole).encode()
    for size, status in ((limit, {200, 202}), (limit + 1, {413})):
        body = empty + b" " * (size - len(empty))
        response = client.post(path, data=body, headers={HEADER: signed(body)}, content_type="application/json")
        assert response.status_code in status
        if status == {413}:
            assert is_problem(response)
            assert str(limit) in response.get_json()["detail"]


def test_a_body_that_does_not_say_its_length_is_cut_off_too(client: FlaskClient) -> None:
    import io

    for path in (PATH, "/cim-messages"):
        response = client.post(
            path,
            input_stream=io.BytesIO(b" " * (1024 * 1024 + 1)),
            headers={"Transfer-Encoding": "chunked", HEADER: "sha256=x"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert response.status_code == 413
        assert is_problem(response)


@pytest.mark.parametrize("path", ["/webhook/twitter/register-and-subscribe", "/connector-configurations"])
def test_other_bodies_are_limited_to_64_kib(client: FlaskClient, path: str) -> None:
    body = b"{" + b" " * (64 * 1024 - 2) + b"}"
    assert client.post(path, data=body, content_type="application/json").status_code == 400
    response = client.post(path, data=body + b" ", content_type="application/json")
    assert response.status_code == 413
    assert is_problem(response)


@contextmanager
def broker_client(services: Services) -> Iterator[redis.Redis]:
    """A client that has said all its greetings already."""
    with redis.Redis.from_url(services.settings.redis_url, decode_responses=True) as client:
        client.ping()
        yield client


class TestCost:
    def commands_of(self, inspector: redis.Redis, services: Services, act: Any) -> list[str]:
        """Return the commands the broker was sent during an act, those inside its scripts not counted."""
        with broker_client(services) as marker, inspector.monitor() as monitor:
            act()
            marker.echo("the end")
            commands = []
            while "the end" not in (entry := monitor.next_command())["command"]:
                if entry["client_type"] != "lua":
                    commands.append(entry["command"].split(" ")[0].upper())
        return commands

    def test_acknowledging_is_one_round_trip(
        self, client: FlaskClient, inspector: redis.Redis, services: Services, outgoing: list[str]
    ) -> None:
        post_event(client, dm("1"))  # the account is known and the script loaded from here on
        several = dm("3")
        several["direct_message_events"] += dm("4")["direct_message_events"]
        for payload in (dm("2"), dm("2"), several):
            commands = self.commands_of(inspector, services, lambda p=payload: post_event(client, p))
            assert commands == ["EVALSHA"]
        assert outgoing == []

    def test_accepting_a_message_from_ccm_is_one_round_trip(
        self, client: FlaskClient, inspector: redis.Redis, services: Services, outgoing: list[str]
    ) -> None:
        client.post("/cim-messages", json=cim("1"))
        commands = self.commands_of(inspector, services, lambda: client.post("/cim-messages", json=cim("2")))
        assert commands == ["EVALSHA"]
        assert outgoing == []

    def test_a_refused_signature_asks_the_broker_nothing(
        self, client: FlaskClient, inspector: redis.Redis, services: Services
    ) -> None:
        post_event(client, dm("1"))
        assert self.commands_of(inspector, services, lambda: post_event(client, dm("2"), secret="wrong")) == []

    def test_no_connection_leaves_the_machine(
        self, client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[Any] = []
        monkeypatch.setattr(socket, "create_connection", lambda *a, **k: tried.append(a))
        connect = socket.socket.connect

        def watched(self: socket.socket, address: Any) -> None:
            if self.family != socket.AF_UNIX:
                tried.append(address)
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", watched)
        assert post_event(client, dm()).status_code == 200
        assert client.post("/cim-messages", json=cim()).status_code == 202
        assert client.get(f"{PATH}?crc_token=foo").status_code == 200
        assert tried == []


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[tuple[Broker, Services, FlaskClient]]:
    """A broker of the test's own, with one event and one message in it, and then killed."""
    with running(tmp_path, fsync="always") as broker:
        services = services_of(broker.settings)
        services.accounts.save(ACCOUNT)
        client = create_app(services.settings, services).test_client()
        assert post_event(client, dm("1")).status_code == 200
        assert client.post("/cim-messages", json=cim("1")).status_code == 202
        broker.kill()
        yield broker, services, client
        services.redis.close()


def no_disk(services: Services) -> None:
    """Have the local journal fail, too."""
    journal = services.settings.var_dir / "journal"
    assert not journal.exists()
    journal.write_text("not a directory")


def test_where_neither_broker_nor_disk_takes_anything_nothing_is_acknowledged(
    outage: tuple[Broker, Services, FlaskClient],
) -> None:
    broker, services, client = outage
    no_disk(services)
    for response in (
        post_event(client, dm("2")),
        post_event(client, dm("1")),
        client.post("/cim-messages", json=cim("2")),
        client.post("/cim-messages", json=cim("1")),
    ):
        assert response.status_code == 503
        assert is_problem(response)
        assert int(response.headers["Retry-After"]) > 0
    before = int(time.time() * 1000)
    broker.start()
    eventually(lambda: client.post("/cim-messages", json=cim("2")).status_code == 202)
    assert services.accounts.account_status(ACCOUNT.id).get("gap_since") is None
    assert post_event(client, dm("2")).status_code == 200
    assert [i for _, i in waiting(services)] == ["dm:1", "dm:2"]
    # Whatever Twitter does not repeat any more has to be read back.
    account_status = services.accounts.account_status(ACCOUNT.id)
    assert 0 < account_status["gap_since"] <= before
    assert account_status["next_check_at"] == 0


def test_with_the_journal_off_nothing_is_acknowledged_while_the_broker_is_away(
    outage: tuple[Broker, Services, FlaskClient],
) -> None:
    broker, services, _ = outage
    off = services_of(replace(broker.settings, journal="off"))
    client = create_app(off.settings, off).test_client()
    broker.start()
    off.accounts.refresh()
    broker.kill()
    for response in (post_event(client, dm("2")), client.post("/cim-messages", json=cim("2"))):
        assert response.status_code == 503
        assert is_problem(response)
        assert int(response.headers["Retry-After"]) > 0
    assert not (services.settings.var_dir / "journal").exists()
    broker.start()
    eventually(lambda: client.post("/cim-messages", json=cim("2")).status_code == 202)
    assert post_event(client, dm("2")).status_code == 200
    assert [i for _, i in waiting(services)] == ["dm:1", "dm:2"]
    off.redis.close()


def test_a_challenge_that_could_not_be_answered_has_the_account_looked_at(
    outage: tuple[Broker, Services, FlaskClient],
) -> None:
    broker, _, _ = outage
    # A process that has not met the account yet.
    late = services_of(broker.settings)
    client = create_app(late.settings, late).test_client()
    assert client.get(f"{PATH}?crc_token=foo").status_code == 503
    broker.start()
    late.heartbeats.beat("a-worker")
    eventually(lambda: client.get("/health/ready").status_code == 200)
    assert late.accounts.account_status(ACCOUNT.id)["next_check_at"] == 0
    assert late.accounts.account_status("1") == {}
    late.redis.close()


def test_what_is_acknowledged_while_the_broker_is_away_is_there_when_it_is_back(
    outage: tuple[Broker, Services, FlaskClient],
) -> None:
    broker, services, client = outage
    events = [post_event(client, dm(i)).status_code for i in ("2", "3", "3", "4")]
    messages = [client.post("/cim-messages", json=cim(i)).status_code for i in ("2", "3")]
    acknowledged = ["dm:1"] + [
        f"dm:{i}" for i, status in zip("234", [*events[:2], events[3]], strict=True) if status == 200
    ]
    assert set(events) <= {200, 503}
    assert set(messages) <= {202, 503}
    broker.start()
    found: list[str] = []
    eventually(lambda: found.extend(i for _, i in waiting(services)) or set(found) >= set(acknowledged))
    assert found == acknowledged


def test_the_challenge_and_liveness_go_on_without_the_broker(outage: tuple[Broker, Services, FlaskClient]) -> None:
    """One wrong answer to the challenge would make Twitter switch the webhook off."""
    _, _, client = outage
    assert client.get(f"{PATH}?crc_token=foo").get_json() == {"response_token": signed(b"foo")}
    assert client.get("/health/live").status_code == 200
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert is_problem(response)
    assert response.get_json()["failing"] == "broker"


def test_a_wrong_signature_is_refused_while_the_broker_is_away(outage: tuple[Broker, Services, FlaskClient]) -> None:
    _, services, client = outage
    assert post_event(client, dm("2"), secret="wrong").status_code == 401
    assert not list((services.settings.var_dir / "journal").glob("*.journal"))


def test_an_account_registered_a_moment_ago_loses_no_event(client: FlaskClient, services: Services) -> None:
    """This process was asked for it in vain just before: its answer of that moment must not be used for an event."""
    young = replace(ACCOUNT, id="2975699999", webhook_url=ACCOUNT.webhook_url.replace(ACCOUNT.id, "2975699999"))
    body = json.dumps({"for_user_id": young.id, "follow_events": []}).encode()
    headers = {SIGNATURE_HEADER: signature(young.credentials.api_key_secret, body)}
    assert client.post(f"/webhook/twitter/{young.id}", data=body, headers=headers).status_code == 404
    assert client.get(f"/webhook/twitter/{young.id}/status").status_code == 404
    vault = Vault(keys_of(services.settings.credentials_keys, services.settings.var_dir))
    another_process = Accounts(services.redis, vault)
    another_process.save(young)
    assert client.post(f"/webhook/twitter/{young.id}", data=body, headers=headers).status_code == 200


def test_guessing_at_accounts_costs_a_bounded_number_of_reads(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    get = services.accounts.get

    def counted(account_id: str, *, max_age: float = 30.0) -> Account | None:
        nonlocal reads
        reads += max_age == 0
        return get(account_id, max_age=max_age)

    monkeypatch.setattr(services.accounts, "get", counted)
    monkeypatch.setattr(unknown_accounts, "READS_PER_SECOND", 0.0)
    guess = {SIGNATURE_HEADER: signature("a guess", b"{}")}
    for number in range(50):
        assert client.post(f"/webhook/twitter/{10**9 + number}", data=b"{}").status_code == 404
    assert reads == 0, "an event has a signature; without one nothing is read afresh"
    answers = [
        client.post(f"/webhook/twitter/{10**9 + number}", data=b"{}", headers=guess).status_code
        for number in range(unknown_accounts.BURST + 20)
    ]
    assert answers == [404] * unknown_accounts.BURST + [503] * 20
    assert reads == unknown_accounts.BURST


def test_a_choice_of_posts_by_another_process_counts_for_the_next_post(client: FlaskClient, services: Services) -> None:
    mention = {
        "id_str": "1750800000000000001",
        "timestamp_ms": "1730000000000",
        "text": "@acme help",
        "user": {"id_str": "12345", "name": "Ada", "screen_name": "ada"},
        "entities": {"user_mentions": [{"id_str": ACCOUNT.id, "screen_name": "acme"}], "urls": []},
    }
    payload = {"for_user_id": ACCOUNT.id, "tweet_create_events": [mention]}
    services.redis.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    assert post_event(client, payload).status_code == 200
    assert waiting(services) == []
    others = Accounts(services.redis, services.vault)
    others.change(ACCOUNT.id, lambda account: replace(account, settings={**account.settings, "posts": "all"}))
    assert post_event(client, payload).status_code == 200
    assert [entry for _, entry in waiting(services)] == ["post:1750800000000000001"]
