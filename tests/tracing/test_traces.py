"""The trace of a message: from the request that brings it, through its lane, to the other side. Nothing is faked but
the other sides, which answer over HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
import redis
from flask.testing import FlaskClient

from tests.brokers import Broker, broker_process, inspector, services_of, settings_in
from tests.loopback import Reply, Seen, loopback
from tests.tracing.collector import Collector, collector
from tests.tree import eventually
from tests.web.web_requests import ACCOUNT, HEADER, PATH, SECRET, cim, dm, signed
from twitter_connector import create_app, logs
from twitter_connector.bootstrap import Services, build_worker
from twitter_connector.delivery.consumer import Consumer
from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.delivery.typing import TypingDelivery
from twitter_connector.model.work import Direction, Entry
from twitter_connector.tracing.http_client import TracedFetcher

__all__ = ["broker_process", "inspector"]

IN, OUT = Direction.IN, Direction.OUT
TEXT = "my card number is 4711"
CALLERS_TRACE, CALLERS_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
POSTED_TO_X = "POST /1.1/direct_messages/events/new.json"


@dataclass
class OtherSides:
    """X and CCM: what they were asked, and what CCM answers next."""

    asked: list[Seen] = field(default_factory=list)
    ccm_answers: list[int] = field(default_factory=list)

    def answer(self, seen: Seen) -> Reply:
        self.asked.append(seen)
        if seen.path.startswith("/ccm"):
            return Reply(self.ccm_answers.pop(0) if self.ccm_answers else 200, b"{}")
        body = {"event": {"id": "99", "created_timestamp": "1576540475925", "message_create": {}}}
        return Reply(200, json.dumps(body).encode(), (("Content-Type", "application/json"),))


@dataclass
class Service:
    """The service in this process: its web side, and consumers that a test calls."""

    services: Services
    client: FlaskClient
    others: OtherSides
    collector: Collector
    consumers: dict[Direction, Consumer]
    typing: TypingDelivery
    numbers: Iterator[int] = field(default_factory=count)

    def event(self, event_id: str = "17", **headers: str) -> int:
        body = json.dumps(dm(event_id, TEXT)).encode()
        headers |= {HEADER: signed(body)}
        return self.client.post(PATH, data=body, content_type="application/json", headers=headers).status_code

    def serve(self, direction: Direction) -> int:
        """Try what is due until something was, and return how many messages were tried."""
        lease = eventually(lambda: self.services.lanes.claim(direction), what=f"work {direction}")
        return self.consumers[direction].work(lease, time.monotonic() + 5.0)


def _entry(id: str) -> Entry:
    return Entry(IN, ACCOUNT.id, "12345", id, "{}")


@pytest.fixture(scope="module")
def running(broker_process: Broker) -> Iterator[Service]:
    others = OtherSides()
    with collector() as received, loopback() as server, pytest.MonkeyPatch.context() as patch:
        server.answer = others.answer
        # OpenTelemetry reads its own variables from the environment.
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        settings = settings_in(
            broker_process.settings.var_dir,
            CCM_URL=f"{server.url}/ccm",
            TWITTER_API_URL=server.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=received.url,
        )
        services = services_of(settings)
        worker = build_worker(services, "traced")
        consumers = {direction: worker.listeners[direction].consumer for direction in Direction}
        client = create_app(settings, services).test_client()
        yield Service(services, client, others, received, consumers, worker.typing)
        services.redis.close()


@pytest.fixture
def traced(running: Service, inspector: redis.Redis) -> Iterator[Service]:
    """The service as if it had just been started, with an account."""
    running.services.accounts.save(ACCOUNT)
    yield running
    # Spans are sent in the order in which they ended. None of this test may come while the next one runs.
    last = _entry(f"the last one of test {next(running.numbers)}")
    with running.services.spans.storing([last]):  # type: ignore[union-attr]
        pass
    running.collector.until(lambda spans: [last.id] in [s.attributes.get("twitter_connector.entry_ids") for s in spans])
    for seen in (running.collector.bodies, running.others.asked, running.others.ccm_answers):
        seen.clear()


def test_an_event_is_one_trace_from_the_request_to_ccm(traced: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(logs._JsonLines())
    assert traced.event(traceparent=f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01") == 200
    assert traced.serve(IN) == 1
    route = "POST /webhook/twitter/<account_id>"
    request, try_, call = traced.collector.named(route, "deliver inbound", "POST /ccm/message/receive")
    assert {span.trace for span in (request, try_, call)} == {CALLERS_TRACE}
    assert [request.parent, try_.parent, call.parent] == [CALLERS_SPAN, request.id, try_.id]
    assert [request.kind, try_.kind, call.kind] == ["server", "consumer", "client"]
    assert not any(span.failed for span in (request, try_, call))
    (to_ccm,) = traced.others.asked
    assert to_ccm.headers["traceparent"] == f"00-{CALLERS_TRACE}-{call.id}-01"
    lines = [json.loads(line) for line in caplog.text.splitlines()]
    assert {line["event"]: line.get("trace_id") for line in lines}["posted_to_ccm"] == CALLERS_TRACE


def test_spans_name_account_customer_and_messages(traced: Service) -> None:
    traced.event()
    traced.serve(IN)
    request, try_, call = traced.collector.named(
        "POST /webhook/twitter/<account_id>", "deliver inbound", "POST /ccm/message/receive"
    )
    cim_id = json.loads(traced.others.asked[0].start)["id"]
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/webhook/twitter/<account_id>",
        "http.response.status_code": 200,
        "messaging.operation.type": "send",
        "messaging.destination.name": "inbound",
        "twitter_connector.account_id": ACCOUNT.id,
        "twitter_connector.customer_ids": ["12345"],
        "twitter_connector.entry_ids": ["dm:17"],
    }
    assert try_.attributes == {
        "messaging.operation.type": "process",
        "messaging.message.id": "dm:17",
        "twitter_connector.account_id": ACCOUNT.id,
        "twitter_connector.customer_id": "12345",
        "twitter_connector.cim_id": cim_id,
        "twitter_connector.kind": "PLAIN",
        "twitter_connector.try": 1,
    }
    assert call.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "url.template": "/ccm/message/receive",
    }
    assert request.resource["service.name"] == "twitter-connector"


def test_each_try_is_a_span_of_the_same_trace(traced: Service) -> None:
    traced.others.ccm_answers = [503]
    traced.event()
    assert [traced.serve(IN), traced.serve(IN), len(traced.others.asked)] == [1, 1, 2]
    spans = traced.collector.until(lambda spans: sum(s.name == "deliver inbound" for s in spans) == 2)
    first, second = (span for span in spans if span.name == "deliver inbound")
    assert (first.trace, first.parent) == (second.trace, second.parent)
    assert [first.attributes["twitter_connector.try"], second.attributes["twitter_connector.try"]] == [1, 2]
    assert (first.failed, first.attributes["error.type"], second.failed) == (True, "ccm_unavailable", False)


def test_a_reply_and_the_report_about_it_are_one_trace_and_x_does_not_hear_of_it(traced: Service) -> None:
    answer = traced.client.post("/cim-messages", json=cim("m-1"))
    assert answer.status_code == 202
    traced.serve(OUT)
    traced.serve(IN)
    request, reply, call, report = traced.collector.named(
        "POST /cim-messages", "deliver outbound", POSTED_TO_X, "deliver inbound"
    )
    assert {span.trace for span in (reply, call, report)} == {request.trace}
    assert [reply.parent, call.parent, report.parent] == [request.id, reply.id, reply.id]
    assert reply.attributes["twitter_connector.x_ids"] == ["99"]
    assert reply.attributes["twitter_connector.cim_id"] == "m-1"
    to_x, to_ccm = traced.others.asked
    assert "traceparent" not in to_x.headers
    assert to_ccm.headers["traceparent"].split("-")[1] == request.trace


def test_a_typing_indicator_is_in_the_trace_of_its_request(traced: Service) -> None:
    body = {"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"}
    assert traced.client.post("/cim-messages", json=cim("t-1", **body)).status_code == 202
    traced.typing.pass_on()
    request, typing, call = traced.collector.named(
        "POST /cim-messages", "deliver typing", "POST /1.1/direct_messages/indicate_typing.json"
    )
    assert [typing.trace, typing.parent, call.parent] == [request.trace, request.id, typing.id]
    assert typing.kind == "consumer"


def test_a_file_behind_a_link_is_a_span_that_names_the_server_only(traced: Service) -> None:
    with loopback() as public:
        public.answer = lambda seen: Reply(200, b"GIF89a", (("Content-Type", "image/gif"),))
        spans = traced.services.spans
        assert spans is not None
        fetcher = TracedFetcher(spans, allow_loopback=True, clock=traced.services.clock)
        with (
            spans.storing([_entry("any")]),
            fetcher.open(f"http://{public.host}/token-4711/a.gif?key=4711", ceiling=100) as file,
        ):
            assert b"".join(file.chunks) == b"GIF89a"
        (call,) = traced.collector.named("GET /")
    assert call.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "url.template": "/",
    }
    assert b"4711" not in b"".join(traced.collector.bodies)


def test_a_link_that_is_refused_is_a_span_that_failed(traced: Service) -> None:
    link = {"mediaUrl": "http://127.0.0.1:9/token-4711/a.gif", "mimeType": "image/gif", "size": 5}
    assert traced.client.post("/cim-messages", json=cim("m-2", type="IMAGE", attachment=link)).status_code == 202
    traced.serve(OUT)
    reply, call = traced.collector.named("deliver outbound", "GET /")
    assert (call.parent, call.failed, call.attributes["error.type"]) == (reply.id, True, "Permanent")
    assert b"4711" not in b"".join(traced.collector.bodies)


def test_nothing_that_is_sent_contains_a_text_or_a_secret(traced: Service) -> None:
    traced.event()
    traced.client.post("/cim-messages", json=cim("m-1", markdownText=TEXT))
    traced.client.post(PATH, data=b"{}", headers={HEADER: "sha256=wrong"})
    traced.serve(OUT)
    traced.serve(IN)
    traced.collector.named("POST /cim-messages", POSTED_TO_X, "POST /ccm/message/receive")
    everything = b"".join(traced.collector.bodies)
    for secret in (TEXT, SECRET, "access-token-example", "access-secret-example", "sha256=", "oauth", "ada"):
        assert secret.encode() not in everything, secret


def test_an_event_that_waited_in_the_journal_is_still_in_its_trace(traced: Service) -> None:
    traced.services.inbox.missed()
    assert traced.event(traceparent=f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01") == 200
    traced.serve(IN)
    (try_,) = traced.collector.named("deliver inbound")
    assert try_.trace == CALLERS_TRACE


def test_what_no_request_brought_begins_a_trace_where_it_is_stored(traced: Service) -> None:
    raw_events = traced.services.twitter.raw_events(dm("18"), ACCOUNT.id)
    take_in_activities(raw_events, traced.services.inbox, lambda family, outcome: None, by="poll")
    traced.serve(IN)
    stored, try_ = traced.collector.named("store inbound", "deliver inbound")
    assert (stored.kind, stored.parent) == ("producer", "")
    assert (try_.trace, try_.parent) == (stored.trace, stored.id)


def test_a_refused_request_is_a_span_with_its_status(traced: Service) -> None:
    answer = traced.client.post("/cim-messages", json={"id": "m-1"})
    assert answer.status_code == 400
    (request,) = traced.collector.named("POST /cim-messages")
    assert (request.attributes["http.response.status_code"], request.failed) == (400, False)


def test_the_trace_of_a_caller_that_records_none_is_not_recorded(traced: Service) -> None:
    traced.event("17", traceparent=f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-00")
    traced.serve(IN)
    traced.event("18")
    traced.serve(IN)
    traced.collector.named("deliver inbound")
    assert CALLERS_TRACE not in {span.trace for span in traced.collector.spans}
    assert traced.others.asked[0].headers["traceparent"].endswith("-00")
