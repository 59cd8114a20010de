"""WEBHOOK-URL: what X and this service require of it, and the account id in it. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from twitter_connector.model.event import is_id

MAX_CHARS = 200
_PATH = re.compile(r"^(?P<base>.*)/webhook/twitter/(?P<account_id>[^/]+)$")
_PLAIN_URL = re.compile(r"[A-Za-z0-9\-._~:/\[\]]+")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


class BadWebhookUrl(ValueError):
    """The argument is a sentence that says what is wrong with the URL."""


def account_id_in(url: str, public_url: str | None) -> str:
    """Return the account id that a webhook URL ends in. Raises BadWebhookUrl.

    public_url: what the URL must begin with; None for anything. X requires https and no port; on loopback, where only
    the sandbox calls, neither is needed. https://docs.x.com/x-api/webhooks/introduction
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadWebhookUrl("This is not a URL.") from None
    # urlsplit drops white space silently, but X would get the URL as it was typed.
    if not _PLAIN_URL.fullmatch(url) or "/../" in parts.path or "/./" in parts.path:
        raise BadWebhookUrl("Only letters, digits and -._~:/[] are allowed, and no `.` or `..` as a step.")
    match = _PATH.match(parts.path)
    if not match or not is_id(match["account_id"]):
        raise BadWebhookUrl("It must end in /webhook/twitter/ and the numeric id of the X account.")
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise BadWebhookUrl("It must be a plain URL, without query, fragment or credentials.")
    if parts.hostname not in _LOOPBACK and (parts.scheme != "https" or port is not None):
        raise BadWebhookUrl("X requires a URL that begins with https:// and names no port.")
    if parts.scheme not in ("http", "https"):
        raise BadWebhookUrl("It must begin with https://.")
    if public_url and not url.startswith(f"{public_url}/"):
        raise BadWebhookUrl(f"It must begin with PUBLIC_URL, which is {public_url}.")
    return match["account_id"]


def same_base(one: str, other: str) -> bool:
    """Return whether two webhook URLs lead to the same connector: everything before the account's id is the same."""
    first, second = _PATH.match(one), _PATH.match(other)
    return bool(first and second and first["base"] == second["base"])
