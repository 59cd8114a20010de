"""Encrypted messages are decrypted and verified (twitter/chat), with the real library and X as the sandbox plays it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tree import Control

from tests.contracts.sandbox_x import ADA, running_sandbox
from tests.encrypted_conversation import ACCOUNT, PAIR, EncryptedConversation, MemoryStore, encrypted_conversation
from twitter_connector.errors import CredentialsRejected, RateLimited, ServiceUnavailable
from twitter_connector.model.chat import (
    CHANGED_KEY,
    DELETED,
    EDITED,
    KEYLESS,
    OTHER,
    REACTED,
    TEXT,
    UNREACTED,
    UNVERIFIED,
    ChatKeys,
    ChatReceived,
    ConversationKeys,
    PublicKey,
)

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")

from twitter_connector.twitter.chat.codec import Unreadable, session
from twitter_connector.twitter.chat.contents import opened_of
from twitter_connector.twitter.chat_objects import load

CONVERSATION = ":".join(sorted((ACCOUNT, ADA), key=int))
VECTORS = Path(__file__).parents[1] / "payloads" / "x-chat" / "vectors.json"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as control:
        yield control


@pytest.fixture
def ada(control: Control, tmp_path: Path) -> EncryptedConversation:
    return encrypted_conversation(control, tmp_path)


class TestReading:
    def test_a_text_is_read_as_it_was_written_and_its_key_is_asked_for_once(self, ada: EncryptedConversation) -> None:
        first, second = ada.writes("Grüße 😀 <b>&amp;"), ada.writes("again")
        assert (ada.read(first).kind, ada.read(first).text) == (TEXT, "Grüße 😀 <b>&amp;")
        asked = ada.requests("/events") + ada.requests("public_keys")
        assert ada.read(second).text == "again"
        assert ada.requests("/events") + ada.requests("public_keys") == asked

    def test_a_key_that_comes_along_is_not_asked_for(self, ada: EncryptedConversation) -> None:
        written = ada.writes("hello")
        (change,) = ada.key_changes()
        asked = ada.requests("/events")
        assert ada.read(written, conversation_key_change_event=change).text == "hello"
        assert ada.requests("/events") == asked

    def test_a_change_of_the_key_is_followed(self, ada: EncryptedConversation) -> None:
        ada.read(ada.writes("old"))
        ada.control.post("x-chat/conversation-key", **PAIR)
        assert ada.read(ada.writes("new")).text == "new"
        assert len(ada.store.conversations[ADA].keys) == 2
        keys = ada.store.conversations[ADA]
        assert keys.latest == max(keys.keys, key=int)

    def test_new_keys_of_the_customer_are_looked_up(self, ada: EncryptedConversation) -> None:
        ada.read(ada.writes("old phone"))
        ada.control.post("x-chat/keys", customer_id=ADA)
        assert ada.read(ada.writes("new phone")).text == "new phone"

    def test_a_reply_has_the_words_it_answers(self, ada: EncryptedConversation) -> None:
        first = ada.writes("Where is it?")
        opened = ada.read(ada.writes("And when?", reply_to=first))
        assert (opened.is_reply, opened.quoted, opened.text) == (True, "Where is it?", "And when?")

    def test_reactions_edits_and_deletions(self, ada: EncryptedConversation) -> None:
        target = ada.writes("first")
        seen = [
            ada.read(ada.does("reaction", event_id=target, emoji="👍")),
            ada.read(ada.does("reaction", event_id=target, emoji="👍", removed=True)),
            ada.read(ada.does("edit", event_id=target, text="second")),
            ada.read(ada.does("deletion", event_id=target)),
        ]
        assert [(one.kind, one.text) for one in seen] == [
            (REACTED, "👍"),
            (UNREACTED, "👍"),
            (EDITED, "second"),
            (DELETED, ""),
        ]

    def test_a_tapped_option_names_its_metadata(self, ada: EncryptedConversation) -> None:
        response = {"response": {"options": {"request_id": "q", "selected_option_id": "1", "metadata": "m1"}}}
        assert ada.read(ada.writes("Yes", quick_reply=response)).option == "m1"

    def test_an_event_of_an_unknown_kind_is_told_apart(self, ada: EncryptedConversation) -> None:
        ada.writes("first")
        assert ada.read(ada.does("unknown-event", **PAIR)).kind == OTHER


class TestWhoSigned:
    @pytest.mark.parametrize("spoiled", ["wrong", "missing", "stranger"])
    def test_a_message_that_the_customer_did_not_sign_is_not_shown(
        self, ada: EncryptedConversation, spoiled: str
    ) -> None:
        opened = ada.read(ada.writes("Send your password", spoiled=spoiled))
        assert (opened.kind, opened.text) == (UNVERIFIED, "")

    def test_a_message_under_another_senders_name_is_not_shown(self, ada: EncryptedConversation) -> None:
        event = replace(ada.event(ada.writes("mine")), customer_id="318692762")
        opened = ada.chats.reader().read(event, ada.account)
        assert opened is not None
        assert opened.kind in (UNVERIFIED, KEYLESS)

    def test_the_key_of_a_change_that_nobody_signed_is_not_taken(self, ada: EncryptedConversation) -> None:
        ada.writes("hello")
        (change,) = ada.key_changes()
        keys = ada.store.own[ACCOUNT]
        stranger = PublicKey(ADA, "1", *(["AAAA"] * 3))
        with session(keys) as opener:
            assert opener.keys_in(CONVERSATION, [change], []) == {}
            people = ada.chats.calls(ada.account).public_keys(ADA)
            assert len(opener.keys_in(CONVERSATION, [change], people)) == 1
            assert opener.keys_in(CONVERSATION, [change], [stranger]) == {}

    @pytest.mark.parametrize(("proof", "quoted"), [("Valid", "Is it red?"), ("Invalid", ""), (None, "")])
    def test_a_quote_is_shown_only_with_xs_proof(
        self, ada: EncryptedConversation, proof: str | None, quoted: str
    ) -> None:
        chat = ada.event(ada.writes("yes"))
        content = {"content_type": "Text", "text": "yes", "replying_to_preview": {"message_text": "Is it red?"}}
        event = {"type": "Message", "sender_id": ADA, "conversation_id": CONVERSATION, "verified": True}
        opened = opened_of(chat, {**event, "content": content, "reply_preview_validation": proof})
        assert (opened.text, opened.is_reply, opened.quoted) == ("yes", True, quoted)
        assert opened_of(chat, {**event, "content": content, "verified": False}).kind == UNVERIFIED


class TestWhatIsMissing:
    def test_without_keys_nothing_is_read(self, ada: EncryptedConversation) -> None:
        ada.store.own.clear()
        assert ada.chats.reader().read(ada.event(ada.writes("hello")), ada.account) is None

    def test_a_message_whose_key_x_does_not_have_is_told_apart(self, ada: EncryptedConversation) -> None:
        ada.store.own[ACCOUNT] = ChatKeys(ACCOUNT, "1", bytes(31) + b"\1" + bytes(31) + b"\2")
        assert ada.read(ada.writes("hello")).kind == KEYLESS
        assert ada.read(ada.writes("again"), encoded_event="bm8gZXZlbnQ=").kind == KEYLESS

    @pytest.mark.parametrize("path", ["public_keys", "/events"])
    @pytest.mark.parametrize("problem", ["no-permission-to-dm", "client-not-enrolled", "no-endpoint"])
    def test_a_key_that_x_refuses_is_missing(self, ada: EncryptedConversation, path: str, problem: str) -> None:
        ada.control.fault(family="twitter", path=path, times=9, problem=problem)
        assert ada.read(ada.writes("hello")).kind in (KEYLESS, UNVERIFIED)

    @pytest.mark.parametrize(
        ("answer", "family"),
        [
            ({"problem": "internal-error"}, ServiceUnavailable),
            ({"problem": "unauthorized"}, CredentialsRejected),
            ({"status": 429, "body": {"title": "Too Many Requests"}}, RateLimited),
        ],
        ids=["failure", "unauthorized", "limit"],
    )
    def test_a_key_that_cannot_be_asked_for_now_lets_the_message_wait(
        self, ada: EncryptedConversation, answer: dict[str, Any], family: type[Exception]
    ) -> None:
        written = ada.event(ada.writes("hello"))
        ada.control.fault(family="twitter", path="public_keys", times=1, **answer)
        with pytest.raises(family):
            ada.chats.reader().read(written, ada.account)
        assert ada.read(written.sequence_id).text == "hello"


def vector() -> dict[str, str]:
    found: dict[str, str] = json.loads(VECTORS.read_text("utf-8"))
    return found


class TestPublishedVectors:
    def keys(self) -> tuple[ChatKeys, ConversationKeys]:
        v = vector()
        own = ChatKeys("2222", v["event_recipient_key_version"], base64.b64decode(v["private_keys_concat_b64"]))
        public = [v["identity_public_b64"], v["signing_public_b64"], v["identity_public_key_signature_b64"]]
        signer = PublicKey("1111", v["event_signing_key_version"], *public)
        return own, ConversationKeys({}, (signer,))

    def chat(self, name: str) -> ChatReceived:
        return ChatReceived("2222", "1111", "id", datetime.now(UTC), "1111:2222", "1", vector()[name])

    def test_the_message_is_read_with_the_key_that_the_change_brought(self) -> None:
        v, (own, known) = vector(), self.keys()
        with session(own) as opener:
            keys = opener.keys_in("1111:2222", [v["event_key_change_b64"]], known.public_keys)
            assert opener.keys_in("1111:3333", [v["event_key_change_b64"]], known.public_keys) == {}
        assert keys == {v["event_conversation_key_version"]: base64.b64decode(v["conversation_key_b64"])}
        with session(own) as opener:
            event = opener.opened(v["event_message_b64"], "1111", ConversationKeys(keys, known.public_keys))
        opened = opened_of(self.chat("event_message_b64"), event)
        assert (opened.kind, opened.text) == (TEXT, v["event_message_text"])

    def test_the_change_the_failure_and_the_garbage_are_told_apart(self) -> None:
        own, known = self.keys()
        kinds = []
        with session(own) as opener:
            for name in ("event_key_change_b64", "event_failure_b64"):
                kinds.append(opened_of(self.chat(name), opener.opened(vector()[name], "1111", known)).kind)
            with pytest.raises(Unreadable) as caught:
                opener.opened(vector()["event_garbage_b64"], "1111", known)
        assert kinds == [CHANGED_KEY, OTHER]
        assert str(caught.value) == ""

    def test_the_account_of_the_keys_shows_in_no_repr(self) -> None:
        own, known = self.keys()
        text = f"{own!r} {ConversationKeys({'1': own.blob}, known.public_keys)!r} {MemoryStore({'2222': own})!r}"
        assert vector()["private_keys_concat_b64"][-8:] not in text
        assert repr(own.blob) not in text


class TestHistory:
    """What X keeps of a conversation is the same as what it delivered."""

    def test_an_event_that_was_missed_has_the_id_and_the_place_that_its_delivery_would_have_had(
        self, ada: EncryptedConversation
    ) -> None:
        began = datetime.now(UTC) - timedelta(minutes=1)
        sent = [ada.writes(text) for text in ("one", "two", "three")]
        history = ada.chats.history(ada.account)
        ((customer, changed_ms),) = history.conversations_since(began)
        assert customer == ADA
        assert changed_ms is not None
        read_back = history.messages_since(customer, began)
        delivered = [ada.event(sequence_id) for sequence_id in reversed(sent)]
        assert [load(event.envelope) for event in read_back] == [
            replace(event, sequence_id=sequence_id)
            for event, sequence_id in zip(delivered, reversed(sent), strict=True)
        ]
        assert ada.chats.reader().read(load(read_back[0].envelope), ada.account).text == "three"  # type: ignore[union-attr]

    def test_older_events_and_conversations_are_left_out(self, ada: EncryptedConversation) -> None:
        ada.writes("before")
        later = datetime.now(UTC) + timedelta(minutes=1)
        history = ada.chats.history(ada.account)
        assert history.conversations_since(later) == []
        assert history.messages_since(ADA, later) == []

    def test_many_events_are_read_page_by_page(
        self, ada: EncryptedConversation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("twitter_connector.twitter.chat.calls.EVENTS_MAX", 2)
        began = datetime.now(UTC) - timedelta(minutes=1)
        for number in range(5):
            ada.writes(str(number))
        assert len(ada.chats.history(ada.account).messages_since(ADA, began)) == 5
