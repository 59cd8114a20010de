"""Files of agents and bots through the whole service: what Twitter is given, and what the agent hears of refusals."""

import pytest
from tree import Tree, eventually

from tests.integration.conversations import Account, Conversation, Json
from tests.integration.media_files import (
    agent_attaches,
    at_twitter,
    cards_of,
    failure,
    film_of,
    padded,
    settings,
    shown_as,
    stored,
    uploads,
)
from tests.media.files import JPEG, PNG, WEBP, film, gif

MEGABYTE = 1_048_576
MOV = film(b"avc1", brand=b"qt  ")


def test_a_file_becomes_one_direct_message_of_the_kind_its_bytes_say(tree: Tree, account: Account) -> None:
    files = [
        ("IMAGE", JPEG, "map.jpg", "image/jpeg", "photo"),
        ("IMAGE", PNG, "map.png", "image/png", "photo"),
        ("STICKER", WEBP, "smile.webp", "image/webp", "photo"),
        ("IMAGE", gif(frames=1), "still.gif", "image/gif", "photo"),
        ("IMAGE", gif(frames=4), "dance.gif", "image/gif", "animated_gif"),
        ("VIDEO", film_of(3 * MEGABYTE // 2), "clip.mp4", "video/mp4", "video"),
        ("VIDEO", MOV, "clip.mp4", "video/quicktime", "video"),
        ("MULTIMEDIA", PNG, "multi.png", "image/png", "photo"),
        # What it is called and what it is said to be count for nothing.
        ("VIDEO", JPEG, "false.mp4", "video/mp4", "photo"),
        ("IMAGE", gif(frames=4), "false.png", "image/png", "animated_gif"),
    ]
    chats = account.customers(len(files))
    with settings(tree, processing_seconds=0.2):
        for chat, (type_, content, name, mime, _) in zip(chats, files, strict=True):
            # A name that begins like many a camera's, with a number; one for all would be one file for all.
            agent_attaches(chat, type_, content, f"{chat.customer_id}_{name}", mime)
        for chat in chats:
            chat.await_delivered(1)
    for chat, (type_, content, name, _, kind) in zip(chats, files, strict=True):
        (dm,) = chat.twitter_messages()
        assert dm["text"] == "", name  # the caption is only the file's name
        assert (type_, shown_as(chat, dm)) == (type_, kind), name
        assert at_twitter(chat, dm) == content, name


def test_a_text_with_a_file_goes_with_it_and_keeps_its_place(chat: Conversation) -> None:
    chat.agent_says("before")
    agent_attaches(chat, "IMAGE", PNG, "map.png", "image/png", "Here 😀 *you* go")
    chat.agent_says("after")
    chat.await_twitter(["before", "Here 😀 you go", "after"])
    assert [bool(dm["media_id"]) for dm in chat.twitter_messages()] == [False, True, False]
    chat.await_delivered(3)


@pytest.mark.parametrize(
    ("type_", "most", "sentence"),
    [
        (
            "IMAGE",
            padded(JPEG, 5 * MEGABYTE),
            "The JPEG image has 5 MB (5,242,881 bytes); the limit is 5 MB (5,242,880",
        ),
        ("IMAGE", gif(frames=2) + bytes(15 * MEGABYTE - len(gif(frames=2))), "The animated GIF has 15 MB (15,728,641"),
        ("VIDEO", film_of(25 * MEGABYTE), "The file has more than 25 MB (26,214,400 bytes), which is the limit."),
    ],
    ids=["image", "gif", "video"],
)
def test_a_file_of_the_limit_is_sent_and_one_byte_more_fails_with_both_sizes_and_a_next_step(
    tree: Tree, chat: Conversation, type_: str, most: bytes, sentence: str
) -> None:
    name, mime = ("a.mp4", "video/mp4") if type_ == "VIDEO" else ("a.jpg", "image/jpeg")
    with settings(tree, max_file_bytes=26 * MEGABYTE, processing_seconds=0.2):
        within = agent_attaches(chat, type_, most, name, mime)
        over = agent_attaches(chat, type_, most + b"\0", name.replace("a", "b", 1), mime)
        assert chat.await_report(within["id"], 40)["status"] == "DELIVERED"
        code, outcome = failure(chat, over)
    assert code == "400"
    assert outcome.startswith(sentence)
    assert outcome.endswith(" Send a smaller file.")
    assert len(chat.twitter_messages()) == 1


def test_a_file_twitter_would_not_take_fails_at_once_with_the_reason(account: Account) -> None:
    refused = {
        "The file (19 bytes) is none that X carries. It takes JPEG, PNG, WebP and GIF": b"%PDF-1.7 no picture",
        "The file is empty.": b"",
        "The GIF is 1281 x 4 pixels large; X's limit is 1280 x 1080.": gif(1281, 4, 2),
        "The GIF has more than 350 frames, which is X's limit.": gif(frames=351),
        "X takes H.264 only: convert it and send it again.": film(b"hvc1"),
    }
    chats = account.customers(len(refused))
    sent = [
        agent_attaches(chat, "IMAGE", content, f"{chat.customer_id}.png", "image/png")
        for chat, content in zip(chats, refused.values(), strict=True)
    ]
    for chat, message, sentence in zip(chats, sent, refused, strict=True):
        code, outcome = failure(chat, message)
        assert code == "400"
        assert sentence in outcome
        assert chat.twitter_messages() == []
    assert uploads(account) == []


def test_a_file_that_is_no_longer_there_or_lies_inside_our_network_fails(chat: Conversation) -> None:
    def sent(url: str) -> Json:
        return chat.agent_sends(body={"type": "IMAGE", "markdownText": "", "attachment": {"mediaUrl": url}})

    code, outcome = failure(chat, sent("https://cx.invalid/file-engine/api/downloadFileStream?filename=none.png"))
    assert code == "400"
    assert outcome.startswith("The file engine does not have the file any more (HTTP 404).")
    for url in ("http://169.254.169.254/latest/meta-data", "http://10.0.0.1/a.png", "file:///etc/passwd"):
        assert failure(chat, sent(url))[0] == "400"
    assert chat.twitter_messages() == []


def test_a_file_engine_that_is_down_is_waited_for_and_keeps_the_order(tree: Tree, chat: Conversation) -> None:
    url = stored(chat, PNG, "map.png", "image/png")
    other = chat.account.customer()
    away = tree.sandbox.fault(family="files", method="GET", status=503)
    try:
        chat.agent_sends(body={"type": "IMAGE", "markdownText": "picture", "attachment": {"mediaUrl": url}})
        chat.agent_says("after")
        eventually(lambda: tree.sandbox.hits(away) >= 2, what="a second try")
        other.agent_says("meanwhile")
        other.await_twitter(["meanwhile"])
        assert chat.twitter_texts() == []
    finally:
        tree.sandbox.lift(away)
    chat.await_twitter(["picture", "after"])
    chat.await_delivered(2)


@pytest.mark.parametrize(("type_", "name"), [("FILE", "bill 1.pdf"), ("AUDIO", "voice.mp3")])
def test_what_twitter_cannot_carry_becomes_a_link_the_customer_can_open(
    chat: Conversation, type_: str, name: str
) -> None:
    content = b"%PDF-1.7" + bytes(2040)
    message = agent_attaches(chat, type_, content, name, "application/pdf" if type_ == "FILE" else "audio/mpeg", "Here")
    assert chat.await_report(message["id"])["status"] == "DELIVERED"
    (text,) = chat.twitter_texts()
    said, line, link = text.split("\n")
    assert said == "Here"
    assert line.startswith("📎 ")
    assert line.endswith(f"{name} (2 KB)")
    opened = chat.account.tree.sandbox.http.get(link, timeout=10)
    assert (opened.status_code, opened.content) == (200, content)


def test_a_carousel_is_a_series_of_cards_with_pictures_and_one_report(chat: Conversation) -> None:
    cards = cards_of(chat)
    message = chat.agent_sends(body={"type": "CAROUSEL", "markdownText": "Shoes", "elements": cards})
    chat.await_twitter(["Shoes", "Blue shoe\n1. Buy", "Red boot\n2. Buy", "Laces"])
    dms = chat.twitter_messages()
    assert [shown_as(chat, dm) if dm["media_id"] else "" for dm in dms] == ["", "photo", "photo", "photo"]
    options = dms[-1]["quick_reply"]["options"]
    assert [(option["label"], option["description"]) for option in options] == [
        ("Buy", "Blue shoe"),
        ("Buy", "Red boot"),
    ]
    chat.await_delivered(1)
    # A tap, and the number of the list, mean the same card.
    chat.customer_says("Buy", quick_reply_metadata=options[1]["metadata"])
    (tapped,) = eventually(chat.ccm_messages)
    assert (tapped["header"]["intent"], tapped["header"]["entities"]) == ("buy", {"id": 2})
    assert tapped["header"]["originalMessageId"] == message["id"]


def test_a_video_twitter_cannot_process_fails_with_its_reason_and_the_next_message_goes(
    tree: Tree, chat: Conversation
) -> None:
    with settings(tree, processing_seconds=0.2, processing_failures=1):
        message = agent_attaches(chat, "VIDEO", film_of(5_000), "clip.mp4", "video/mp4")
        chat.agent_says("after it")
        code, outcome = failure(chat, message)
    assert code == "400"
    assert outcome.startswith("X cannot use the MP4 video of 1280 x 720 pixels (InvalidMedia: “")
    assert "X takes videos in H.264 with AAC sound, 0.5 to 140 seconds long" in outcome
    chat.await_twitter(["after it"])
