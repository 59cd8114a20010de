"""WEBHOOK-URL: what Twitter and this service want of it, and what it says. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from twitter_connector.model.event import is_id
from twitter_connector.net.addresses import is_loopback

from .registration_steps import StepFailed

_PATH = re.compile(r"^(?P<base>.*)/webhook/twitter/(?P<account_id>[^/]+)$")
_PLAIN_URL = re.compile(r"[A-Za-z0-9\-._~:/\[\]]+")


def account_id_in(url: str, public_url: str | None) -> str:
    """Return the account id a webhook URL ends in. Raises StepFailed, saying what is wrong with the URL.

    https://docs.x.com/x-api/webhooks/introduction: https, no port; on loopback, where only the sandbox calls, neither.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StepFailed("webhook", "WEBHOOK-URL is no URL.") from None
    # urlsplit drops white space silently, and what follows is told to Twitter as it was typed.
    if not _PLAIN_URL.fullmatch(url) or "/../" in parts.path or "/./" in parts.path:
        raise StepFailed(
            "webhook", "WEBHOOK-URL may hold letters, digits and -._~:/[] only, and no `.` or `..` as a step."
        )
    found = _PATH.match(parts.path)
    if not found or not is_id(found["account_id"]):
        raise StepFailed(
            "webhook", "WEBHOOK-URL must end in /webhook/twitter/ and the numeric id of the Twitter account."
        )
    loopback = is_loopback(parts.hostname or "")
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise StepFailed("webhook", "WEBHOOK-URL must be a plain URL, without query, fragment or credentials.")
    if not loopback and (parts.scheme != "https" or port is not None):
        raise StepFailed("webhook", "Twitter wants WEBHOOK-URL to begin with https:// and to name no port.")
    if parts.scheme not in ("http", "https"):
        raise StepFailed("webhook", "WEBHOOK-URL must begin with https://.")
    if public_url and not url.startswith(f"{public_url}/"):
        raise StepFailed("webhook", f"WEBHOOK-URL must begin with PUBLIC_URL, which is {public_url}.")
    return found["account_id"]


def same_base(one: str, other: str) -> bool:
    """Say whether two webhook URLs lead to the same connector: all before the account's id is the same."""
    mine, theirs = _PATH.match(one), _PATH.match(other)
    return bool(mine and theirs and mine["base"] == theirs["base"])
