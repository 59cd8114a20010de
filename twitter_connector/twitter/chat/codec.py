"""Opens and makes encrypted events with an account's keys. The library's own words reach no error and no log.

https://docs.x.com/xchat/xchat-xdk
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.model.chat import ChatKeys, ConversationKeys, PublicKey

from .library import library


class Unreadable(Exception):
    """The event cannot be decrypted with these keys. Says no more: the library's words may quote an event."""


class Session:
    """The library with the private keys of one account, for one task."""

    def __init__(self, chat: Any, keys: ChatKeys) -> None:
        self._chat = chat
        self._keys = keys

    def opened(self, encoded: str, sender_id: str, conversation: ConversationKeys) -> Mapping[str, Any]:
        """Return one event of a sender; `verified` says whether the sender signed it. Raises Unreadable."""
        signing = [_signing_entry(key) for key in conversation.public_keys if key.user_id == sender_id]
        try:
            event: Mapping[str, Any] = self._chat.decrypt_event(encoded, dict(conversation.keys), signing)
        except ValueError:
            raise Unreadable from None
        return event

    def written(
        self,
        conversation_id: str,
        text: str,
        key: tuple[str, bytes],
        *,
        attachment: Mapping[str, Any] | None = None,
        options: Sequence[Mapping[str, str]] = (),
        answered: str = "",
        key_changes: Sequence[str] = (),
    ) -> dict[str, str]:
        """Return the body of a message to post.

        key: version and conversation key. options: quick replies below it. answered: the event that it replies to, with
        the key changes to read that.
        """
        more: dict[str, Any] = {"conversation_key_version": key[0], "conversation_key": key[1]}
        if attachment is not None:
            more["attachments"] = [dict(attachment)]
        if options:
            more["quick_reply"] = {"request": {"options": {"id": "1", "options": [dict(one) for one in options]}}}
        if answered:
            payload = self._chat.encrypt_reply(
                conversation_id, text, answered, reply_to_ckces=list(key_changes), **more
            )
        else:
            payload = self._chat.encrypt_message(conversation_id, text, **more)
        return {
            "message_id": payload.message_id,
            "encoded_message_create_event": payload.encrypted_content,
            "encoded_message_event_signature": payload.encoded_event_signature,
        }

    def new_key(self, people: Iterable[PublicKey], customer_id: str) -> Mapping[str, Any]:
        """Return a new key of a conversation, encrypted for the newest keys of both people whose binding holds."""
        bound = [key for key in people if self._is_bound(key)]
        public = [{"user_id": k.user_id, "public_key": k.identity_key, "key_version": k.version} for k in bound]
        change: Mapping[str, Any] = self._chat.prepare_conversation_key_change(public, conversation_id=customer_id)
        return change

    def _is_bound(self, key: PublicKey) -> bool:
        try:
            return bool(self._chat.verify_key_binding(key.identity_key, key.signing_key, key.binding))
        except ValueError:
            return False

    def keys_in(
        self, conversation_id: str, key_changes: Sequence[str], public_keys: Iterable[PublicKey]
    ) -> dict[str, bytes]:
        """Return {version: key} of those changes of a conversation that a participant signed and that are for us."""
        # The library also returns the keys of changes that nobody signed.
        try:
            found = self._chat.decrypt_events(list(key_changes), [_signing_entry(key) for key in public_keys])
        except ValueError:
            return {}  # a public key in X's directory is none
        events = [message["event"] for message in found["messages"]]
        keys = {}
        for event in events:
            of_this = str(event.get("conversation_id") or "").replace("-", ":") == conversation_id
            if event["type"] == "KeyChange" and event["verified"] and of_this:
                key = self._key_for_us(event["participant_keys"])
                if key is not None:
                    keys[event["key_version"]] = key
        return keys

    def _key_for_us(self, entries: Iterable[Mapping[str, str]]) -> bytes | None:
        # Only the entry that was encrypted for our key opens; those for other versions of it are left out.
        for entry in entries:
            if entry["public_key_version"] == self._keys.version:
                try:
                    return bytes(self._chat.decrypt_conversation_key(entry["encrypted_key"]))
                except ValueError:
                    continue
        return None


@contextmanager
def session(keys: ChatKeys) -> Iterator[Session]:
    """Yield the library with an account's keys; they leave the library's memory at the end.

    Raises Permanent(chat_library_missing), and Permanent(chat_keys_unusable) for keys that are none.
    """
    chat = library().Chat()
    try:
        try:
            chat.import_keys(keys.blob, keys.version)
        except ValueError:
            raise Permanent(
                "chat_keys_unusable",
                f"The stored X Chat keys of account {keys.account_id} are no keys. Run `twitter-connector xchat unlock "
                f"{keys.account_id}` again.",
                ours=True,
            ) from None
        chat.set_identity(keys.account_id, keys.version)
        # What nobody signed is told apart by its mark, not by an error.
        chat.set_reject_unverified(False)
        yield Session(chat, keys)
    finally:
        chat.lock()


def _signing_entry(key: PublicKey) -> dict[str, str]:
    return {
        "user_id": key.user_id,
        "public_key_version": key.version,
        "public_key": key.signing_key,
        "identity_public_key": key.identity_key,
        "identity_public_key_signature": key.binding,
    }
