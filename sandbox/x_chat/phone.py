"""Encrypted conversations as the customer's phone shows them: decrypted with the customer's keys, never stored so."""

from typing import Any

from sandbox.feed import Feed
from sandbox.people import Directory
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.devices import Devices
from sandbox.x_chat.encoding import encoded_event
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.library import LibraryMissing, library
from sandbox.x_chat.media import ChatMedia
from sandbox.x_chat.records import ChatEvent, conversation_id

_KINDS = {"IMAGE": "photo", "GIF": "animated_gif", "VIDEO": "video"}
_EMPTY: dict[str, Any] = {
    "quick_reply": None,
    "location": None,
    "ctas": None,
    "media_id": None,
    "media_kind": None,
    "media_mime": None,
    "media_url": None,
    "edited": False,
    "deleted": False,
    "reply_to": None,
}


class ChatPhone:
    """Shows conversations. Decrypted events stay in memory."""

    def __init__(
        self,
        directory: Directory,
        devices: Devices,
        keys: KeyDirectory,
        conversations: ChatConversations,
        media: ChatMedia,
        feed: Feed,
    ) -> None:
        self._directory = directory
        self._devices = devices
        self._keys = keys
        self._conversations = conversations
        self._media = media
        self._feed = feed
        self._decrypted: dict[str, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget what was decrypted."""
        self._decrypted.clear()

    def entries(self, account_id: str, customer_id: str) -> list[dict[str, Any]]:
        """Return the messages of a conversation, oldest first, with their edits, reactions and deletions."""
        shown: dict[str, dict[str, Any]] = {}
        for event in self._conversations.events(conversation_id(account_id, customer_id)):
            self._apply(shown, event, self._decrypt(customer_id, event))
        return list(shown.values())

    def tell(self, event: ChatEvent) -> None:
        """Show an event, or its new state, on open pages."""
        if not self._feed.watched:
            return
        account_id, customer_id = self._parties(event)
        content = self._decrypt(customer_id, event).get("content") or {}
        target = content.get("target_message_id") or event.sequence_id
        targets = {target, *self._decrypt(customer_id, event).get("message_ids", ())}
        for entry in self.entries(account_id, customer_id):
            if entry["id"] in targets:
                self._feed.publish("phone", entry)

    def text(self, event: ChatEvent) -> str | None:
        """Return the text of a message as the customer reads it, or None."""
        content = self._decrypt(self._parties(event)[1], event).get("content") or {}
        return content.get("text")

    def file(self, event: ChatEvent) -> tuple[bytes, str] | None:
        """Return (bytes, media type) of a message's file, decrypted with the customer's keys, or None."""
        customer_id = self._parties(event)[1]
        attached = self._attached(self._decrypt(customer_id, event))
        key = self._devices.conversation_keys(customer_id, event.conversation_id).get(event.key_version)
        ciphertext = self._media.read(event.conversation_id, attached["media_hash_key"]) if attached else None
        if ciphertext is None or key is None:
            return None
        data = bytes(self._devices.chat(customer_id).decrypt_stream(ciphertext, key))
        return data, library().detect_mime_type(data) or "application/octet-stream"

    def _apply(self, shown: dict[str, dict[str, Any]], event: ChatEvent, decrypted: dict[str, Any]) -> None:
        content = decrypted.get("content") or {}
        kind = content.get("content_type")
        target = shown.get(content.get("target_message_id", ""))
        if decrypted.get("type") == "MessageDeleted":
            for sequence_id in decrypted["message_ids"]:
                if gone := shown.get(sequence_id):
                    gone.update(text="", deleted=True, media_id=None, quick_reply=None, reactions=[])
        elif kind in {"Reaction", "ReactionRemoved"}:
            if target is not None:
                others = [one for one in target["reactions"] if one != content["emoji"]]
                target["reactions"] = [*others, content["emoji"]] if kind == "Reaction" else others
        elif kind == "Edit":
            if target is not None and not target["deleted"]:
                target.update(text=content["new_text"], edited=True)
        else:
            shown[event.sequence_id] = self._entry(event, decrypted, content)

    def _entry(self, event: ChatEvent, decrypted: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        attached = self._attached(decrypted)
        request = ((content.get("quick_reply") or {}).get("request") or {}).get("options") or {}
        preview = content.get("replying_to_preview") or {}
        return {
            **_EMPTY,
            "id": event.sequence_id,
            "sender_id": event.sender_id,
            "recipient_id": event.recipient_id,
            "by_account": event.by_account,
            "created_timestamp": event.created_at_msec,
            "state": event.state,
            "reason": event.reason,
            "encrypted": True,
            "verified": bool(decrypted.get("verified")),
            "text": content.get("text") or decrypted.get("problem", ""),
            **(_media(event, attached) if attached else {}),
            "quick_reply": {"options": request["options"]} if request.get("options") else None,
            "reply_to": preview.get("message_text"),
            "reactions": [],
        }

    def _attached(self, decrypted: dict[str, Any]) -> dict[str, Any] | None:
        for attachment in (decrypted.get("content") or {}).get("attachments") or ():
            if media := attachment.get("media"):
                found: dict[str, Any] = media
                return found
        return None

    def _decrypt(self, customer_id: str, event: ChatEvent) -> dict[str, Any]:
        known = self._decrypted.get(event.sequence_id)
        if known is not None:
            return known
        try:
            chat = self._devices.chat(customer_id)
            # The phone shows messages that cannot be verified, and says so.
            chat.set_reject_unverified(False)
            keys = self._devices.conversation_keys(customer_id, event.conversation_id)
            parties = (event.sender_id, event.recipient_id)
            signing = [one.for_verification() for user_id in parties for one in self._keys.of_user(user_id)]
            found: dict[str, Any] = chat.decrypt_event(encoded_event(event), keys, signing)
        except (LibraryMissing, KeyError, ValueError) as problem:
            return {"type": "Undecryptable", "problem": f"This message cannot be decrypted ({type(problem).__name__})."}
        self._decrypted[event.sequence_id] = found
        return found

    def _parties(self, event: ChatEvent) -> tuple[str, str]:
        """Return account id and customer id."""
        if event.by_account:
            return event.sender_id, event.recipient_id
        return event.recipient_id, event.sender_id


def _media(event: ChatEvent, attached: dict[str, Any]) -> dict[str, Any]:
    """Return the media fields of an entry. Its bytes are decrypted when they are asked for."""
    kind = _KINDS.get(str(attached.get("type")), "photo")
    return {
        "media_id": event.sequence_id,
        "media_kind": kind,
        "media_mime": "video/mp4" if kind == "video" else "image/png",
        "media_url": f"/_sandbox/x-chat/media/{event.sequence_id}",
    }
