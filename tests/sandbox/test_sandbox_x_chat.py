"""X Chat in the sandbox: keys, encrypted messages both ways, what X refuses, and how events are delivered."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from chat_brand import Brand
from fake_connector import FakeConnector
from sample_files import png
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox, until
from x_openapi import answer_complaint, complaints

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")
pytestmark = pytest.mark.integration

OTHER_CUSTOMER = "318692762"


@pytest.fixture
def brand(sandbox: Sandbox) -> Brand:
    """The demo account of API v2 with X Chat turned on between it and the first customer."""
    return Brand(sandbox)


def write(sandbox: Sandbox, text: str, **more: Any) -> dict[str, Any]:
    """Let the customer write, and return the message as the phone shows it."""
    shown: dict[str, Any] = sandbox.post("customer/messages", **V2_PAIR, text=text, **more)
    return shown


def received(connector: FakeConnector, count: int) -> list[dict[str, Any]]:
    """Return the payloads of `chat.received` once there are so many."""

    def enough() -> list[dict[str, Any]]:
        data = [envelope["data"] for envelope in connector.envelopes()]
        payloads = [one["payload"] for one in data if one["event_type"] == "chat.received"]
        return payloads if len(payloads) >= count else []

    payloads: list[dict[str, Any]] = until(enough)
    return payloads


def test_a_customer_with_keys_writes_encrypted_and_the_brand_reads_it(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.subscribe(connector, "dm.received", "chat.received", "chat.sent")
    shown = write(sandbox, "Grüße 😀")
    (payload,) = received(connector, 1)
    assert set(payload) == {
        "conversation_token",
        "id",
        "created_at_msec",
        "sender_id",
        "conversation_id",
        "conversation_key_version",
        "encoded_event",
        "conversation_key_change_event",
        "sequence_id",
        "message_event_signature",
    }
    assert payload["conversation_id"] == f"{CUSTOMER}:{V2_ACCOUNT}"
    assert set(payload["message_event_signature"]) == {
        "public_key_version",
        "signature",
        "signature_version",
        "signing_public_key",
    }
    event = brand.read(payload)
    assert (event["content"]["text"], event["verified"]) == ("Grüße 😀", True)
    assert (shown["id"], shown["text"], shown["encrypted"]) == (payload["sequence_id"], "Grüße 😀", True)
    assert sandbox.get("twitter/messages", **V2_PAIR) == {"messages": []}


def test_the_short_form_of_an_event_has_no_filter_and_only_what_is_needed(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.post("settings", chat_event_form="short", chat_key_changes_in_events=False)
    sandbox.subscribe(connector, "chat.received")
    write(sandbox, "short")
    (payload,) = received(connector, 1)
    assert set(payload) == {"conversation_id", "sender_id", "encoded_event", "conversation_key_version"}
    assert "filter" not in connector.envelopes()[0]["data"]
    with pytest.raises(ValueError, match="no matching key"):
        brand.read(payload)
    brand.catch_up()
    assert brand.read(payload)["content"]["text"] == "short"


def test_the_brand_answers_and_the_phone_shows_it(sandbox: Sandbox, connector: FakeConnector, brand: Brand) -> None:
    sandbox.subscribe(connector, "chat.sent")
    first = write(sandbox, "Do you ship to Oslo?")
    brand.catch_up()
    asked = brand.history()["data"][0]["encoded_event"]
    answer = brand.send(brand.body("Yes, tomorrow", reply_to=asked))
    assert answer.status_code == 201
    sent = brand.chat.decrypt_event(answer.json()["data"]["encoded_message_event"], brand.keys, brand.public_keys())
    assert sent["reply_preview_validation"] == "Valid"
    latest = brand.phone()[-1]
    assert (latest["text"], latest["reply_to"], latest["by_account"]) == ("Yes, tomorrow", "Do you ship to Oslo?", True)
    own = until(connector.envelopes)[0]["data"]
    assert (own["event_type"], own["payload"]["sequence_id"]) == ("chat.sent", latest["id"])
    assert first["state"] == "sent"
    mark = {"seen_until_sequence_id": first["id"]}
    assert sandbox.as_user("POST", f"/2/chat/conversations/{CUSTOMER}/read", json=mark).json()["data"]["success"]
    assert brand.phone()[0]["state"] == "read"
    assert sandbox.as_user("POST", f"/2/chat/conversations/{V2_ACCOUNT}-{CUSTOMER}/typing").status_code == 200


def test_the_same_body_again_sends_nothing_and_a_changed_one_is_refused(sandbox: Sandbox, brand: Brand) -> None:
    write(sandbox, "hello")
    brand.catch_up()
    body = brand.body("once")
    lost = {"path": "/messages$", "customer_id": CUSTOMER, "action": "act_then_reset", "times": 1}
    sandbox.post("faults", family="twitter", **lost)
    with pytest.raises(requests.ConnectionError):
        brand.send(body)
    again = [brand.send(body) for _ in range(2)]
    assert [answer.status_code for answer in again] == [201, 201]
    assert again[0].json() == again[1].json()
    assert [one["text"] for one in brand.phone()] == ["hello", "once"]
    other = brand.body("twice")
    for changed in (
        {**body, "encoded_message_create_event": other["encoded_message_create_event"]},
        {**body, "message_id": other["message_id"]},
        {**body, "encoded_message_event_signature": other["encoded_message_event_signature"]},
        {**body, "encoded_message_event_signature": "AAAA"},
        {**other, "conversation_token": "another"},
    ):
        refused = brand.send(changed)
        assert refused.status_code == 400, refused.text
    assert len(brand.phone()) == 2


def test_a_new_key_of_the_conversation_ends_the_old_one(sandbox: Sandbox, brand: Brand) -> None:
    write(sandbox, "hello")
    brand.catch_up()
    late = brand.body("with the old key")
    sandbox.post("x-chat/conversation-key", **V2_PAIR)
    refused = brand.send(late)
    assert (refused.status_code, "NonLatestCkeyVersion" in refused.text) == (400, True)
    brand.catch_up()
    assert brand.send(brand.body("with the new key")).status_code == 201
    assert [one["text"] for one in brand.phone()] == ["hello", "with the new key"]


def test_a_customer_with_a_new_phone_has_new_keys_and_the_next_message_a_new_conversation_key(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.subscribe(connector, "chat.received")
    write(sandbox, "old phone")
    sandbox.post("x-chat/keys", customer_id=CUSTOMER)
    write(sandbox, "new phone")
    events = [brand.read(payload) for payload in received(connector, 2)]
    assert [event["content"]["text"] for event in events] == ["old phone", "new phone"]
    assert int(events[0]["key_version"]) < int(events[1]["key_version"])


def test_replies_reactions_edits_and_deletions_reach_the_brand_in_order(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.subscribe(connector, "chat.received")
    first = write(sandbox, "blue or red?")
    write(sandbox, "red", reply_to=first["id"])
    sandbox.post("x-chat/reaction", event_id=first["id"], emoji="🎉")
    sandbox.post("x-chat/reaction", event_id=first["id"], emoji="🎉", removed=True)
    sandbox.post("x-chat/edit", event_id=first["id"], text="blue or green?")
    second = write(sandbox, "wrong window")
    sandbox.post("x-chat/deletion", event_id=second["id"])
    sandbox.post("x-chat/unknown-event", **V2_PAIR)
    payloads = received(connector, 8)
    read = [brand.read(payload) for payload in payloads]
    kinds = [(event.get("content") or {}).get("content_type") or event["type"] for event in read]
    assert kinds == ["Text", "Text", "Reaction", "ReactionRemoved", "Edit", "Text", "MessageDeleted", "Unknown"]
    assert read[1]["content"]["replying_to_preview"]["message_text"] == "blue or red?"
    assert read[4]["content"] == {
        "content_type": "Edit",
        "target_message_id": first["id"],
        "new_text": "blue or green?",
    }
    assert (read[6]["message_ids"], read[6]["verified"]) == ([second["id"]], True)
    shown = {one["id"]: one for one in brand.phone()}
    assert (shown[first["id"]]["text"], shown[first["id"]]["edited"]) == ("blue or green?", True)
    assert (shown[second["id"]]["text"], shown[second["id"]]["deleted"]) == ("", True)


@pytest.mark.parametrize("how", ["wrong", "missing", "stranger"])
def test_an_unverified_message_is_delivered_and_cannot_be_verified(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand, how: str
) -> None:
    sandbox.subscribe(connector, "chat.received")
    shown = write(sandbox, "not mine", spoiled=how)
    assert shown["verified"] is False
    (payload,) = received(connector, 1)
    with pytest.raises(ValueError, match="Signature verification failed"):
        brand.read(payload)


def test_files_pass_both_ways_as_ciphertext(sandbox: Sandbox, connector: FakeConnector, brand: Brand) -> None:
    sandbox.subscribe(connector, "chat.received")
    picture = png()
    sandbox.http.post(
        f"{sandbox.url}/_sandbox/customer/messages",
        data={**V2_PAIR, "text": "look", "nameless": "true"},
        files={"media_file": ("p.png", picture, "image/png")},
    ).raise_for_status()
    event = brand.read(received(connector, 1)[0])
    attachment = event["attachments"][0]
    assert (attachment["filename"], attachment["filesize_bytes"]) == ("", len(picture))
    path = f"/2/chat/media/{V2_ACCOUNT}-{CUSTOMER}/{attachment['media_hash_key']}"
    ciphertext = sandbox.as_user("GET", path).content
    assert picture not in ciphertext
    key = brand.keys[event["key_version"]]
    assert bytes(brand.chat.decrypt_stream(ciphertext, key)) == picture
    hash_key = upload(sandbox, brand.chat.encrypt_stream(picture, key))
    attached = {"attachment_type": "media", "media_hash_key": hash_key, "width": 1, "height": 1}
    attached |= {"filesize_bytes": len(picture), "filename": "p.png"}
    assert brand.send(brand.body("", attachments=[attached])).status_code == 201
    latest = brand.phone()[-1]
    assert latest["media_kind"] == "photo"
    shown = sandbox.http.get(f"{sandbox.url}/_sandbox/x-chat/media/{latest['media_id']}")
    assert (shown.content, shown.headers["Content-Type"]) == (picture, "image/png")


def upload(sandbox: Sandbox, data: bytes) -> str:
    """Upload ciphertext in two segments and return its hash key."""
    conversation = {"conversation_id": f"{CUSTOMER}:{V2_ACCOUNT}"}
    path = "/2/chat/media/upload"
    begun = sandbox.as_user("POST", f"{path}/initialize", json={**conversation, "total_bytes": len(data)})
    session = begun.json()["data"]
    file = {**conversation, "media_hash_key": session["media_hash_key"]}
    for index, part in enumerate((data[:40], data[40:])):
        segment = {**file, "segment_index": index, "media": base64.b64encode(part).decode()}
        appended = sandbox.as_user("POST", f"{path}/{session['session_id']}/append", json=segment)
        assert appended.status_code == 200, appended.text
    ended = sandbox.as_user("POST", f"{path}/{session['session_id']}/finalize", json={**file, "num_parts": "2"})
    assert ended.json() == {"data": {"success": True}}
    hash_key: str = session["media_hash_key"]
    return hash_key


def test_history_has_pages_newest_first_with_the_keys_beside_them(sandbox: Sandbox, brand: Brand) -> None:
    for number in range(5):
        write(sandbox, f"message {number}")
    page = brand.history(max_results=3)
    brand.learn(*page["meta"]["conversation_key_events"])
    older = brand.history(max_results=3, pagination_token=page["meta"]["next_token"])
    read = [brand.read(entry)["content"]["text"] for entry in [*page["data"], *older["data"]]]
    assert read == [f"message {number}" for number in (4, 3, 2, 1, 0)]
    assert (page["meta"]["has_more"], older["meta"]["has_more"]) == (True, False)
    unknown = {"chat_message_event.fields": "id,sequence_id"}
    path = f"/2/chat/conversations/{CUSTOMER}/events"
    assert sandbox.as_user("GET", path, params=unknown).status_code == 400


def test_a_message_request_is_neither_delivered_nor_listed_until_the_brand_answers(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.subscribe(connector, "chat.received")
    write(sandbox, "may I?", message_request=True)
    listed = sandbox.as_user("GET", "/2/chat/conversations").json()
    assert listed == {"meta": {"result_count": 0, "has_more": False, "has_message_requests": True}}
    brand.catch_up()
    assert brand.send(brand.body("you may")).status_code == 201
    write(sandbox, "thanks")
    assert brand.read(received(connector, 1)[0])["content"]["text"] == "thanks"
    assert sandbox.as_user("GET", "/2/chat/conversations").json()["meta"]["has_message_requests"] is False


def test_the_brand_creates_a_key_only_where_the_customer_wrote_first(sandbox: Sandbox, brand: Brand) -> None:
    sandbox.post("x-chat", account_id=V2_ACCOUNT, customer_id=OTHER_CUSTOMER)
    path = f"/2/chat/conversations/{OTHER_CUSTOMER}/keys"
    users = {
        user_id: sandbox.as_user("GET", f"/2/users/{user_id}/public_keys").json()["data"][0]
        for user_id in (V2_ACCOUNT, OTHER_CUSTOMER)
    }
    public = [
        {"user_id": user_id, "public_key": one["public_key"], "key_version": one["public_key_version"]}
        for user_id, one in users.items()
    ]
    made = brand.chat.prepare_conversation_key_change(public)
    names = ("signature", "public_key_version", "signature_version")
    body = {
        "conversation_key_version": made["conversation_key_version"],
        "conversation_participant_keys": [
            {
                "user_id": key["user_id"],
                "encrypted_conversation_key": key["encrypted_key"],
                "public_key_version": key["public_key_version"],
            }
            for key in made["participant_keys"]
        ],
        "action_signatures": [
            {
                "message_id": one["message_id"],
                "encoded_message_event_detail": one["encoded_message_event_detail"],
                "message_event_signature": {name: one[name] for name in names},
            }
            for one in made["action_signatures"]
        ],
    }
    assert sandbox.as_user("POST", path, json=body).status_code == 403
    pair = {"account_id": V2_ACCOUNT, "customer_id": OTHER_CUSTOMER}
    sandbox.post("customer/messages", **pair, text="in the open", encrypted=False)
    assert sandbox.as_user("POST", path, json={**body, "action_signatures": []}).status_code == 400
    answers = [sandbox.as_user("POST", path, json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    sandbox.post("customer/messages", **pair, text="in secret")
    shown = sandbox.get("conversation", **pair)["phone"]
    assert [(one["text"], one.get("encrypted", False)) for one in shown] == [
        ("in the open", False),
        ("in secret", True),
    ]


def test_an_account_registers_keys_of_its_own_and_sees_its_key_backup(sandbox: Sandbox) -> None:
    from chat_xdk import Chat

    made = Chat().generate_keypairs()
    names = ("public_key", "signing_public_key", "identity_public_key_signature", "registration_method")
    key = {name: getattr(made.public_key, name) for name in names}
    body = {"public_key": key, "version": made.version, "generate_version": True}
    path = f"/2/users/{V2_ACCOUNT}/public_keys"
    assert sandbox.as_user("GET", path).json() == {"data": []}
    wrong = {**body, "public_key": {**key, "public_key": key["signing_public_key"]}}
    assert sandbox.as_user("POST", path, json=wrong).status_code == 400
    assert sandbox.as_user("POST", f"/2/users/{CUSTOMER}/public_keys", json=body).status_code == 403
    answer = sandbox.as_user("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    (shown,) = sandbox.as_user("GET", path).json()["data"]
    assert shown["public_key_version"] == answer.json()["data"]["public_key_version"]
    assert shown["juicebox_config"]["max_guess_count"] == 20
    sandbox.post("x-chat", **V2_PAIR)
    (theirs,) = sandbox.as_user("GET", f"/2/users/{CUSTOMER}/public_keys").json()["data"]
    assert "juicebox_config" not in theirs


def test_requests_and_answers_are_in_the_document(sandbox: Sandbox, brand: Brand) -> None:
    write(sandbox, "hello")
    brand.catch_up()
    base = f"/2/chat/conversations/{CUSTOMER}"
    everything = {"expansions": "participant_ids", "chat_conversation.fields": "id,type,created_at,updated_at"}
    keys = {"public_key.fields": "public_key,public_key_version,signing_public_key,juicebox_config"}
    answers = [
        sandbox.as_user("GET", f"/2/users/{V2_ACCOUNT}/public_keys", params=keys),
        brand.send(brand.body("hello")),
        sandbox.as_user("GET", "/2/chat/conversations", params=everything),
        sandbox.as_user("GET", base),
        sandbox.as_user("GET", f"{base}/events", params={"max_results": 1}),
        sandbox.as_user("POST", f"{base}/typing"),
        sandbox.as_user("POST", f"{base}/read", json={"seen_until_sequence_id": "1"}),
    ]
    upload(sandbox, b"c" * 100)
    for answer in answers:
        assert answer.ok, answer.text
        path = answer.url.removeprefix(sandbox.url).partition("?")[0]
        assert answer_complaint(str(answer.request.method), path, answer.status_code, answer.content) == ""
    assert complaints(sandbox.get("requests/recorded")["requests"]) == []


def test_events_are_swapped_and_doubled_and_only_ciphertext_is_stored(
    sandbox: Sandbox, connector: FakeConnector, brand: Brand
) -> None:
    sandbox.subscribe(connector, "chat.received")
    write(sandbox, "first", swap=True)
    write(sandbox, "second", repeat_delivery=2)
    read = [brand.read(payload)["content"]["text"] for payload in received(connector, 3)]
    assert sorted(read) == ["first", "second", "second"]
    assert read[0] == "second"
    assert until(lambda: all(one["state"] == "sent" for one in brand.phone()))
    stored = sandbox.get("x-chat/events", **V2_PAIR)["events"]
    assert [list(event["deliveries"].values()) for event in stored] == [["delivered"], ["delivered"]]
    assert "first" not in str(stored)
    assert sandbox.get("usage", account_id=V2_ACCOUNT)["chat_received"] == 2


def test_many_messages_at_once_in_a_new_conversation_all_arrive(sandbox: Sandbox, brand: Brand) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(sandbox, f"message {number}"), range(16)))
    assert {one["text"] for one in brand.phone()} == {f"message {number}" for number in range(16)}


def test_limits_and_troubles_are_those_of_direct_messages(sandbox: Sandbox, brand: Brand) -> None:
    write(sandbox, "hello")
    brand.catch_up()
    sandbox.post("settings", limits={"v2/chat/send": 1})
    sandbox.post("faults", family="twitter", path="/messages$", problem="over-capacity", times=1)
    body = brand.body("hello")
    answers = [brand.send(body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 201, 429]
    assert answers[2].headers["x-rate-limit-remaining"] == "0"
    sandbox.post("settings", limits={})
    sandbox.post("troubles", name="lost-answer", on=True)
    with pytest.raises(requests.ConnectionError):
        brand.send(brand.body("lost"))
    assert brand.phone()[-1]["text"] == "lost"
