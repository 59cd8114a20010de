"""Text as X stores it: t.co links, entities, and escaped `& < >`. The same text always gets the same links."""

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_LINK = re.compile(r"https?://[^\s<>\"“”]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'’"
_TAG = re.compile(r"(?<![\w&])#(\w*[^\W\d_]\w*)")
_MENTION = re.compile(r"(?<!\w)@([A-Za-z0-9_]{1,15})\b")
_SYMBOL = re.compile(r"(?<!\w)\$([A-Za-z]{1,6})\b")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Rendered:
    """The text as X stores it, with its entities."""

    text: str
    entities: dict[str, Any]


def short_link(seed: str) -> str:
    """Return a t.co link that is the same for the same seed."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    letters = ""
    for _ in range(10):
        number, digit = divmod(number, len(_ALPHABET))
        letters += _ALPHABET[digit]
    return f"https://t.co/{letters}"


def display_url(url: str) -> str:
    """Return a URL as it is shown in a message."""
    parts = urlsplit(url)
    rest = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.removeprefix("www.")
    return host + (rest if len(rest) <= 16 else rest[:15] + "…")


def render(
    typed: str,
    find_user: Callable[[str], tuple[str, str, str] | None],
    media_link: dict[str, str] | None = None,
    separator: str = " ",
) -> Rendered:
    """Return the text with short links and escaped `& < >`, and the media's link at the end if there is one.

    `separator` is in front of the media's link.
    `find_user` gives (id, name, screen name) of a mentioned user. Indices count code points of the returned text.
    """
    urls: list[dict[str, Any]] = []
    parts: list[str] = []
    length = 0

    def put(part: str) -> tuple[int, int]:
        nonlocal length
        parts.append(part)
        length += len(part)
        return length - len(part), length

    end = 0
    for match in _LINK.finditer(typed):
        url = match[0].rstrip(_TRAILING)
        put(html.escape(typed[end : match.start()], quote=False))
        end = match.start() + len(url)
        short = short_link(url)
        indices = list(put(short))
        urls.append({"url": short, "expanded_url": url, "display_url": display_url(url), "indices": indices})
    put(html.escape(typed[end:], quote=False))
    if media_link is not None:
        put(separator)
        urls.append({**media_link, "indices": list(put(media_link["url"]))})
    text = "".join(parts)
    return Rendered(text, {**_marks(text, find_user), "urls": urls})


def _marks(text: str, find_user: Callable[[str], tuple[str, str, str] | None]) -> dict[str, Any]:
    mentions = []
    for match in _MENTION.finditer(text) if "@" in text else ():
        if user := find_user(match[1]):
            user_id, name, screen_name = user
            mentions.append(
                {
                    "screen_name": screen_name,
                    "name": name,
                    "id": int(user_id),
                    "id_str": user_id,
                    "indices": list(match.span()),
                }
            )
    return {
        "hashtags": _plain(_TAG, text) if "#" in text else [],
        "symbols": _plain(_SYMBOL, text) if "$" in text else [],
        "user_mentions": mentions,
    }


def _plain(pattern: re.Pattern[str], text: str) -> list[dict[str, Any]]:
    return [{"text": match[1], "indices": list(match.span())} for match in pattern.finditer(text)]
