"""The account and the requests that the tests of the web side share."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import redis
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from twitter_connector.broker import keys
from twitter_connector.model.account import Account, Credentials

SECRET = "consumer-secret-example"
ACCOUNT = Account(
    id="2975699229",
    credentials=Credentials("consumer-key-example", SECRET, "access-token-example", "access-secret-example"),
    webhook_url="https://cx.example.com/twitter-connector/webhook/twitter/2975699229",
    settings={"environment": "prod"},
    screen_name="acme",
)
PATH = f"/webhook/twitter/{ACCOUNT.id}"
HEADER = "x-twitter-webhooks-signature"


def signed(body: bytes, secret: str = SECRET) -> str:
    """Return the signature Twitter would send, by arithmetic of its own."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def dm(event_id: str = "1206724334791753732", text: str = "Yes, you are!", *, sender: str = "12345") -> dict[str, Any]:
    """Return the payload of one Direct Message from a customer."""
    return {
        "for_user_id": ACCOUNT.id,
        "direct_message_events": [
            {
                "type": "message_create",
                "id": event_id,
                "created_timestamp": "1576540475925",
                "message_create": {
                    "target": {"recipient_id": ACCOUNT.id},
                    "sender_id": sender,
                    "message_data": {"text": text, "entities": {"urls": []}},
                },
            }
        ],
        "users": {sender: {"id": sender, "name": "Ada Lovelace", "screen_name": "ada"}},
    }


def post_event(client: FlaskClient, payload: Any, *, path: str = PATH, secret: str = SECRET) -> TestResponse:
    """Post an event as Twitter does. Bytes are sent as they are."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return client.post(path, data=body, content_type="application/json", headers={HEADER: signed(body, secret)})


def cim(message_id: str = "8d3fd806-e865-441c-a93a-c5d8e6322e94", **body: Any) -> dict[str, Any]:
    """Return a message from CCM."""
    return {
        "id": message_id,
        "header": {
            "sender": {"id": "1", "type": "AGENT", "senderName": "sam", "additionalDetail": None},
            "channelData": {"channelCustomerIdentifier": "12345", "serviceIdentifier": ACCOUNT.id},
        },
        "body": {"type": "PLAIN", "markdownText": "Your order leaves *today*.", **body},
    }


def stored(inspector: redis.Redis) -> list[str]:
    """Return the names of the keys that hold work or remember that there was some."""
    names = (key.removeprefix(keys.PREFIX) for key in inspector.keys("*"))
    return sorted(n for n in names if n.startswith(("q:", "m:", "seen:", "due:", "turn:", "echo:", "bell:")))


def is_problem(response: TestResponse) -> bool:
    """Say whether an answer is a problem of RFC 9457 with all that the interface promises."""
    if response.content_type != "application/problem+json":
        return False
    body = json.loads(response.get_data())
    outcome = all(isinstance(body.get(k), str) and body[k] for k in ("type", "title", "detail"))
    return outcome and body.get("status") == response.status_code
