"""Files of customers through the whole service: what arrives, in which order, and what stands where none could be had.

The file engine knows no accounts, so a fault there meets every test; each lifts its own.
"""

from urllib.parse import parse_qs, urlsplit

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Conversation, Json, cim_id
from tests.integration.media_files import (
    GIF_AS_FILM,
    customer_attaches,
    film_of,
    in_the_file_engine,
    padded,
    spooled,
    trouble,
)
from tests.media.files import JPEG, PNG, gif

MEGABYTE = 1_048_576


def types(chat: Conversation) -> list[str]:
    return [message["body"]["type"] for message in chat.ccm_messages()]


def note(chat: Conversation, number: int) -> str:
    """Return the note that stands in the place of a file."""
    body: Json = chat.ccm_messages()[number]["body"]
    assert set(body) == {"type", "markdownText"}, body
    assert body["type"] == "PLAIN"
    return str(body["markdownText"])


@pytest.mark.parametrize(
    ("content", "name", "mime", "arrives", "type_", "outcome"),
    [
        (padded(JPEG, 4_000), "holiday photo.jpg", "image/jpeg", padded(JPEG, 4_000), "IMAGE", "image/jpeg"),
        # Twitter hands out GIFs as films.
        (gif(frames=3), "dance.gif", "image/gif", GIF_AS_FILM, "VIDEO", "video/mp4"),
        (film_of(9_000), "clip.mp4", "video/mp4", film_of(9_000), "VIDEO", "video/mp4"),
    ],
    ids=["photo", "gif", "video"],
)
def test_a_file_reaches_the_agent_behind_its_text(
    chat: Conversation, content: bytes, name: str, mime: str, arrives: bytes, type_: str, outcome: str
) -> None:
    said = "Look & see https://example.com/a?b=1 😀"
    dm = customer_attaches(chat, content, name, mime, said)
    chat.customer_says("after it")
    eventually(lambda: len(chat.ccm_messages()) >= 3, what="text, file and text")
    text, file, after = chat.ccm_messages()
    # Nothing of the link that Twitter puts into the text for the file.
    assert text["body"] == {"type": "PLAIN", "markdownText": said}
    assert after["body"]["markdownText"] == "after it"
    assert text["id"] == cim_id(chat.account.id, dm["id"])
    assert file["id"] != text["id"]
    assert {message["header"]["providerMessageId"] for message in (text, file)} == {dm["id"]}

    body = file["body"]
    assert (body["type"], body["markdownText"]) == (type_, "")
    assert body["attachment"]["mimeType"] == outcome
    assert body["attachment"]["size"] == len(arrives)
    address = urlsplit(body["attachment"]["mediaUrl"])
    assert address.path == "/file-engine/api/downloadFileStream"
    (returned,) = parse_qs(address.query)["filename"]
    assert body["caption"] == returned
    assert returned.endswith({"image/jpeg": ".jpg", "video/mp4": ".mp4"}[outcome])
    stored = in_the_file_engine(chat, file)
    assert stored == arrives
    assert (stored[4:8] == b"ftyp") == (type_ == "VIDEO")


def test_a_file_without_a_text_is_one_message_and_two_of_one_name_are_two_files(chat: Conversation) -> None:
    pictures = [padded(PNG, 500), padded(PNG, 600)]
    sent = [customer_attaches(chat, picture, "same.png", "image/png") for picture in pictures]
    eventually(lambda: len(chat.ccm_messages()) >= 2, what="two pictures")
    messages = chat.ccm_messages()
    assert [m["body"]["type"] for m in messages] == ["IMAGE", "IMAGE"]
    assert [m["id"] for m in messages] == [cim_id(chat.account.id, dm["id"]) for dm in sent]
    assert [in_the_file_engine(chat, m) for m in messages] == pictures


def test_a_file_that_cannot_be_had_is_a_note_in_its_place(chat: Conversation) -> None:
    tree, picture = chat.account.tree, padded(JPEG, 900)
    troubles = {
        "gone": ({"status": 404, "body": ""}, "X does not have the attachment any more (HTTP 404)."),
        "refused": ({"status": 403, "body": ""}, "X did not hand out the attachment (HTTP 403)."),
        # The API accepts the credentials, so this is about the file, and nobody waits for an operator.
        "unsigned": ({"status": 401, "body": ""}, "X did not hand out the attachment (HTTP 401)."),
        "led away": (
            {"status": 302, "headers": {"location": "/ccm"}, "body": ""},
            "X redirected the request for the attachment (HTTP 302).",
        ),
        "no image": ({"status": 200, "body": "no picture at all"}, "The file (17 bytes) is none that X carries."),
        "empty": ({"status": 200, "body": ""}, "The file is empty."),
    }
    for name, (answer, _) in troubles.items():
        with trouble(tree, family="media", account_id=chat.account.id, path="/ton/", times=1, **answer) as fault:
            customer_attaches(chat, picture, "photo.jpg", "image/jpeg", name)
            eventually(lambda fault=fault: tree.sandbox.hits(fault) == 1, what=f"a download, {name}")
    chat.customer_says("the end")
    eventually(lambda: "the end" in [m["body"]["markdownText"] for m in chat.ccm_messages()], what="the last text")
    assert types(chat) == ["PLAIN"] * (2 * len(troubles) + 1)
    for number, (name, (_, why)) in enumerate(troubles.items()):
        assert note(chat, 2 * number) == name
        said = note(chat, 2 * number + 1)
        assert said.startswith("[The customer sent a photo that cannot be shown here. "), said
        assert why in said, said
        assert said.endswith(" Ask the customer to send it again, or look at it in the X app.]"), said


def test_a_video_of_the_limit_arrives_and_one_byte_more_is_a_note_with_the_limit(chat: Conversation) -> None:
    customer_attaches(chat, film_of(25 * MEGABYTE), "just.mp4", "video/mp4")
    customer_attaches(chat, film_of(25 * MEGABYTE + 1), "over.mp4", "video/mp4")
    chat.customer_says("after")
    eventually(lambda: len(chat.ccm_messages()) >= 3, 30, what="a video, a note and a text")
    assert types(chat) == ["VIDEO", "PLAIN", "PLAIN"]
    assert chat.ccm_messages()[0]["body"]["attachment"]["size"] == 25 * MEGABYTE
    said = note(chat, 1)
    assert said.startswith("[The customer sent a video that cannot be shown here. ")
    assert "more than 25 MB (26,214,400 bytes), which is the limit." in said
    assert said.endswith(" Ask the customer for a smaller one, or for a link to it.]")


@pytest.mark.parametrize("answer", [{"status": 503}, {"action": "act_then_reset"}], ids=str)
def test_a_file_engine_that_is_down_is_waited_for_in_order_and_holds_up_nobody_else(
    chat: Conversation, answer: Json
) -> None:
    tree, other = chat.account.tree, chat.account.customer()
    with trouble(tree, family="files", method="POST", **answer) as away:
        customer_attaches(chat, PNG, "photo.png", "image/png", "before")
        chat.customer_says("after")
        eventually(lambda: tree.sandbox.hits(away) >= 2, what="a second try")
        other.customer_says("meanwhile")
        other.await_ccm(["meanwhile"])
        assert [m["body"]["markdownText"] for m in chat.ccm_messages()] == ["before"]
    eventually(lambda: len(chat.ccm_messages()) >= 3, what="what waited")
    assert types(chat) == ["PLAIN", "IMAGE", "PLAIN"]
    assert chat.ccm_texts() == ["before", "", "after"]
    assert in_the_file_engine(chat, chat.ccm_messages()[1]) == PNG


def test_a_media_host_in_trouble_is_waited_for(chat: Conversation) -> None:
    tree = chat.account.tree
    with trouble(tree, family="media", account_id=chat.account.id, path="/ton/", times=2, status=503) as away:
        customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg")
        eventually(lambda: tree.sandbox.hits(away) == 2, what="a second try")
    eventually(lambda: len(chat.ccm_messages()) >= 1, what="the picture")
    assert types(chat) == ["IMAGE"]


def test_a_picture_waits_for_new_credentials_where_twitter_refuses_the_account_and_holds_up_nobody_else(
    chat: Conversation,
) -> None:
    account, other = chat.account, chat.account.customer()
    tree = account.tree
    # CCM has nothing better, so a person is needed.
    away = tree.sandbox.fault(family="ccm", path=f"configurations/{account.id}$", status=404)
    new = tree.sandbox.post("authorise", account_id=account.id)
    customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg", "before")
    chat.customer_says("after")
    pause = eventually(lambda: account.shown()["pauses"].get("outbound"), what="the pause")
    assert pause["reason"] == "token_revoked"
    assert account.shown()["state"] == "paused"
    other.customer_says("meanwhile")
    other.await_ccm(["meanwhile"])
    reply = other.agent_says("waits too")
    assert types(chat) == ["PLAIN"]
    assert other.twitter_texts() == []

    tree.sandbox.lift(away)
    values = {"ACCESS-TOKEN": new["ACCESS-TOKEN"], "ACCESS-TOKEN-SECRET": new["ACCESS-TOKEN-SECRET"]}
    rows = [{"key": key, "type": "String2000", "value": value} for key, value in values.items()]
    outcome = {"serviceIdentifier": account.id, "connectorConfigurations": rows}
    assert tree.http.post(f"{tree.url}/connector-configurations", json=outcome, timeout=10).status_code == 200
    eventually(lambda: len(chat.ccm_messages()) >= 3, what="what waited")
    assert types(chat) == ["PLAIN", "IMAGE", "PLAIN"]
    assert chat.ccm_texts() == ["before", "", "after"]
    assert other.await_report(reply["id"])["status"] == "DELIVERED"
    assert account.shown()["pauses"] == {}


def test_pictures_are_fetched_with_the_accounts_own_signature(chat: Conversation) -> None:
    customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg")
    eventually(chat.ccm_messages, what="the picture")
    found = chat.account.tree.sandbox.get("requests", family="media", path="/ton/")["requests"]
    mine = [request for request in found if request["account_id"] == chat.account.id]
    assert [(request["auth"], request["status"]) for request in mine] == [("oauth", 200)]


def test_no_temporary_file_is_left(tree: Tree, chat: Conversation) -> None:
    with trouble(tree, family="files", method="POST", delay=0.7):
        customer_attaches(chat, JPEG, "photo.jpg", "image/jpeg")
        # While it is uploaded it is there, so that its absence afterwards says something.
        eventually(lambda: spooled(tree), what="a temporary file")
    eventually(chat.ccm_messages, what="the picture")
    eventually(lambda: not spooled(tree), what="the end of all temporary files")
