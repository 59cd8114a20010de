"""Encrypted messages to customers (twitter/chat), with the real library and X as the sandbox plays it.

The contract of the flavours, as far as X Chat has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from tree import Control

from tests.contracts.sandbox_x import ADA, running_sandbox
from tests.encrypted_conversation import ACCOUNT, PAIR, EncryptedConversation, encrypted_conversation
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
)
from twitter_connector.model.chat import ConversationKeys
from twitter_connector.model.plan import QuickReply, SendDm, Upload
from twitter_connector.twitter.chat.messages import ChatMessages
from twitter_connector.twitter.chunked_upload import Outgoing

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")

LIMITED = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+40}"}
SENDS = r"chat/conversations/[^/]+/messages"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as control:
        yield control


@pytest.fixture
def ada(control: Control, tmp_path: Path) -> EncryptedConversation:
    """A conversation in which the customer wrote first."""
    conversation = encrypted_conversation(control, tmp_path)
    conversation.writes("Where is my order?")
    return conversation


def writer(ada: EncryptedConversation) -> ChatMessages:
    return ada.chats.messages(ada.account)


def send(ada: EncryptedConversation, text: str, media_id: str = "", reply_to: str = "") -> str:
    return writer(ada).post(ADA, writer(ada).prepared(ADA, SendDm(text, media_id=media_id), reply_to))


def phone(ada: EncryptedConversation) -> list[dict[str, Any]]:
    """Return what the customer's phone shows of the account's messages, decrypted with the customer's keys."""
    shown = ada.control.get("conversation", **PAIR)["phone"]
    return [entry for entry in shown if entry["sender_id"] == ACCOUNT]


def refused(ada: EncryptedConversation, text: str = "hello") -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        send(ada, text)
    return caught.value


class TestSending:
    def test_a_text_arrives_as_it_is_and_its_place_is_returned(self, ada: EncryptedConversation) -> None:
        text = "Grüße 😀 <b>&amp; \u202eabc https://example.com/?a=1&b=2"
        sequence_id = send(ada, text)
        assert [(one["id"], one["text"], one["encrypted"]) for one in phone(ada)] == [(sequence_id, text, True)]

    def test_the_same_body_posted_again_is_one_message(self, ada: EncryptedConversation) -> None:
        body = writer(ada).prepared(ADA, SendDm("once"))
        assert "once" not in body
        ids = {writer(ada).post(ADA, body) for _ in range(3)}
        assert [one["id"] for one in phone(ada)] == list(ids)

    def test_a_lost_answer_leaves_one_message_after_the_same_body_again(self, ada: EncryptedConversation) -> None:
        ada.control.fault(family="twitter", path=SENDS, times=1, action="act_then_reset")
        body = writer(ada).prepared(ADA, SendDm("once"))
        with pytest.raises(OutcomeUnknown):
            writer(ada).post(ADA, body)
        writer(ada).post(ADA, body)
        assert [one["text"] for one in phone(ada)] == ["once"]

    def test_a_reply_quotes_a_message_of_either_side(self, ada: EncryptedConversation) -> None:
        asked = ada.writes("Is it red?")
        answer = send(ada, "It is blue.", reply_to=asked)
        send(ada, "Dark blue.", reply_to=answer)
        send(ada, "No quote.", reply_to="17")
        assert [one["text"] for one in phone(ada)] == ["It is blue.", "Dark blue.", "No quote."]
        assert [bool(one.get("reply_to")) for one in phone(ada)] == [True, True, False]

    @pytest.mark.parametrize(
        ("content", "mime_type", "category"),
        [
            (JPEG, "image/jpeg", "dm_image"),
            (PNG, "image/png", "dm_image"),
            (gif(frames=3), "image/gif", "dm_gif"),
            (film(b"avc1", b"mp4a"), "video/mp4", "dm_video"),
            (film(b"avc1", b"mp4a") + bytes(7 * 1024 * 1024), "video/mp4", "dm_video"),
        ],
        ids=["jpeg", "png", "gif", "video", "video of several segments"],
    )
    def test_a_file_of_each_kind_arrives_whole(
        self, ada: EncryptedConversation, content: bytes, mime_type: str, category: str
    ) -> None:
        ada.read(ada.writes("hello"))
        kept: list[Upload] = []
        outgoing = Outgoing(BytesIO(content), len(content), mime_type, category)
        upload = Upload(measured="1280 x 720 pixels and 3.5 seconds")
        media_id = ada.chats.uploads(ada.account, ADA).carry_on(ada.account.credentials, upload, outgoing, kept.append)
        assert (kept[-1].state, kept[-1].media_id) == ("ready", media_id)
        sequence_id = send(ada, "look", media_id)
        assert [one["text"] for one in phone(ada)] == ["look"]
        assert ada.control.http.get(f"{ada.control.url}/_sandbox/x-chat/media/{sequence_id}").content == content

    def test_options_of_x_chats_own_come_back_with_their_metadata(self, ada: EncryptedConversation) -> None:
        options = (QuickReply("Yes", "m1 :: yes"), QuickReply("No", "m1 :: no", "really"))
        body = writer(ada).prepared(ADA, SendDm("Sure?", quick_replies=options))
        sequence_id = writer(ada).post(ADA, body)
        (shown,) = phone(ada)
        assert (shown["id"], shown["text"]) == (sequence_id, "Sure?")
        offered = ada.as_the_customer(sequence_id)["content"]["quick_reply"]["request"]["options"]["options"]
        assert [(one["label"], one["metadata"]) for one in offered] == [("Yes", "m1 :: yes"), ("No", "m1 :: no")]
        tapped = {"response": {"options": {"request_id": "1", "selected_option_id": "1", "metadata": "m1 :: yes"}}}
        assert ada.read(ada.writes("Yes", quick_reply=tapped)).option == "m1 :: yes"

    def test_typing_and_read_marks(self, ada: EncryptedConversation) -> None:
        written = ada.writes("hello")
        writer(ada).show_typing(ADA)
        writer(ada).mark_read(ADA, written)
        assert (ada.requests("/typing"), ada.requests("/read")) == (1, 1)

    @pytest.mark.parametrize("answer", [{"status": 204}, {"status": 200, "body": {"data": {"success": True}}}], ids=str)
    def test_typing_and_read_marks_need_no_answer(self, ada: EncryptedConversation, answer: dict[str, Any]) -> None:
        ada.control.fault(family="twitter", path="chat/conversations/[^/]+/(typing|read)", times=2, **answer)
        writer(ada).show_typing(ADA)
        writer(ada).mark_read(ADA, "1")

    def test_keys_that_x_answers_with_an_error_are_asked_for_again(self, ada: EncryptedConversation) -> None:
        """A customer without keys at X could not be written to; one whose keys X did not give can, later."""
        ada.store.conversations.clear()
        body = {"errors": [{"title": "Forbidden", "detail": "Sorry"}]}
        ada.control.fault(family="twitter", path=f"users/{ADA}/public_keys", times=1, status=200, body=body)
        assert isinstance(refused(ada), Retryable)
        send(ada, "hello")


class TestKeys:
    def test_a_key_that_the_customer_changed_is_used_after_a_refusal(self, ada: EncryptedConversation) -> None:
        send(ada, "old")
        ada.control.post("x-chat/conversation-key", **PAIR)
        assert refused(ada).reason == "chat_key_changed"
        send(ada, "new")
        assert [one["text"] for one in phone(ada)] == ["old", "new"]

    def test_a_customers_new_phone_gets_a_new_key_of_the_conversation(self, ada: EncryptedConversation) -> None:
        send(ada, "old")
        former = ada.store.conversations[ADA].latest
        ada.control.post("x-chat/keys", customer_id=ADA)
        ada.control.fault(family="twitter", path=SENDS, times=1, problem="invalid-request")
        assert refused(ada).reason == "chat_key_changed"
        assert int(ada.store.conversations[ADA].latest) > int(former)
        send(ada, "new")
        assert [one["text"] for one in phone(ada)] == ["old", "new"]

    @pytest.mark.parametrize("new_phone", [False, True])
    def test_a_refusal_that_no_key_explains_says_what_to_ask_the_customer(
        self, ada: EncryptedConversation, new_phone: bool
    ) -> None:
        send(ada, "old")
        if new_phone:
            ada.control.post("x-chat/keys", customer_id=ADA)
            ada.control.fault(
                family="twitter", path="chat/conversations/[^/]+/keys", times=1, problem="invalid-request"
            )
        ada.control.fault(family="twitter", path=SENDS, times=1, problem="invalid-request")
        error = refused(ada)
        assert (type(error), error.reason) == (Permanent, "request_refused")
        assert error.detail.endswith("Ask the customer to write once more: her phone then renews the key.")

    def test_a_file_under_an_older_key_is_uploaded_again(self, ada: EncryptedConversation) -> None:
        send(ada, "old")
        media_id = json.dumps({"attachment_type": "media", "media_hash_key": "a", "key_version": "1"})
        with pytest.raises(Retryable, match="upload_lost"):
            writer(ada).prepared(ADA, SendDm("", media_id=media_id))

    def test_a_conversation_without_a_key_that_we_can_use_gets_one(self, ada: EncryptedConversation) -> None:
        # The account's keys are new, and the present key of the conversation was encrypted for the former ones.
        state = ada.control.post("x-chat/keys", account_id=ACCOUNT)
        ada.take_keys(state)
        send(ada, "hello")
        assert [one["text"] for one in phone(ada)] == ["hello"]
        assert ada.read(ada.writes("and back")).text == "and back"

    def test_without_keys_a_reply_says_what_to_do(self, ada: EncryptedConversation) -> None:
        ada.store.own.clear()
        assert refused(ada).reason == "chat_keys_missing"

    def test_a_customer_who_has_no_keys_at_x_cannot_be_written_to(self, ada: EncryptedConversation) -> None:
        ada.store.conversations.clear()
        ada.control.fault(family="twitter", path=f"users/{ADA}/public_keys", times=9, status=200, body={})
        assert refused(ada).reason == "chat_customer_without_keys"


OF_SENDS: list[tuple[dict[str, Any], type[ConnectorError], Scope]] = [
    ({"problem": "invalid-request"}, Permanent, Scope.LANE),
    ({"problem": "unauthorized"}, CredentialsRejected, Scope.ACCOUNT),
    ({"problem": "credits-depleted"}, RateLimited, Scope.ACCOUNT),
    ({"status": 429, "headers": LIMITED, "body": {"title": "Too Many Requests"}}, RateLimited, Scope.ACCOUNT),
    ({"problem": "no-permission-to-dm"}, RecipientRefused, Scope.LANE),
    ({"problem": "over-capacity"}, OverCapacity, Scope.LANE),
    ({"problem": "internal-error"}, OutcomeUnknown, Scope.LANE),
    ({"problem": "html"}, OutcomeUnknown, Scope.LANE),
    ({"action": "reset"}, OutcomeUnknown, Scope.LANE),
    ({"problem": "html-200"}, OutcomeUnknown, Scope.LANE),
    ({"status": 200, "body": [1]}, OutcomeUnknown, Scope.LANE),
]


class TestRefusals:
    @pytest.mark.parametrize(("answer", "family", "scope"), OF_SENDS, ids=str)
    def test_of_a_send(
        self, ada: EncryptedConversation, answer: dict[str, Any], family: type[ConnectorError], scope: Scope
    ) -> None:
        ada.control.fault(family="twitter", path=SENDS, times=1, **answer)
        error = refused(ada)
        assert type(error) is family, error
        assert (error.endpoint, error.scope) == (Endpoint.SEND, scope)
        assert "hello" not in f"{error} {error.detail}"
        send(ada, "hello")

    def test_of_a_file(self, ada: EncryptedConversation) -> None:
        ada.read(ada.writes("hello"))
        uploads = ada.chats.uploads(ada.account, ADA)
        for step in ("initialize", "append", "finalize"):
            ada.control.fault(family="twitter", path=f"chat/media/upload.*{step}", times=1, problem="internal-error")
            outgoing = Outgoing(BytesIO(PNG), len(PNG), "image/png", "dm_image")
            with pytest.raises(Retryable):
                uploads.carry_on(ada.account.credentials, Upload(), outgoing, lambda upload: None)


class TestReceivedFiles:
    @pytest.mark.parametrize("content", [PNG, film(b"avc1", b"mp4a") + bytes(2 * 1024 * 1024)], ids=["png", "video"])
    def test_a_file_is_decrypted_while_it_comes(self, ada: EncryptedConversation, content: bytes) -> None:
        opened = ada.read(ada.writes_file(content, "photo.png"))
        (media,) = opened.media
        downloads = ada.chats.downloads()
        with downloads.open(media.url, ada.account.credentials, ceiling=4_000_000) as incoming:
            assert b"".join(incoming.chunks) == content
        limited = downloads.open(media.url, ada.account.credentials, ceiling=10)
        with pytest.raises(ConnectorError, match="media_too_large"), limited as incoming:
            b"".join(incoming.chunks)
        ada.store.conversations[ADA] = ConversationKeys({media.url.split("/")[4]: bytes(32)})
        unreadable = downloads.open(media.url, ada.account.credentials, ceiling=4_000_000)
        with pytest.raises(Permanent, match="media_unreadable"), unreadable as incoming:
            b"".join(incoming.chunks)

    def test_a_file_that_x_does_not_have_is_gone(self, ada: EncryptedConversation) -> None:
        (media,) = ada.read(ada.writes_file(PNG, "")).media
        gone = replace(media, url=f"{media.url}0")
        with (
            pytest.raises(Permanent, match="media_gone"),
            ada.chats.downloads().open(gone.url, ada.account.credentials, ceiling=4_000_000),
        ):
            pass
