"""The contract of the flavours of X's API (model/flavour.py), over real HTTP against X as the sandbox plays it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sandbox_x import ADA, LISTS, SENDS, X, account_at, running_sandbox
from tree import Control

from tests.media.files import JPEG, PNG, film, gif
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RateLimited,
    RecipientRefused,
    Retryable,
    Scope,
    ServiceUnavailable,
    UnsupportedKind,
)
from twitter_connector.model.account import V1, V2, Credentials
from twitter_connector.model.event import DmEchoed, DmReceived
from twitter_connector.model.plan import SendDm, Upload

UPLOADS = {V1: "media/upload", V2: "media/upload"}
HTML = "<!DOCTYPE html><html><body>Sign in</body></html>"
LIMITED = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+40}"}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as control:
        yield control


@pytest.fixture(params=[V1, V2])
def x(request: pytest.FixtureRequest, control: Control, tmp_path: Path) -> X:
    """One account of each flavour."""
    return account_at(control, request.param, tmp_path)


def refused(act: Callable[[], object]) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        act()
    return caught.value


class TestSending:
    def test_a_text_arrives_as_it_is_and_its_id_is_returned(self, x: X) -> None:
        text = "Grüße 😀 <b>&amp; \u202eabc https://example.com/?a=1&b=2"
        dm_id = x.messages.send_dm(ADA, SendDm(text))
        assert [(dm["id"], dm["text"]) for dm in x.sent()] == [(dm_id, text)]

    @pytest.mark.parametrize(
        ("content", "mime_type", "category"),
        [
            (JPEG, "image/jpeg", "dm_image"),
            (PNG, "image/png", "dm_image"),
            (gif(frames=3), "image/gif", "dm_gif"),
            (film(b"avc1", b"mp4a"), "video/mp4", "dm_video"),
            (film(b"avc1", b"mp4a") + bytes(3 * 1024 * 1024), "video/mp4", "dm_video"),
        ],
        ids=["jpeg", "png", "gif", "video", "video of several segments"],
    )
    def test_a_file_of_each_kind_arrives_whole(self, x: X, content: bytes, mime_type: str, category: str) -> None:
        kept: list[Upload] = []
        media_id = x.upload(content, mime_type, category, kept)
        assert kept[-1].media_id == media_id
        x.messages.send_dm(ADA, SendDm("", media_id=media_id))
        (dm,) = x.sent()
        assert dm["media_id"] == media_id
        assert x.control.http.get(f"{x.control.url}/_sandbox/media/{media_id}?uploaded=true").content == content

    def test_a_file_is_sent_with_its_text(self, x: X) -> None:
        media_id = x.upload(PNG, "image/png", "dm_image", [])
        x.messages.send_dm(ADA, SendDm("look", media_id=media_id))
        assert [(dm["text"], dm["media_id"]) for dm in x.sent()] == [("look", media_id)]


class TestReading:
    def test_own_messages_are_returned_newest_first(self, x: X) -> None:
        ids = [x.messages.send_dm(ADA, SendDm(text)) for text in ("one", "two")]
        x.customer_writes("mine")
        own = x.messages.sent_since(x.began)
        assert [(dm.event_id, dm.customer_id, dm.text) for dm in own] == [(ids[1], ADA, "two"), (ids[0], ADA, "one")]
        assert all(dm.created_at >= x.began for dm in own)

    def test_messages_of_both_directions_are_returned_newest_first(self, x: X) -> None:
        sent = x.messages.send_dm(ADA, SendDm("ours"))
        written = x.customer_writes("mine")
        events = list(x.messages.events_since(x.began))[:2]
        assert [(e.id, e.own, e.customer_id, e.account_id) for e in events] == [
            (written, False, ADA, x.account.id),
            (sent, True, ADA, x.account.id),
        ]
        received = x.flavour.events.load(events[0].envelope)
        assert isinstance(received, DmReceived)
        assert (received.text, received.customer_id) == ("mine", ADA)

    def test_one_message_of_each_direction_is_shown(self, x: X) -> None:
        sent, written = x.messages.send_dm(ADA, SendDm("ours")), x.customer_writes("mine")
        ours, theirs = x.messages.shown(sent), x.messages.shown(written)
        assert isinstance(ours, DmEchoed)
        assert isinstance(theirs, DmReceived)
        assert [(dm.event_id, dm.customer_id, dm.text) for dm in (ours, theirs)] == [
            (sent, ADA, "ours"),
            (written, ADA, "mine"),
        ]

    def test_a_message_that_is_not_there_is_refused_for_good(self, x: X) -> None:
        error = refused(lambda: x.messages.shown("1750000000000000001"))
        assert isinstance(error, Permanent)
        assert error.status == 404

    def test_the_owner_of_the_token_and_an_id_by_name(self, x: X) -> None:
        registration = x.flavour.registration(x.account)
        account_id, screen_name, name = registration.who_am_i()
        assert account_id == x.account.id
        assert name
        assert registration.user_id(screen_name) == x.account.id
        assert registration.user_id("nobody_here") is None


class TestMarks:
    def test_read_marks_and_typing_are_sent_or_not_offered(self, x: X) -> None:
        written = x.customer_writes("mine")
        for act, can in (
            (lambda: x.messages.mark_read(ADA, written), x.flavour.can.read_marks),
            (lambda: x.messages.show_typing(ADA), x.flavour.can.typing),
        ):
            before = x.requests("")
            if can:
                act()
                assert x.requests("") == before + 1
            else:
                error = refused(act)
                assert isinstance(error, UnsupportedKind)
                assert error.reason == "not_offered_by_x"
                assert x.requests("") == before


OF_SENDS: list[tuple[dict[str, Any], type[ConnectorError], Scope]] = [
    ({"problem": "invalid-request"}, Permanent, Scope.LANE),
    ({"problem": "unauthorized"}, CredentialsRejected, Scope.ACCOUNT),
    ({"problem": "credits-depleted"}, RateLimited, Scope.ACCOUNT),
    ({"problem": "usage-capped"}, RateLimited, Scope.ACCOUNT),
    ({"status": 429, "headers": LIMITED, "body": {"title": "Too Many Requests"}}, RateLimited, Scope.ACCOUNT),
    ({"problem": "over-capacity"}, OverCapacity, Scope.LANE),
    ({"problem": "service-unavailable"}, OutcomeUnknown, Scope.LANE),
    ({"problem": "internal-error"}, OutcomeUnknown, Scope.LANE),
    ({"problem": "html"}, OutcomeUnknown, Scope.LANE),
    ({"action": "reset"}, OutcomeUnknown, Scope.LANE),
    # A success that names no message.
    ({"problem": "html-200"}, OutcomeUnknown, Scope.LANE),
    ({"status": 200, "body": [1]}, OutcomeUnknown, Scope.LANE),
]
OF_LISTS: list[tuple[dict[str, Any], type[ConnectorError]]] = [
    ({"problem": "unauthorized"}, CredentialsRejected),
    ({"problem": "credits-depleted"}, RateLimited),
    ({"status": 429, "headers": LIMITED, "body": {"title": "Too Many Requests"}}, RateLimited),
    ({"problem": "over-capacity"}, ServiceUnavailable),
    ({"problem": "internal-error"}, ServiceUnavailable),
    ({"action": "reset"}, ServiceUnavailable),
    ({"problem": "html-200"}, ServiceUnavailable),
]


def described(answer: Any) -> str:
    return (
        str(answer.get("problem") or answer.get("action") or answer.get("status")) if isinstance(answer, dict) else ""
    )


class TestRefusals:
    @pytest.mark.parametrize(("answer", "family", "scope"), OF_SENDS, ids=described)
    def test_of_a_send(self, x: X, answer: dict[str, Any], family: type[ConnectorError], scope: Scope) -> None:
        x.fault(SENDS, **answer)
        error = refused(lambda: x.messages.send_dm(ADA, SendDm("hello")))
        assert type(error) is family, error
        assert (error.endpoint, error.scope) == (Endpoint.SEND, scope)
        assert "hello" not in f"{error} {error.detail}"
        x.messages.send_dm(ADA, SendDm("hello"))

    @pytest.mark.parametrize(("answer", "family"), OF_LISTS, ids=described)
    def test_of_a_list(self, x: X, answer: dict[str, Any], family: type[ConnectorError]) -> None:
        x.fault(LISTS, **answer)
        error = refused(lambda: x.messages.sent_since(x.began))
        assert type(error) is family, error
        assert error.endpoint == Endpoint.LIST

    def test_of_a_customer(self, x: X) -> None:
        x.control.post("customer/refuse", customer_id=ADA, code=349)
        error = refused(lambda: x.messages.send_dm(ADA, SendDm("hello")))
        assert isinstance(error, RecipientRefused)
        assert x.sent() == []

    def test_a_limit_lasts_until_x_says(self, x: X) -> None:
        x.fault(SENDS, status=429, headers=LIMITED, body={"title": "Too Many Requests"})
        error = refused(lambda: x.messages.send_dm(ADA, SendDm("hello")))
        assert error.until is not None
        assert 35 < (error.until - x.began).total_seconds() < 60

    def test_an_answer_that_is_lost_leaves_the_message_to_be_looked_for(self, x: X) -> None:
        x.fault(SENDS, action="act_then_reset")
        error = refused(lambda: x.messages.send_dm(ADA, SendDm("hello")))
        assert type(error) is OutcomeUnknown
        assert [dm.text for dm in x.messages.sent_since(x.began)] == ["hello"]

    def test_a_revoked_token_is_no_matter_of_one_message(self, x: X) -> None:
        x.control.post("revoke", account_id=x.account.id)
        for act in (
            lambda: x.messages.send_dm(ADA, SendDm("hello")),
            lambda: x.messages.sent_since(x.began),
            lambda: x.upload(PNG, "image/png", "dm_image", []),
        ):
            assert isinstance(refused(act), CredentialsRejected)


def dm(x: X, **changes: Any) -> dict[str, Any]:
    """Return one message of the customer as X's list has it, with unknown fields, and ids as numbers."""
    now_ms = int(x.began.timestamp() * 1000) + 2_000
    dm_id = (now_ms - 1288834974657) << 22
    if x.name == V1:
        create = {"target": {"recipient_id": int(x.account.id)}, "sender_id": int(ADA), "message_data": {"text": "hi"}}
        event = {"type": "message_create", "id": dm_id, "created_timestamp": now_ms, "message_create": create}
    else:
        event = {"id": dm_id, "sender_id": int(ADA), "text": "hi", "event_type": "MessageCreate"}
        event["created_at"] = x.began.isoformat().replace("+00:00", "Z")
        event["dm_conversation_id"] = "-".join(sorted([ADA, x.account.id], key=int))
    return {**event, "unheard_of": {"of": [1, None]}, **changes}


def listed(x: X, *dms: Any) -> dict[str, Any]:
    rows = {"events": list(dms)} if x.name == V1 else {"data": list(dms)}
    return {**rows, "unheard_of": [{}], "meta": {"result_count": len(dms)}}


class TestOddAnswers:
    def test_an_id_that_is_a_number_is_returned_as_text(self, x: X) -> None:
        body = {V1: {"event": {"id": 1585047616894574596}}, V2: {"data": {"dm_event_id": 1585047616894574596, "x": 1}}}
        x.fault(SENDS, status=201 if x.name == V2 else 200, body=body[x.name])
        assert x.messages.send_dm(ADA, SendDm("hello")) == "1585047616894574596"

    def test_a_list_with_ids_that_are_numbers_and_unknown_fields_is_read(self, x: X) -> None:
        row = dm(x)
        x.fault(LISTS, status=200, body=listed(x, row))
        (event,) = x.messages.events_since(x.began)
        assert (event.id, event.customer_id, event.own) == (str(row["id"]), ADA, False)

    def test_rows_that_are_no_messages_do_not_hide_the_others(self, x: X) -> None:
        row = dm(x)
        x.fault(LISTS, status=200, body=listed(x, None, 7, {"id": None}, {"type": "unheard_of", "id": "5"}, row))
        assert [event.id for event in x.messages.events_since(x.began)] == [str(row["id"])]

    def test_a_list_without_messages_is_empty(self, x: X) -> None:
        x.fault(LISTS, problem="no-data-200")
        assert x.messages.sent_since(x.began) == []

    def test_a_message_that_is_shown_as_nothing_is_asked_for_again(self, x: X) -> None:
        written = x.customer_writes("mine")
        for problem in ("html-200", "no-data-200"):
            x.fault({V1: "events/show", V2: f"/2/dm_events/{written}"}, problem=problem)
            assert isinstance(refused(lambda: x.messages.shown(written)), Retryable)
        assert x.messages.shown(written).event_id == written

    @pytest.mark.parametrize("problem", ["html-200", "no-data-200", "html", "internal-error"])
    def test_an_upload_that_x_answers_oddly_goes_on_later(self, x: X, problem: str) -> None:
        kept: list[Upload] = []
        x.fault(UPLOADS, problem=problem)
        assert isinstance(refused(lambda: x.upload(gif(frames=3), "image/gif", "dm_gif", kept)), Retryable)
        x.messages.send_dm(ADA, SendDm("", media_id=x.upload(gif(frames=3), "image/gif", "dm_gif", kept)))
        assert len(x.sent()) == 1

    def test_a_token_that_ends_in_the_middle_of_an_upload_loses_no_segment(self, x: X) -> None:
        video = film(b"avc1", b"mp4a") + bytes(3 * 1024 * 1024)
        kept: list[Upload] = []
        x.control.fault(family="twitter", path="media/upload", skip=2, times=1, problem="unauthorized")
        assert isinstance(refused(lambda: x.upload(video, "video/mp4", "dm_video", kept)), CredentialsRejected)
        assert kept[-1].segments == 1
        media_id = x.upload(video, "video/mp4", "dm_video", kept)
        assert media_id == kept[0].media_id


def test_an_answer_to_a_send_without_data(x: X) -> None:
    x.fault(SENDS, problem="no-data-200")
    if x.name == V1:
        # Its documents leave the id out.
        assert x.messages.send_dm(ADA, SendDm("hello")).isdecimal()
    else:
        assert type(refused(lambda: x.messages.send_dm(ADA, SendDm("hello")))) is OutcomeUnknown


@pytest.mark.parametrize("renewable", [True, False], ids=["renewed", "ended"])
def test_an_oauth2_token_that_ends_between_two_calls(control: Control, tmp_path: Path, renewable: bool) -> None:
    """Only API v2 has such tokens."""
    x = account_at(control, V2, tmp_path)

    def token() -> str:
        attributes = control.post("oauth2/grant", account_id=x.account.id)
        return str(attributes["OAUTH2-ACCESS-TOKEN"])

    renewed: list[Credentials] = []

    def renew(credentials: Credentials) -> Credentials | None:
        if not renewable:
            return None
        renewed.append(replace(credentials, oauth2_access_token=token()))
        return renewed[-1]

    x = account_at(control, V2, tmp_path, renew, oauth2_access_token=token())
    x.messages.send_dm(ADA, SendDm("one"))
    control.post("oauth2/expire", account_id=x.account.id)
    if renewable:
        x.messages.send_dm(ADA, SendDm("two"))
        assert len(renewed) == 1
    else:
        assert isinstance(refused(lambda: x.messages.send_dm(ADA, SendDm("two"))), CredentialsRejected)
    assert [dm["text"] for dm in x.sent()] == ["one", "two"][: 1 + renewable]
