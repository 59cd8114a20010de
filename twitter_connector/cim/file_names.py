"""Reads names of the file engine's files from addresses, and makes names for new files. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from twitter_connector.errors import Permanent

NAME_MAX_CHARS = 60
# The file engine accepts these extensions.
_ENDINGS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "audio/mpeg": "mp3",
    "application/pdf": "pdf",
    "text/plain": "txt",
}


def filename(media_url: str) -> str | None:
    """Return the file engine's name in a `mediaUrl`, or None if the address is not the file engine's.

    Ignores host and path. Raises Permanent "media_url_refused" as `safe_name` does.
    """
    try:
        names = parse_qs(urlsplit(media_url).query, errors="strict").get("filename")
    except ValueError as error:
        raise Permanent("media_url_refused", "The attachment's address cannot be understood.") from error
    return safe_name(names[0]) if names else None


def safe_name(name: str) -> str:
    """Return the name if it can only be a file in the file engine's folder, otherwise raise Permanent."""
    # A server that decodes twice would turn these into separators.
    escaped = re.search(r"%(2f|5c|2e|00)", name, re.IGNORECASE)
    if not name.strip(". ") or len(name) > 255 or escaped or re.search(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]", name):
        raise Permanent(
            "media_url_refused",
            "The attachment's address does not name a file of the file engine. Attach the file again.",
        )
    return name


def clean_name(name: str, mime_type: str) -> str:
    """Return a name that the file engine accepts: ASCII letters, digits, `_` and `-`, and one extension. Never empty.

    The extension follows the media type if that is known.
    """
    stem, _, ending = name.strip().rpartition(".")
    if not re.fullmatch(r"[A-Za-z0-9]{1,5}", ending) or "." not in name:
        stem, ending = name, "bin"
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:NAME_MAX_CHARS].strip("_")
    return f"{stem or 'file'}.{_ENDINGS.get(mime_type, ending.lower())}"
