"""Events of X Chat in their encoded form, and the checks of signatures that X can make without any private key.

The fields are those of the library's public source (github.com/xdevplatform/chat-xdk).
"""

import hashlib
from dataclasses import dataclass

from sandbox.snowflake import created_ms
from sandbox.x_chat import wire
from sandbox.x_chat.library import new_chat
from sandbox.x_chat.records import ChatEvent, KeyChange, PublicKeys

_MESSAGE, _KEY_CHANGE, _DELETION = 1, 3, 7
_CONTENTS, _KEY_VERSION = 100, 101


@dataclass(frozen=True)
class Signature:
    """A signature and the version of the key that made it."""

    value: str
    public_key_version: str
    signature_version: str

    def structure(self) -> bytes:
        """Return the encoded form."""
        versions = wire.text(2, self.public_key_version) + wire.text(3, self.signature_version)
        return wire.text(1, self.value) + versions + wire.STOP


def conversation_token(conversation: str) -> str:
    """Return X's opaque token of a conversation."""
    return f"SANDBOX-conversation-{hashlib.sha256(conversation.encode()).hexdigest()[:24]}"


def read_signature(encoded: str) -> Signature:
    """Return the signature in an `encoded_message_event_signature`. Raises Malformed."""
    fields = wire.read(wire.decoded(encoded))
    parts = [part.decode("ascii", "replace") for number in (1, 2, 3) if isinstance(part := fields.get(number), bytes)]
    if len(parts) != 3:
        raise wire.Malformed("it has no signature, or no version")
    return Signature(*parts)


def read_message(encoded: str) -> tuple[bytes, str]:
    """Return (contents, version of the conversation key) of an `encoded_message_create_event`. Raises Malformed."""
    fields = wire.read(wire.decoded(encoded))
    contents, version = fields.get(_CONTENTS), fields.get(_KEY_VERSION)
    if not isinstance(contents, bytes) or not isinstance(version, bytes):
        raise wire.Malformed("it has no contents, or no version of the conversation key")
    return contents, version.decode("ascii", "replace")


def message_detail(encoded: str) -> str:
    """Return the event's detail for an `encoded_message_create_event`."""
    return wire.encoded(wire.inner(_MESSAGE, wire.decoded(encoded)) + wire.STOP)


def read_deletion(detail: str) -> tuple[list[str], int]:
    """Return (sequence ids, action) of the encoded detail of a deletion. Raises Malformed."""
    deletion = wire.read(wire.decoded(detail)).get(_DELETION)
    ids = deletion.get(1) if isinstance(deletion, dict) else None
    action = deletion.get(2) if isinstance(deletion, dict) else None
    if not isinstance(ids, list) or not isinstance(action, int):
        raise wire.Malformed("it is no deletion")
    return [one.decode() for one in ids], action


def signed_message(message_id: str, sender_id: str, conversation: str, version: str, contents: bytes) -> bytes:
    """Return what the signature of a message covers."""
    bare = wire.encoded(contents).rstrip("=")
    return ",".join(("MessageCreateEvent", message_id, sender_id, conversation, version, bare)).encode()


def signed_deletion(message_id: str, sender_id: str, conversation: str, ids: list[str], action: int) -> bytes:
    """Return what the signature of a deletion covers."""
    return ",".join(("MessageDeleteEvent", message_id, sender_id, conversation, str(action), *ids)).encode()


def is_signed(signature: Signature, keys: PublicKeys | None, payload: bytes) -> bool:
    """Whether the signature of these bytes was made with these keys. Raises LibraryMissing."""
    if keys is None or keys.version != signature.public_key_version:
        return False
    try:
        return bool(new_chat().verify(keys.signing_public_key, wire.decoded(signature.value), payload))
    except ValueError:
        return False


def encoded_event(event: ChatEvent) -> str:
    """Return the `encoded_event` of a stored event."""
    head = _head(event.sequence_id, event.message_id, event.sender_id, event.conversation_id)
    signature = wire.inner(9, wire.decoded(event.signature)) if event.signature else b""
    return wire.encoded(head + wire.inner(7, wire.decoded(event.detail)) + signature + wire.STOP)


def encoded_key_change(change: KeyChange, user_id: str) -> str:
    """Return the event of a key change with the key of one participant only, as X sends it."""
    entries = []
    if user_id in change.keys:
        encrypted, version = change.keys[user_id]
        entries.append(wire.text(1, user_id) + wire.text(2, encrypted) + wire.text(3, version) + wire.STOP)
    body = wire.text(1, change.version) + wire.inner_list(2, entries) + wire.STOP
    detail = wire.inner(_KEY_CHANGE, body) + wire.STOP
    head = _head(change.sequence_id, change.message_id, change.sender_id, change.conversation_id)
    signature = Signature(*change.signature).structure()
    return wire.encoded(head + wire.inner(7, detail) + wire.inner(9, signature) + wire.STOP)


def _head(sequence_id: str, message_id: str, sender_id: str, conversation: str) -> bytes:
    fields = (
        (1, sequence_id),
        (2, message_id),
        (3, sender_id),
        (4, conversation),
        (5, conversation_token(conversation)),
        (6, str(created_ms(sequence_id))),
    )
    return b"".join(wire.text(number, value) for number, value in fields)
