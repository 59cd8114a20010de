"""Requests of the size and shape that X and CCM send: signed events, and messages of agents."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from twitter_connector.model.account import signature

ACCOUNT_ID, V2_ACCOUNT_ID = "732739706", "1750214466953510912"
SECRET = "benchmark-consumer-secret"
_EPOCH_MS = 1288834974657
_sequence = 0
_DESCRIPTION = "More of a listener than a talker, and always in search of a parcel that went astray."
_PICTURE = "https://pbs.twimg.com/profile_images/851526626785480705/cW4WTi7C_normal.jpg"


def event_id() -> str:
    """Return a new id, larger than every one before."""
    global _sequence  # noqa: PLW0603 - a counter of this process
    _sequence += 1
    return str((int(time.time() * 1000) - _EPOCH_MS << 22) + _sequence)


def moment_of(dm_id: str) -> float:
    """Return when X made an id, in epoch seconds."""
    return ((int(dm_id) >> 22) + _EPOCH_MS) / 1000


def request(customer_id: str, dm_id: str | None = None) -> bytes:
    """Return the bytes of one signed POST with one text message, as API v1.1 sends it."""
    dm_id = dm_id or event_id()
    names = {customer_id: ("Ada Lovelace", "ada"), ACCOUNT_ID: ("Acme", "acme")}
    profile = {
        "created_timestamp": "1422556069340",
        "location": "London",
        "description": _DESCRIPTION,
        "url": "https://t.co/Y9Umsm0AJJ",
        "protected": False,
        "verified": False,
        "followers_count": 22,
        "friends_count": 45,
        "statuses_count": 494,
        "profile_image_url": _PICTURE.replace("https", "http"),
        "profile_image_url_https": _PICTURE,
    }
    users = {i: {"id": i, "name": name, "screen_name": handle, **profile} for i, (name, handle) in names.items()}
    dms = [_message(customer_id, ACCOUNT_ID, dm_id)]
    return _signed(ACCOUNT_ID, {"for_user_id": ACCOUNT_ID, "direct_message_events": dms, "users": users})


def activity_request(customer_id: str, dm_id: str | None = None) -> bytes:
    """Return the bytes of one signed POST with one text message, as the X Activity API (API v2) sends it."""
    dm_id = dm_id or event_id()
    names = {customer_id: ("Ada Lovelace", "ada"), V2_ACCOUNT_ID: ("Acme", "acme")}
    profile = {
        "created_at": "2015-01-29T18:01:09.000Z",
        "location": "London",
        "description": _DESCRIPTION,
        "url": "https://t.co/Y9Umsm0AJJ",
        "protected": False,
        "verified": False,
        "verified_type": "none",
        "profile_image_url": _PICTURE,
        "public_metrics": {"followers_count": 22, "followers_count_str": "22", "following_count": 45},
    }
    users = {i: {"data": {"id": i, "name": name, "username": user, **profile}} for i, (name, user) in names.items()}
    data = {
        "event_uuid": f"-{dm_id}",
        "filter": {"user_id": V2_ACCOUNT_ID},
        "event_type": "dm.received",
        "tag": "twitter-connector",
        "payload": {"direct_message_events": [_message(customer_id, V2_ACCOUNT_ID, dm_id)], "users": users},
    }
    return _signed(V2_ACCOUNT_ID, {"data": data})


def agent_message(account_id: str, customer_id: str, text: str) -> bytes:
    """Return the JSON of an agent's message, as CCM sends it."""
    channel = {"channelCustomerIdentifier": customer_id, "serviceIdentifier": account_id}
    sender = {"id": str(uuid.uuid4()), "type": "AGENT", "senderName": "sam"}
    header = {"sender": sender, "channelData": channel, "timestamp": int(time.time() * 1000)}
    body = {"type": "PLAIN", "markdownText": text}
    return json.dumps({"id": str(uuid.uuid4()), "header": header, "body": body}).encode()


def agent_request(customer_id: str, account_id: str = V2_ACCOUNT_ID) -> bytes:
    """Return the bytes of one POST with an agent's message."""
    body = agent_message(account_id, customer_id, "Your parcel is on its way.")
    return (
        "POST /cim-messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _message(customer_id: str, account_id: str, dm_id: str) -> dict[str, Any]:
    text = f"Hello, where is my order {dm_id[-6:]}?"
    entities: dict[str, Any] = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}
    return {
        "type": "message_create",
        "id": dm_id,
        "created_timestamp": str((int(dm_id) >> 22) + _EPOCH_MS),
        "message_create": {
            "target": {"recipient_id": account_id},
            "sender_id": customer_id,
            "message_data": {"text": text, "entities": entities},
        },
    }


def _signed(account_id: str, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    return (
        f"POST /webhook/twitter/{account_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"x-twitter-webhooks-signature: {signature(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
