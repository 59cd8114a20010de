"""The devices of people whom the sandbox plays: their private keys, and what these can decrypt."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.journal import Journal
from sandbox.x_chat import wire
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.encoding import encoded_key_change
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.library import new_chat
from sandbox.x_chat.records import PublicKeys


@dataclass
class PrivateKeys:
    """The exported keys of a user, Base64. They belong to nobody but the sandbox."""

    user_id: str
    version: str
    blob: str = field(repr=False)


class Devices:
    """Makes and finds private keys."""

    def __init__(self, folder: Path, journal: Journal, keys: KeyDirectory, conversations: ChatConversations) -> None:
        self._folder = folder
        self._journal = journal
        self._keys = keys
        self._conversations = conversations
        self._all: dict[str, list[PrivateKeys]] = {}
        # Users who have keys but write ordinary messages.
        self._off: set[str] = set()

    def restore(self) -> None:
        """Read the keys of an earlier run."""
        for record in self._journal.load("chat_private_keys"):
            self._all.setdefault(record["user_id"], []).append(PrivateKeys(**record))

    def clear(self) -> None:
        """Forget all keys and delete their files."""
        for user_id in self._all:
            self.key_file(user_id).unlink(missing_ok=True)
        self._all.clear()
        self._off.clear()

    def has(self, user_id: str) -> bool:
        """Whether the sandbox has private keys of the user."""
        return user_id in self._all

    def use(self, user_id: str, on: bool) -> None:
        """Let a user with keys write encrypted messages, or ordinary ones. Forgotten when the sandbox ends."""
        (self._off.discard if on else self._off.add)(user_id)

    def is_used(self, user_id: str) -> bool:
        """Whether the sandbox has private keys of the user, who writes encrypted messages."""
        return user_id in self._all and user_id not in self._off

    def make(self, user_id: str, version: str = "") -> PublicKeys:
        """Make keys for a user and register them with X. Raises LibraryMissing."""
        chat = new_chat()
        made = chat.generate_keypairs().public_key
        version = version or self._keys.new_version(user_id)
        public = PublicKeys(
            user_id, version, made.public_key, made.signing_public_key, made.identity_public_key_signature
        )
        private = PrivateKeys(user_id, version, wire.encoded(bytes(chat.export_keys())))
        self._keys.add(public)
        self._all.setdefault(user_id, []).append(private)
        self._journal.save("chat_private_keys", public.key, private)
        return public

    def write_key_file(self, user_id: str) -> Path:
        """Write a user's newest keys to a file that only the owner can read, as `xchat unlock` takes them."""
        path = self.key_file(user_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        newest = max(self._all[user_id], key=lambda keys: int(keys.version))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(f"{newest.blob}\n")
        return path

    def key_file(self, user_id: str) -> Path:
        """Return the path of a user's key file."""
        return self._folder / f"{user_id}.key"

    def chat(self, user_id: str) -> Any:
        """Return the library's `Chat` with the newest keys of a user. Raises LibraryMissing."""
        return self._chat(max(self._all[user_id], key=lambda keys: int(keys.version)))

    def conversation_keys(self, user_id: str, conversation: str) -> dict[str, bytes]:
        """Return version -> key of those conversation keys that a user's private keys can decrypt."""
        found: dict[str, bytes] = {}
        changes = [encoded_key_change(change, user_id) for change in self._conversations.key_changes(conversation)]
        for private in self._all.get(user_id, ()):
            chat = self._chat(private)
            for change in changes:
                found |= chat.extract_conversation_keys([change])["keys"]
        return found

    def _chat(self, private: PrivateKeys) -> Any:
        chat = new_chat()
        chat.import_keys(wire.decoded(private.blob), private.version)
        chat.set_identity(private.user_id, private.version)
        return chat
