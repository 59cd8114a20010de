"""Files on both sides of the connector: what people attach, where it lies, and what the other side made of it.

Goes through the sandbox's own routes; the only thing it looks at inside the service is which files it has open.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from requests_oauthlib import OAuth1
from tree import ROOT, Tree

from tests.integration.conversations import Account, Conversation, Json
from tests.media.files import PNG, box, film

# What the sandbox's Twitter makes of every GIF.
GIF_AS_FILM = (ROOT / "sandbox" / "twitter" / "gif.mp4").read_bytes()


def padded(start: bytes, size: int) -> bytes:
    """Return a file of exactly that many bytes which begins so."""
    return start + bytes(size - len(start))


def film_of(size: int) -> bytes:
    """Return an H.264 film of exactly that many bytes."""
    start = film(b"avc1", b"mp4a", width=1280, height=720)
    return start + box(b"mdat", bytes(size - len(start) - 8))


# The customer's side


def customer_attaches(chat: Conversation, content: bytes, name: str, mime: str, text: str = "") -> Json:
    """Let the customer send a file, with a text or without; return the DM as Twitter stores it."""
    tree = chat.account.tree
    answer = tree.sandbox.http.post(
        f"{tree.sandbox.url}/_sandbox/customer/messages",
        data={"account_id": chat.account.id, "customer_id": chat.customer_id, "text": text},
        files={"media_file": (name, content, mime)},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


# The agents' side


def stored(chat: Conversation, content: bytes, name: str, mime: str) -> str:
    """Put a file into the file engine, as the desk does; return the `mediaUrl` CIM has for it."""
    answer = _files(
        chat.account.tree,
        "POST",
        "uploadFileStream",
        data={"conversationId": "83120"},
        files={"file": (name, content, mime)},
    )
    # The public host is one that nobody can reach: only the name is for the connector.
    return f"https://cx.invalid/file-engine/api/downloadFileStream?filename={answer.json()['name']}"


def agent_attaches(chat: Conversation, type_: str, content: bytes, name: str, mime: str, text: str = "") -> Json:
    """Let the agent send a file of the file engine; the connector must accept it."""
    attachment = {"mediaUrl": stored(chat, content, name, mime), "mimeType": mime, "size": len(content)}
    return chat.agent_sends(body={"type": type_, "markdownText": text, "caption": name, "attachment": attachment})


def in_the_file_engine(chat: Conversation, message: Json) -> bytes:
    """Return the file a message at CCM names."""
    name = message["body"]["attachment"]["mediaUrl"].rpartition("filename=")[2]
    content: bytes = _files(chat.account.tree, "GET", "downloadFileStream", params={"filename": name}).content
    return content


def _files(tree: Tree, method: str, route: str, **more: Any) -> requests.Response:
    answer = tree.sandbox.http.request(method, f"{tree.sandbox.url}/file-engine/api/{route}", timeout=60, **more)
    assert answer.status_code == 200, answer.text
    return answer


def cards_of(chat: Conversation) -> list[Json]:
    """Return three cards with pictures of the file engine; two of them with an option."""
    names = ("Blue shoe", "Red boot", "Laces")
    pictures = [stored(chat, padded(PNG, 100 + n), f"card{n}.png", "image/png") for n in range(3)]
    return [
        {
            "text": name,
            "url": picture,
            "buttons": [{"title": "Buy", "payload": f'/buy{{"id":{n}}}', "type": "text"}] if n < 3 else [],
        }
        for n, (name, picture) in enumerate(zip(names, pictures, strict=True), start=1)
    ]


def failure(chat: Conversation, message: Json) -> tuple[str, str]:
    """Wait for the report about a message that failed; return its code and its sentence."""
    report = chat.await_report(message["id"])
    assert report["status"] == "FAILED", report
    return report["reasonCode"], report["markdownText"]


# Twitter's side


def at_twitter(chat: Conversation, dm: Json) -> bytes:
    """Return the bytes Twitter was given of a message's file."""
    url = f"{chat.account.tree.sandbox.url}/_sandbox/media/{dm['media_id']}?uploaded=true"
    answer = chat.account.tree.sandbox.http.get(url, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def shown_as(chat: Conversation, dm: Json) -> str:
    """Return how Twitter shows a message's file: photo, animated_gif or video, by the category of its upload."""
    body, tree = chat.account.body, chat.account.tree
    key = OAuth1(body["API-KEY"], body["API-KEY-SECRET"], body["ACCESS-TOKEN"], body["ACCESS-TOKEN-SECRET"])
    url = f"{tree.sandbox.url}/1.1/direct_messages/events/show.json"
    answer = tree.sandbox.http.get(url, params={"id": dm["id"]}, auth=key, timeout=30)
    assert answer.status_code == 200, answer.text
    data = answer.json()["event"]["message_create"]["message_data"]
    return str(data["attachment"]["media"]["type"])


def uploads(account: Account) -> list[Json]:
    """Return the requests the account made to Twitter's upload host."""
    return requests_of(account, "media/upload")


def requests_of(account: Account, path: str) -> list[Json]:
    """Return the requests made with the account's token to such a path at Twitter."""
    found = account.tree.sandbox.get("requests", family="twitter", path=path)["requests"]
    return [request for request in found if request["account_id"] == account.id]


# Turning the sandbox


@contextmanager
def settings(tree: Tree, **wanted: object) -> Iterator[None]:
    """Turn the sandbox for as long as the block lasts."""
    before = tree.sandbox.get("settings")
    tree.sandbox.post("settings", **wanted)
    try:
        yield
    finally:
        tree.sandbox.post("settings", **{name: before[name] for name in wanted})


@contextmanager
def trouble(tree: Tree, **wanted: object) -> Iterator[str]:
    """Put a fault in force for as long as the block lasts."""
    fault = tree.sandbox.fault(**wanted)
    try:
        yield fault
    finally:
        tree.sandbox.lift(fault)


# Inside


def spooled(tree: Tree) -> list[str]:
    """Return the temporary files of the service: those with a name, and nameless ones that a process has open."""
    spool = tree.var_dir / "spool"
    found = [str(path) for path in spool.iterdir()] if spool.exists() else []
    for pid in tree.processes():
        for descriptor in _descriptors(pid):
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue  # closed meanwhile
            if target.startswith(f"{spool}/"):
                found.append(f"{pid}: {target}")
    return found


def _descriptors(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
