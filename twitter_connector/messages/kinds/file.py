"""AUDIO, FILE and other files that a Direct Message cannot carry: name, size and a link."""

from __future__ import annotations

from urllib.parse import urlsplit

from twitter_connector.errors import UnsupportedKind
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MediaRef, Plan
from twitter_connector.net.addresses import is_public_host

from ..attachment import attachment_of, file_name_in, public_link, words_with
from ..button_options import is_web_address
from ..kind import Kind
from .text import text_steps

_UNITS = ("bytes", "KB", "MB", "GB")


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return a text that leads to the file. Raises UnsupportedKind if the customer cannot reach the file."""
    ref = attachment_of(message.body)
    if ref is None:
        raise no_address()
    return as_link(message, ref, public_base)


def no_address() -> UnsupportedKind:
    """Return the error for a message that should have a file and names none."""
    return UnsupportedKind(
        "no_file_address",
        "The message names no file (attachment.mediaUrl is empty), so there is nothing to send to the customer. "
        "Attach the file again.",
    )


def as_link(message: CimMessage, ref: MediaRef, public_base: str | None) -> Plan:
    """Return the plan that offers a file as a link."""
    link = _link(ref, public_base)
    if link is None:
        raise UnsupportedKind(
            "no_file_link",
            f"X's Direct Messages carry pictures, GIFs and MP4 videos only, and {_named(ref)} cannot be offered "
            "as a link, because the connector knows no public address of the file engine. Send what matters as text "
            "or as a picture, or ask an administrator to set PUBLIC_FILE_ENGINE_URL.",
        )
    size = f" ({readable_size(ref.size_bytes)})" if ref.size_bytes else ""
    lines = [words_with(message, ref), f"📎 {ref.name or 'file'}{size}", link]
    return Plan(text_steps("\n".join(line for line in lines if line)))


def readable_size(size_bytes: int) -> str:
    """Return a size as text, "3.2 MB". A KB has 1,024 bytes, as in X's limits."""
    size, unit = float(size_bytes), 0
    while size >= 1024 and unit + 1 < len(_UNITS):
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit > 1 else f"{size:.0f} {_UNITS[unit]}"


def _link(ref: MediaRef, public_base: str | None) -> str | None:
    name = file_name_in(ref.url)
    if name:
        return public_link(public_base, name) if public_base else None
    return ref.url if _is_public(ref.url) else None


def _is_public(url: str) -> bool:
    if not is_web_address(url):
        return False
    return is_public_host(urlsplit(url).hostname or "")


def _named(ref: MediaRef) -> str:
    # Without its name, which may contain personal data: this sentence is stored with the dead letter.
    facts = [ref.mime_type] if ref.mime_type else []
    if ref.size_bytes:
        facts.append(readable_size(ref.size_bytes))
    return f"this file ({', '.join(facts)})" if facts else "this file"


KIND = Kind(("AUDIO", "FILE"), to_plan)
