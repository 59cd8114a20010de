"""The challenge X sends to a webhook (CRC), and the signature header of challenges and events."""

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import requests

from sandbox.twitter.errors import TwitterError, error
from sandbox.twitter.webhooks import LOOPBACK, meets_rules

SIGNATURE_HEADER = "x-twitter-webhooks-signature"
SECONDS = 3.0
_NOT_200 = "Non-200 response code during CRC GET request (i.e. 404, 500, etc)."
_TOO_SLOW = "High latency on CRC GET request. Your webhook should respond in less than 3 seconds."
_WRONG_TOKEN = "Webhook URL does not meet the requirements. Invalid CRC token or json response format."


@dataclass(frozen=True)
class CrcFailure:
    """Why a challenge failed, in the words of API v2 and of v1.1. A final one makes a v2 webhook invalid at once."""

    text: str
    v1_message: str
    final: bool = False


_UNREACHABLE = CrcFailure("Connection failed", _NOT_200)
_SLOW = CrcFailure("Request timed out", _TOO_SLOW)
_INVALID_TOKEN = CrcFailure("Invalid `response_token`", _WRONG_TOKEN, final=True)


def sign(secret: str, message: bytes) -> str:
    """Return the value of the signature header for a raw body or query string."""
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return f"sha256={base64.b64encode(digest).decode()}"


def challenge(url: str, consumer_secret: str) -> TwitterError | None:
    """Challenge a webhook. Returns the v1.1 error of a failure, or None."""
    if not meets_rules(url):
        return error(214)
    failure = try_challenge(url, consumer_secret)
    return error(214, failure.v1_message) if failure else None


def try_challenge(url: str, consumer_secret: str) -> CrcFailure | None:
    """Ask the webhook to prove that it knows the consumer secret. Returns the failure, or None."""
    if urlsplit(url).hostname not in LOOPBACK:
        # The sandbox never leaves the machine, so it cannot reach another host.
        return _UNREACHABLE
    token = secrets.token_urlsafe(32)
    query = urlencode({"crc_token": token, "nonce": secrets.token_urlsafe(24)})
    headers = {SIGNATURE_HEADER: sign(consumer_secret, query.encode())}
    begun = time.monotonic()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{url}?{query}", headers=headers, timeout=SECONDS, allow_redirects=False)
    except requests.Timeout:
        return _SLOW
    except requests.RequestException:
        return _UNREACHABLE
    if time.monotonic() - begun > SECONDS:
        return _SLOW
    if answer.status_code != 200:
        redirect = 300 <= answer.status_code < 400
        return CrcFailure(f"Non-200 response code: {answer.status_code}", _NOT_200, final=redirect)
    try:
        given = answer.json()["response_token"]
    except (ValueError, KeyError, TypeError):
        return _INVALID_TOKEN
    return None if given == sign(consumer_secret, token.encode()) else _INVALID_TOKEN
