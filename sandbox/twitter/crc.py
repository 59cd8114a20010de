"""The challenge Twitter puts to a webhook before it trusts it, and the signature header both of them use."""

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode, urlsplit

import requests

from sandbox.twitter.errors import TwitterError, error
from sandbox.twitter.webhooks import LOOPBACK, meets_rules

SIGNATURE_HEADER = "x-twitter-webhooks-signature"
SECONDS = 3.0
_NOT_200 = "Non-200 response code during CRC GET request (i.e. 404, 500, etc)."
_TOO_SLOW = "High latency on CRC GET request. Your webhook should respond in less than 3 seconds."
_WRONG_TOKEN = "Webhook URL does not meet the requirements. Invalid CRC token or json response format."


def sign(secret: str, message: bytes) -> str:
    """Return the value of the signature header for a raw body or query string."""
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return f"sha256={base64.b64encode(digest).decode()}"


def challenge(url: str, consumer_secret: str) -> TwitterError | None:
    """Ask the webhook to prove that it knows the consumer secret. Returns what Twitter would object to."""
    if not meets_rules(url):
        return error(214)
    if urlsplit(url).hostname not in LOOPBACK:
        # The sandbox never leaves the machine, so what is not on it cannot be reached.
        return error(214, _NOT_200)
    token = secrets.token_urlsafe(32)
    query = urlencode({"crc_token": token, "nonce": secrets.token_urlsafe(24)})
    headers = {SIGNATURE_HEADER: sign(consumer_secret, query.encode())}
    begun = time.monotonic()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{url}?{query}", headers=headers, timeout=SECONDS, allow_redirects=False)
    except requests.Timeout:
        return error(214, _TOO_SLOW)
    except requests.RequestException:
        return error(214, _NOT_200)
    if time.monotonic() - begun > SECONDS:
        return error(214, _TOO_SLOW)
    if answer.status_code != 200:
        return error(214, _NOT_200)
    try:
        given = answer.json()["response_token"]
    except (ValueError, KeyError, TypeError):
        return error(214, _WRONG_TOKEN)
    if given != sign(consumer_secret, token.encode()):
        return error(214, _WRONG_TOKEN)
    return None
