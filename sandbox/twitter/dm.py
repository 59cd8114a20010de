"""A Direct Message as it was written, and as API v1.1 shows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.snowflake import created_ms
from sandbox.twitter.media import Media
from sandbox.twitter.media_entity import media_entity
from sandbox.twitter.text import render, short_link

WEB_APP = {"id": "3033300", "name": "Twitter Web App", "url": "https://mobile.twitter.com"}


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
        data["attachment"] = {"type": "media", "media": media_entity(media, _folder(dm, media, context), link, indices)}
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


def _folder(dm: Dm, media: Media, context: MessageContext) -> str:
    """Return the address of the folder that has the media of a message."""
    folder = {"photo": f"1.1/ton/data/dm/{dm.id}", "animated_gif": "dm_gif", "video": "dm_video"}[media.kind]
    return f"{context.base_url}/{folder}"
