"""Signed webhook requests of the size and shape Twitter sends."""

from __future__ import annotations

import json
import time

from twitter_connector.model.account import signature

ACCOUNT_ID = "732739706"
SECRET = "benchmark-consumer-secret"
_EPOCH_MS = 1288834974657
_sequence = 0


def event_id() -> str:
    """Return a new id, larger than every one before."""
    global _sequence  # noqa: PLW0603 - a counter of this process
    _sequence += 1
    return str((int(time.time() * 1000) - _EPOCH_MS << 22) + _sequence)


def moment_of(dm_id: str) -> float:
    """Return when X made an id, in epoch seconds."""
    return ((int(dm_id) >> 22) + _EPOCH_MS) / 1000


def request(customer_id: str, dm_id: str | None = None) -> bytes:
    """Return the bytes of one signed POST with one text message."""
    dm_id = dm_id or event_id()
    ms = str((int(dm_id) >> 22) + _EPOCH_MS)
    user = {
        "created_timestamp": "1422556069340",
        "location": "London",
        "description": "More of a listener than a talker, and always in search of a parcel that went astray.",
        "url": "https://t.co/Y9Umsm0AJJ",
        "protected": False,
        "verified": False,
        "followers_count": 22,
        "friends_count": 45,
        "statuses_count": 494,
        "profile_image_url": "http://pbs.twimg.com/profile_images/851526626785480705/cW4WTi7C_normal.jpg",
        "profile_image_url_https": "https://pbs.twimg.com/profile_images/851526626785480705/cW4WTi7C_normal.jpg",
    }
    body = json.dumps(
        {
            "for_user_id": ACCOUNT_ID,
            "direct_message_events": [
                {
                    "type": "message_create",
                    "id": dm_id,
                    "created_timestamp": ms,
                    "message_create": {
                        "target": {"recipient_id": ACCOUNT_ID},
                        "sender_id": customer_id,
                        "message_data": {
                            "text": f"Hello, where is my order {dm_id[-6:]}?",
                            "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
                        },
                    },
                }
            ],
            "users": {
                customer_id: {"id": customer_id, "name": "Ada Lovelace", "screen_name": "ada", **user},
                ACCOUNT_ID: {"id": ACCOUNT_ID, "name": "Acme", "screen_name": "acme", **user},
            },
        }
    ).encode()
    return (
        f"POST /webhook/twitter/{ACCOUNT_ID} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"x-twitter-webhooks-signature: {signature(SECRET, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
