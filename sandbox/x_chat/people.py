"""What people do in encrypted conversations: they write, reply, react, edit, delete and change keys."""

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.x_chat import wire
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.devices import Devices
from sandbox.x_chat.encoding import Signature, encoded_event, encoded_key_change, message_detail, read_signature
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.library import library
from sandbox.x_chat.media import ChatMedia
from sandbox.x_chat.posting import AT_ONCE, Dispatch, Posting
from sandbox.x_chat.records import ChatEvent, conversation_id

# How the signature of a message can be wrong: another message's, none at all, or made with keys X does not know.
SPOILED = ("wrong", "missing", "stranger")
_UNKNOWN_KIND = 42
# The number of X Chat's kind of file: without one it is a picture.
_VIDEO = 3


@dataclass(frozen=True)
class File:
    """A file to send. `name` is "" for one without a name, as phones send them."""

    data: bytes
    name: str = ""


class ChatPeople:
    """Acts for users whose private keys the sandbox has."""

    def __init__(
        self,
        devices: Devices,
        keys: KeyDirectory,
        conversations: ChatConversations,
        posting: Posting,
        media: ChatMedia,
    ) -> None:
        self._devices = devices
        self._keys = keys
        self._conversations = conversations
        self._posting = posting
        self._media = media
        # One act at a time: a key that changes between encrypting and posting would make X refuse the message.
        self._acting = threading.RLock()

    def write(
        self,
        sender_id: str,
        other_id: str,
        text: str,
        *,
        file: File | None = None,
        reply_to: ChatEvent | None = None,
        quick_reply: dict[str, Any] | None = None,
        spoiled: str = "",
        dispatch: Dispatch = AT_ONCE,
    ) -> ChatEvent:
        """Send a message. `spoiled` is one of SPOILED for a message that cannot be verified."""
        with self._acting:
            chat, pair = self._session(sender_id, other_id)
            more: dict[str, Any] = {**pair, "quick_reply": quick_reply}
            if file is not None:
                more["attachments"] = [self._attached(chat, sender_id, other_id, file, pair["conversation_key"])]
            if reply_to is None:
                payload = chat.encrypt_message(other_id, text, **more)
            else:
                changes = self._conversations.key_changes(reply_to.conversation_id)
                wraps = [encoded_key_change(change, sender_id) for change in changes]
                payload = chat.encrypt_reply(other_id, text, encoded_event(reply_to), reply_to_ckces=wraps, **more)
            return self._post(sender_id, other_id, payload, spoiled, dispatch)

    def react(self, sender_id: str, target: ChatEvent, emoji: str, *, removed: bool) -> ChatEvent:
        """Add a reaction to a message, or take it away."""
        other_id = _other(sender_id, target)
        with self._acting:
            chat, pair = self._session(sender_id, other_id)
            act = chat.encrypt_remove_reaction if removed else chat.encrypt_add_reaction
            return self._post(sender_id, other_id, act(encoded_event(target), emoji, **pair), "", AT_ONCE)

    def edit(self, target: ChatEvent, text: str) -> ChatEvent:
        """Let the sender of a message change its text."""
        other_id = _other(target.sender_id, target)
        with self._acting:
            chat, pair = self._session(target.sender_id, other_id)
            payload = chat.encrypt_edit(encoded_event(target), text, **pair)
            return self._post(target.sender_id, other_id, payload, "", AT_ONCE)

    def delete(self, target: ChatEvent) -> ChatEvent:
        """Let the sender of a message delete it for both."""
        chat = self._devices.chat(target.sender_id)
        made = chat.prepare_message_delete(target.conversation_id, [target.sequence_id], True)
        body = {
            "sequence_ids": [target.sequence_id],
            "delete_message_action": "delete_for_all",
            "action_signatures": [_action(made)],
        }
        return self._posting.deletion(target.sender_id, _other(target.sender_id, target), body, AT_ONCE)

    def send_unknown(self, sender_id: str, other_id: str) -> ChatEvent:
        """Send an event of a kind that no library knows."""
        detail = wire.encoded(wire.inner(_UNKNOWN_KIND, wire.STOP) + wire.STOP)
        signature = wire.encoded(Signature("AAAA", "1", "7").structure())
        message_id = f"unknown-{len(self._conversations.events(conversation_id(sender_id, other_id)))}"
        return self._posting.store(sender_id, other_id, message_id, "", detail, signature, AT_ONCE)

    def change_key(self, sender_id: str, other_id: str) -> str:
        """Give the conversation a new key and return its version."""
        with self._acting:
            return self._change_key(sender_id, other_id)

    def _change_key(self, sender_id: str, other_id: str) -> str:
        chat = self._devices.chat(sender_id)
        present = self._conversations.newest_key(conversation_id(sender_id, other_id))
        parties = [self._keys.newest(user_id) for user_id in (sender_id, other_id)]
        public = [
            {"user_id": one.user_id, "public_key": one.public_key, "key_version": one.version} for one in parties if one
        ]
        while True:
            made = chat.prepare_conversation_key_change(public, conversation_id=other_id)
            # Versions are milliseconds: two changes within one of them would have the same.
            if present is None or int(made["conversation_key_version"]) > int(present.version):
                break
        body = {
            "conversation_key_version": made["conversation_key_version"],
            "conversation_participant_keys": [
                {
                    "user_id": key["user_id"],
                    "encrypted_conversation_key": key["encrypted_key"],
                    "public_key_version": key["public_key_version"],
                }
                for key in made["participant_keys"]
            ],
            "action_signatures": [_action(action) for action in made["action_signatures"]],
        }
        return self._posting.change_key(sender_id, other_id, body).version

    def _session(self, sender_id: str, other_id: str) -> tuple[Any, dict[str, Any]]:
        """Return the sender's `Chat` and the conversation's latest key; a new key if somebody's keys have changed."""
        key = conversation_id(sender_id, other_id)
        newest = self._conversations.newest_key(key)
        known = self._devices.conversation_keys(sender_id, key)
        if newest is None or newest.version not in known or not self._is_current(newest.keys):
            version = self.change_key(sender_id, other_id)
            known = self._devices.conversation_keys(sender_id, key)
        else:
            version = newest.version
        chat = self._devices.chat(sender_id)
        return chat, {"conversation_key": known[version], "conversation_key_version": version}

    def _is_current(self, keys: dict[str, list[str]]) -> bool:
        newest = {user_id: self._keys.newest(user_id) for user_id in keys}
        return all((one := newest[user_id]) and one.version == version for user_id, (_, version) in keys.items())

    def _attached(self, chat: Any, sender_id: str, other_id: str, file: File, key: bytes) -> dict[str, Any]:
        hash_key = self._media.put(conversation_id(sender_id, other_id), chat.encrypt_stream(file.data, key))
        width, height = library().detect_image_dimensions(file.data) or (0, 0)
        described = {"attachment_type": "media", "media_hash_key": hash_key, "filesize_bytes": len(file.data)}
        if library().detect_mime_type(file.data) == "video/mp4":
            described["media_type"] = _VIDEO
        return {**described, "width": width, "height": height, "filename": file.name}

    def _post(self, sender_id: str, other_id: str, payload: Any, spoiled: str, dispatch: Dispatch) -> ChatEvent:
        create, signed = payload.encrypted_content, payload.encoded_event_signature
        if not spoiled:
            body = {
                "message_id": payload.message_id,
                "encoded_message_create_event": create,
                "encoded_message_event_signature": signed,
            }
            return self._posting.message(sender_id, other_id, body, dispatch)
        version, detail = payload.conversation_key_version, message_detail(create)
        wrong = self._spoil(sender_id, signed, spoiled)
        return self._posting.store(sender_id, other_id, payload.message_id, version, detail, wrong, dispatch)

    def _spoil(self, sender_id: str, signed: str, how: str) -> str:
        if how == "missing":
            return ""
        good = read_signature(signed)
        other = self._devices.chat(sender_id).sign(b"another message")
        version = "1" if how == "stranger" else good.public_key_version
        value = wire.encoded(other).rstrip("=")
        return wire.encoded(Signature(value, version, good.signature_version).structure())


def _other(user_id: str, event: ChatEvent) -> str:
    return event.recipient_id if user_id == event.sender_id else event.sender_id


def _action(made: dict[str, Any]) -> dict[str, Any]:
    """Return a prepared action as a request has it."""
    signature = {name: made[name] for name in ("signature", "public_key_version", "signature_version")}
    return {
        "message_id": made["message_id"],
        "encoded_message_event_detail": made["encoded_message_event_detail"],
        "message_event_signature": signature,
    }
