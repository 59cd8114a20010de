"""IMAGE, VIDEO, STICKER and MULTIMEDIA: pictures, GIFs and videos, as attachments of Direct Messages.

Which of X's categories a file belongs to is decided by its bytes, when they are there (media/file_kind.py).
Here only CIM's claim is known. Only a claim of something that X cannot carry changes the plan.
"""

from __future__ import annotations

from twitter_connector.errors import ConnectorError, MediaTooLarge
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.event import Media
from twitter_connector.model.message import CimMessage, MediaPart, StoredFile
from twitter_connector.model.plan import MediaRef, Plan

from ..attachment import attachment_of, mime_type_of, stored_body, words_with
from ..kind import Kind
from . import text
from .file import as_link, no_address

# https://docs.x.com/x-api/media/quickstart/best-practices
CARRIED = {"image/jpeg", "image/jpg", "image/png", "image/webp", "image/gif", "video/mp4", "video/quicktime"}
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".mp4", ".mov")
# MIME types that say nothing about the file.
_VAGUE = {"", "application/octet-stream", "binary/octet-stream", "image/*", "video/*", "*/*"}

_WORDS = {"photo": "a photo", "animated_gif": "an animated GIF", "video": "a video"}


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> Plan:
    """Return Direct Messages with the file and its text, or a link if X cannot carry such a file.

    Raises UnsupportedKind if there is neither file nor text.
    """
    ref = attachment_of(message.body)
    words = words_with(message, ref)
    if ref is None:
        if words:
            return Plan(text.text_steps(words))
        raise no_address()
    if not can.media or not _is_carried(ref, message.type):
        return as_link(message, ref, public_base)
    return Plan(text.text_steps(words, media=ref))


def _is_carried(ref: MediaRef, type_: str) -> bool:
    if ref.mime_type not in _VAGUE:
        return ref.mime_type in CARRIED
    # MULTIMEDIA may be any file. The other types say that they are pictures or videos.
    return type_ != "MULTIMEDIA" or ref.name.lower().endswith(_ENDINGS)


def message_of(part: MediaPart, stored: StoredFile) -> CimMessage:
    """Return the CIM message of a customer's file, by its true MIME type."""
    family, _, _ = mime_type_of(stored.mime_type).partition("/")
    type_ = {"image": "IMAGE", "video": "VIDEO", "audio": "AUDIO"}.get(family, "FILE")
    return CimMessage(part.id, part.header, stored_body(type_, stored))


def note_of(part: MediaPart, error: ConnectorError) -> CimMessage:
    """Return the note in place of a file: what the customer sent, why it is missing, and what to do.

    In brackets, because the desk shows it among the customer's words.
    """
    reason = error.detail.strip() or f"The reason is {error.reason.replace('_', ' ')}."
    said = f"[The customer sent {_WORDS.get(part.media.kind, 'an attachment')} that cannot be shown here. "
    return CimMessage(part.id, part.header, text.body_of(f"{said}{reason} {_next_step(error)}]"))


def nothing_to_fetch(media: Media) -> bool:
    """Return whether X names no address of the file itself. The picture beside a video or GIF is only a preview, and
    playlists are not files."""
    if media.kind in ("video", "animated_gif"):
        return all(mime_type_of(v.content_type) != "video/mp4" for v in media.variants)
    return not media.url


def _next_step(error: ConnectorError) -> str:
    if isinstance(error, MediaTooLarge):
        return "Ask the customer for a smaller one, or for a link to it."
    if error.ours:
        return "Tell an administrator; meanwhile it can be seen in the X app."
    return "Ask the customer to send it again, or look at it in the X app."


KIND = Kind(("IMAGE", "VIDEO", "STICKER", "MULTIMEDIA"), to_plan)
