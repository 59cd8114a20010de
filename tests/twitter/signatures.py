"""Checks OAuth 1.0a signatures of requests that arrived, from what arrived alone."""

from __future__ import annotations

from oauthlib.common import Request, urldecode
from oauthlib.oauth1.rfc5849 import signature

from tests.loopback import Seen
from twitter_connector.model.account import Credentials

CREDENTIALS = Credentials("key", "key-secret", "token", "token-secret")


def signed(seen: Seen, base: str) -> bool:
    """Say whether the request carries a right signature; False where it carries none."""
    header = seen.headers.get("Authorization", "")
    if not header.startswith("OAuth "):
        return False
    form = seen.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    request = Request(base + seen.target, seen.method)
    collected = signature.collect_parameters(
        seen.target.partition("?")[2], seen.start.decode() if form else "", {"Authorization": header}
    )
    given = dict(signature.collect_parameters("", "", {"Authorization": header}, exclude_oauth_signature=False))
    request.params = collected
    request.signature = given["oauth_signature"]
    right = signature.verify_hmac_sha1(request, CREDENTIALS.api_key_secret, CREDENTIALS.access_token_secret)
    return bool(right and given["oauth_consumer_key"] == "key" and given["oauth_token"] == "token")


def form(seen: Seen) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(urldecode(seen.start.decode()))
