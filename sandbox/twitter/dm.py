"""A Direct Message as it was written, and as API v1.1 shows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sandbox.snowflake import created_ms
from sandbox.twitter.media import Media
from sandbox.twitter.text import render, short_link

WEB_APP = {"id": "3033300", "name": "Twitter Web App", "url": "https://mobile.twitter.com"}
_SIZES = (("thumb", 150), ("small", 680), ("medium", 1200), ("large", 2048))


@dataclass
class Dm:
    """A message with its sender, recipient and state.

    `state` is the sender's view: sent, delivered, read or failed. `deliveries` says for each subscribed user whether
    the event has reached the webhook: pending, delivered or failed.
    """

    id: str
    sender_id: str
    recipient_id: str
    text: str
    by_account: bool
    source_app_id: str | None = None
    media_id: str | None = None
    media_mime: str | None = None
    media_kind: str | None = None
    location: dict[str, Any] | None = None
    quick_reply: dict[str, Any] | None = None
    quick_reply_response: dict[str, Any] | None = None
    ctas: list[dict[str, Any]] | None = None
    initiated_via: dict[str, str] | None = None
    state: str = "sent"
    reason: str | None = None
    deliveries: dict[str, str] = field(default_factory=dict)

    @property
    def created_timestamp(self) -> str:
        """Milliseconds since 1970, from the id."""
        return str(created_ms(self.id))


@dataclass(frozen=True)
class MessageContext:
    """The base URL of media and the look-ups of users and media that a message needs to be shown."""

    base_url: str
    find_user: Callable[[str], tuple[str, str, str] | None]
    find_media: Callable[[str], Media | None]


def event(dm: Dm, context: MessageContext, to_sender: bool) -> dict[str, Any]:
    """Return the `message_create` event. Only the sender's own copy names the app it was sent with."""
    create: dict[str, Any] = {"target": {"recipient_id": dm.recipient_id}, "sender_id": dm.sender_id}
    if to_sender and dm.source_app_id is not None:
        create["source_app_id"] = dm.source_app_id
    create["message_data"] = message_data(dm, context)
    shown: dict[str, Any] = {"type": "message_create", "id": dm.id, "created_timestamp": dm.created_timestamp}
    if dm.initiated_via is not None:
        shown["initiated_via"] = dm.initiated_via
    shown["message_create"] = create
    return shown


def message_data(dm: Dm, context: MessageContext) -> dict[str, Any]:
    """Return `message_data`: text, entities and attachment."""
    media = context.find_media(dm.media_id) if dm.media_id else None
    link = _media_link(dm, media) if media else None
    rendered = render(dm.text, context.find_user, link)
    data: dict[str, Any] = {"text": rendered.text, "entities": rendered.entities}
    if media is not None and link is not None:
        indices = rendered.entities["urls"][-1]["indices"]
        data["attachment"] = {"type": "media", "media": _media_entity(dm, media, link, indices, context.base_url)}
    elif dm.location is not None:
        data["attachment"] = {"type": "location", "location": dm.location}
    if dm.quick_reply is not None:
        data["quick_reply"] = dm.quick_reply
    if dm.quick_reply_response is not None:
        data["quick_reply_response"] = dm.quick_reply_response
    if dm.ctas is not None:
        data["ctas"] = [{**cta, "tco_url": short_link(cta["url"])} for cta in dm.ctas]
    return data


def _media_link(dm: Dm, media: Media) -> dict[str, str]:
    short = short_link(media.id)
    return {
        "url": short,
        "expanded_url": f"https://twitter.com/messages/media/{dm.id}",
        "display_url": short.replace("https://t.co/", "pic.twitter.com/"),
    }


def _media_entity(dm: Dm, media: Media, link: dict[str, str], indices: list[int], base_url: str) -> dict[str, Any]:
    folder = {"photo": f"1.1/ton/data/dm/{dm.id}", "animated_gif": "dm_gif", "video": "dm_video"}[media.kind]
    url = f"{base_url}/{folder}/{media.id}/{quote(media.file_name)}"
    preview = url if media.kind == "photo" else f"{base_url}/{folder}/{media.id}/preview.jpg"
    entity: dict[str, Any] = {
        "id": int(media.id),
        "id_str": media.id,
        "indices": indices,
        "media_url": preview,
        "media_url_https": preview,
        **{name: link[name] for name in ("url", "display_url", "expanded_url")},
        "type": media.kind,
        "sizes": {name: _fit(media, side, name) for name, side in _SIZES},
    }
    if media.kind == "animated_gif":
        entity["video_info"] = {
            "aspect_ratio": list(media.shown_size),
            "variants": [{"bitrate": 0, "content_type": "video/mp4", "url": url}],
        }
    elif media.kind == "video":
        entity["video_info"] = _video_info(media, f"{base_url}/{folder}/{media.id}")
    return entity


def _fit(media: Media, side: int, name: str) -> dict[str, Any]:
    if name == "thumb":
        return {"w": side, "h": side, "resize": "crop"}
    width, height = media.shown_size
    scale = min(1.0, side / max(width, height, 1))
    return {"w": round(width * scale), "h": round(height * scale), "resize": "fit"}


def _video_info(media: Media, folder: str) -> dict[str, Any]:
    """Return the variants in no order, as X does. All MP4 variants are the same file here."""

    def mp4(bitrate: int, size: str) -> dict[str, Any]:
        url = f"{folder}/vid/{size}/{media.file_name}?tag=1"
        return {"bitrate": bitrate, "content_type": "video/mp4", "url": url}

    playlist = f"{folder}/pl/{media.file_name.replace('.mp4', '.m3u8')}?tag=1&container=fmp4"
    return {
        "aspect_ratio": [16, 9],
        "duration_millis": 18_087,
        "variants": [
            mp4(256_000, "320x180"),
            mp4(2_176_000, "1280x720"),
            {"content_type": "application/x-mpegURL", "url": playlist},
            mp4(832_000, "640x360"),
        ],
    }
