"""What a decrypted event says, in the connector's own form. Reads the library's dictionaries and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from twitter_connector.model.chat import (
    CHANGED_KEY,
    DELETED,
    EDITED,
    KEYLESS,
    OTHER,
    REACTED,
    TEXT,
    UNREACTED,
    UNVERIFIED,
    ChatOpened,
    ChatReceived,
)
from twitter_connector.model.event import Media, Variant
from twitter_connector.model.json_fields import mapping_of, mappings_in

MEDIA_SCHEME = "x-chat"
_MEDIA_KINDS = {"image": "photo", "gif": "animated_gif", "video": "video"}
_CONTENTS = {"Reaction": REACTED, "ReactionRemoved": UNREACTED, "Edit": EDITED, "Text": TEXT}


def opened_of(chat: ChatReceived, event: Mapping[str, Any] | None) -> ChatOpened:
    """Return what an event says; event: None if it could not be decrypted."""
    if event is None:
        return ChatOpened(KEYLESS)
    kind = str(event.get("type") or "")
    if kind == "KeyChange":
        return ChatOpened(CHANGED_KEY)
    # What the sender signed must say the same as what X wrote outside.
    parties = (str(event.get("sender_id") or ""), str(event.get("conversation_id") or "").replace("-", ":"))
    signed = event.get("verified") is True and parties == (chat.customer_id, chat.conversation_id)
    if kind == "MessageDeleted":
        return ChatOpened(DELETED if signed else UNVERIFIED)
    if kind != "Message":
        return ChatOpened(OTHER, detail=kind)
    return _message(chat, event) if signed else ChatOpened(UNVERIFIED)


def _message(chat: ChatReceived, event: Mapping[str, Any]) -> ChatOpened:
    content = mapping_of(event.get("content"))
    kind = _CONTENTS.get(str(content.get("content_type")))
    if kind is None:
        return ChatOpened(OTHER, detail=str(content.get("content_type") or ""))
    if kind in (REACTED, UNREACTED):
        return ChatOpened(kind, text=str(content.get("emoji") or ""))
    if kind == EDITED:
        return ChatOpened(kind, text=str(content.get("new_text") or ""))
    words = [
        str(content.get("text") or ""),
        str(mapping_of(content.get("forwarded_message")).get("message_text") or ""),
    ]
    attachments = [mapping_of(one) for one in mappings_in(content, "attachments")]
    text = "\n".join(word for word in words if word)
    links = [link for one in attachments for link in _links(one) if link not in text]
    preview = mapping_of(content.get("replying_to_preview"))
    option = mapping_of(mapping_of(mapping_of(content.get("quick_reply")).get("response")).get("options"))
    return ChatOpened(
        TEXT,
        text="\n".join(part for part in (text, *links) if part),
        is_reply=bool(preview),
        quoted=str(preview.get("message_text") or "") if event.get("reply_preview_validation") == "Valid" else "",
        media=tuple(_media(chat, str(event.get("key_version") or ""), attachments)),
        option=str(option["metadata"]) if option.get("metadata") else None,
    )


def _links(attachment: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of a card or a post, and the words of what has no address."""
    for name, field in (("url", "url"), ("post", "post_url"), ("unified_card", "url"), ("money", "fallback_text")):
        value = mapping_of(attachment.get(name)).get(field)
        if isinstance(value, str) and value:
            yield value


def _media(chat: ChatReceived, key_version: str, attachments: list[Mapping[str, Any]]) -> Iterator[Media]:
    for attachment in attachments:
        media = mapping_of(attachment.get("media"))
        hash_key = str(media.get("media_hash_key") or "")
        if not hash_key.isascii() or not hash_key.isalnum():
            continue
        kind = _MEDIA_KINDS.get(str(media.get("type") or "").lower(), "attachment")
        # The host is the account, the path names conversation, key and file.
        url = f"{MEDIA_SCHEME}://{chat.account_id}/{chat.customer_id}/{quote(key_version, safe='')}/{hash_key}"
        variants = () if kind == "photo" else (Variant(url, "video/mp4"),)
        yield Media(hash_key, kind, url, variants=variants)
