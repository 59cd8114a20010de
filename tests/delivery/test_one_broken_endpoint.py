"""One endpoint of X's that is limited, refused or silent stops only the messages that need it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.fake_deliveries import ACME, ADA, GRACE, IN, OUT, FakeDeliveries, failing, read_event
from tests.fakes import at_endpoint
from twitter_connector.delivery.typing import TypingDelivery
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    Permanent,
    RateLimited,
    ServiceUnavailable,
)

PICTURE: dict[str, Any] = {
    "type": "IMAGE",
    "markdownText": "",
    "caption": "",
    "attachment": {"mediaUrl": "https://cx.example.com/file-engine/api/downloadFileStream?filename=83120_map.png"},
}

Make = Callable[[FakeDeliveries], ConnectorError]


def limited(fakes: FakeDeliveries) -> ConnectorError:
    return failing(RateLimited, "rate_limited", status=429, until=fakes.clock() + timedelta(seconds=40))


def silent(_: FakeDeliveries) -> ConnectorError:
    return failing(ServiceUnavailable, "twitter_no_answer")


def overloaded(_: FakeDeliveries) -> ConnectorError:
    return failing(ServiceUnavailable, "twitter_unavailable", status=503)


def unauthorized(fakes: FakeDeliveries) -> ConnectorError:
    until = fakes.clock() + timedelta(minutes=10)
    return failing(CredentialsRejected, "credentials_rejected", status=401, code=32, until=until)


def forbidden(fakes: FakeDeliveries) -> ConnectorError:
    until = fakes.clock() + timedelta(minutes=10)
    return failing(CredentialsRejected, "plan_too_small", status=403, code=453, until=until)


TROUBLE = [limited, silent, overloaded, unauthorized, forbidden]


@pytest.fixture(autouse=True)
def accepted(fakes: FakeDeliveries) -> None:
    """X accepts the account's credentials whatever one endpoint says."""
    fakes.credentials.answers[ACME] = None


def read(fakes: FakeDeliveries, customer: str = ADA) -> None:
    """The agent reads the customer's message."""
    fakes.customer_writes("", "Hi", customer=customer)
    fakes.serve()
    cim_id = fakes.cim.received[-1]["id"]
    fakes.send(f"d-{cim_id}", customer=customer, body=reading(cim_id))


def reading(cim_id: str) -> dict[str, Any]:
    return {"type": "DELIVERYNOTIFICATION", "messageId": cim_id, "status": "READ"}


class TestUploads:
    @pytest.mark.parametrize("trouble", TROUBLE)
    def test_texts_go_out_at_once_and_the_order_in_the_lane_is_kept(self, fakes: FakeDeliveries, trouble: Make) -> None:
        for n in range(3):
            fakes.media_transfer.failures.append(at_endpoint(trouble(fakes), Endpoint.UPLOAD))
            fakes.send(f"p-{n}", body=PICTURE, customer=f"90{n}")
            fakes.send(f"b-{n}", f"behind {n}", customer=f"90{n}")
        fakes.serve()
        for n in range(10):
            fakes.send(f"m-{n}", f"text {n}", customer=GRACE)
        fakes.serve()
        assert [t for t in fakes.twitter.texts() if t.startswith("text")] == [f"text {n}" for n in range(10)]
        assert fakes.lanes.pauses(ACME) == {}
        fakes.media_transfer.failures.clear()
        for _ in range(45):
            fakes.later(1)
        for n in range(3):
            order = [s.step.text for s in fakes.twitter.sent if s.recipient_id == f"90{n}"]
            assert order == ([f"behind {n}"] if trouble is forbidden else ["", f"behind {n}"])

    def test_what_x_does_not_let_the_account_upload_fails_with_the_reason(self, fakes: FakeDeliveries) -> None:
        fakes.media_transfer.failures.append(at_endpoint(forbidden(fakes), Endpoint.UPLOAD))
        fakes.send("p-1", body=PICTURE)
        fakes.serve()
        assert fakes.reports() == [("p-1", "FAILED", "400")]
        assert "the file was not sent" in fakes.cim.received[0]["body"]["markdownText"]
        assert [x.reason for x in fakes.dead_lettered()] == ["plan_too_small"]

    def test_an_enrolment_that_only_uploads_want_stops_no_text(self, fakes: FakeDeliveries) -> None:
        until = fakes.clock() + timedelta(minutes=10)
        refused = failing(CredentialsRejected, "client_not_enrolled", status=403, until=until)
        fakes.media_transfer.failures.append(at_endpoint(refused, Endpoint.UPLOAD))
        fakes.send("p-1", body=PICTURE)
        fakes.serve()
        fakes.send("m-1", "text", customer=GRACE)
        fakes.serve()
        assert fakes.twitter.texts() == ["text"]
        assert fakes.lanes.pauses(ACME) == {}
        fakes.media_transfer.failures.clear()
        fakes.later(601)
        assert [s.recipient_id for s in fakes.twitter.sent] == [GRACE, ADA]
        assert fakes.dead_lettered() == []


class TestReadMarks:
    @pytest.mark.parametrize("trouble", [*TROUBLE, lambda _: failing(Permanent, "not_found", status=404)])
    def test_a_read_mark_is_never_answered_and_never_a_dead_letter(self, fakes: FakeDeliveries, trouble: Make) -> None:
        fakes.twitter.mark_failures += [trouble(fakes) for _ in range(9)]
        read(fakes)
        fakes.send("m-1", "Hello")
        fakes.serve()
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.lanes.pauses(ACME) == {}
        for _ in range(60):
            fakes.later(30)
        assert fakes.dead_lettered() == []
        assert [m for m, _, _ in fakes.reports()] == ["m-1"]

    def test_one_that_x_refuses_is_counted(self, fakes: FakeDeliveries, caplog: pytest.LogCaptureFixture) -> None:
        fakes.twitter.mark_failures.append(forbidden(fakes))
        read(fakes)
        fakes.serve()
        assert ("dropped", "plan_too_small") in fakes.watch.outcomes
        (line,) = [r for r in caplog.records if r.message == "signal_not_delivered"]
        assert line.levelname == "WARNING"

    def test_one_that_waited_too_long_is_dropped(self, fakes: FakeDeliveries) -> None:
        read(fakes)
        fakes.clock.advance(24 * 3600 + 1)
        fakes.serve()
        assert fakes.twitter.read_marks == []
        assert fakes.dead_lettered() == []
        assert ("dropped", "too_old") in fakes.watch.outcomes


class TestTyping:
    @pytest.mark.parametrize("trouble", TROUBLE)
    def test_indicators_are_dropped_and_x_is_left_alone(self, fakes: FakeDeliveries, trouble: Make) -> None:
        fakes.twitter.typing_failures += [trouble(fakes) for _ in range(20)]
        delivery = TypingDelivery(fakes.lanes, fakes.inbound, fakes.outbound, read_event, fakes.skipped.append)
        for n in range(10):
            typing = {"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"}
            fakes.send(f"t-{n}", body=typing, customer=f"90{n}")
            delivery.pass_on()
        calls = 20 - len(fakes.twitter.typing_failures)
        assert calls <= 3
        assert "passed_on" not in fakes.skipped
        fakes.send("m-1", "Hello")
        fakes.serve()
        assert fakes.twitter.texts() == ["Hello"]
        assert fakes.lanes.pauses(ACME) == {}


class TestLookUps:
    @pytest.mark.parametrize("trouble", TROUBLE)
    def test_a_quote_that_cannot_be_had_holds_no_reply_up(self, fakes: FakeDeliveries, trouble: Make) -> None:
        fakes.customer_writes("", "Where is it?")
        fakes.serve()
        fakes.twitter.show_failures += [trouble(fakes) for _ in range(3)]
        fakes.send("m-1", "On its way.", replyToMessageId=fakes.cim.received[-1]["id"])
        fakes.serve()
        fakes.later(3)
        assert fakes.twitter.texts() == ["On its way."]
        assert fakes.lanes.pauses(ACME) == {}


class TestSends:
    def test_one_401_that_the_next_call_does_not_repeat_costs_seconds(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(unauthorized(fakes))
        fakes.send("m-1", "first")
        fakes.send("m-2", "second")
        fakes.serve()
        fakes.later(1)
        assert fakes.twitter.texts() == ["first", "second"]
        assert fakes.lanes.pauses(ACME) == {}

    def test_one_that_every_call_repeats_stops_the_account_within_seconds(self, fakes: FakeDeliveries) -> None:
        fakes.twitter.fail_next(*[unauthorized(fakes) for _ in range(50)])
        fakes.send("m-1", "first")
        fakes.serve()
        for _ in range(8):
            fakes.later(1)
        assert fakes.lanes.pauses(ACME)[OUT]["reason"] == "credentials_rejected"
        assert len(fakes.twitter.failures) == 46
        assert fakes.dead_lettered() == []


class TestDownloads:
    @pytest.mark.parametrize("trouble", [limited, silent, overloaded])
    def test_a_customers_picture_holds_up_no_other_customer(self, fakes: FakeDeliveries, trouble: Make) -> None:
        fakes.media_transfer.failures.append(at_endpoint(trouble(fakes), Endpoint.DOWNLOAD))
        payload = fakes.event("17", " https://t.co/dOLqpmn7zX")
        payload["direct_message_events"][0]["message_create"]["message_data"]["attachment"] = {
            "type": "media",
            "media": {
                "id_str": "12",
                "type": "photo",
                "media_url_https": "https://ton.twitter.com/a.jpg",
                "url": "https://t.co/dOLqpmn7zX",
            },
        }
        fakes.receive(payload)
        fakes.serve(IN)
        fakes.customer_writes("18", "Hi", customer=GRACE)
        fakes.serve(IN)
        assert fakes.written() == ["Hi"]
        assert fakes.lanes.pauses(ACME) == {}
