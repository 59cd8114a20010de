"""Encrypted files: upload sessions, and the ciphertext in files. The sandbox's server never decrypts one."""

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.journal import Journal
from sandbox.settings import MEBIBYTE
from sandbox.snowflake import Snowflakes
from sandbox.x_v2.problems import invalid, plain

PART_BYTES = 4 * MEBIBYTE
TOTAL_BYTES = 513 * MEBIBYTE


@dataclass
class ChatFile:
    """A file of a conversation. Its key is that of the conversation."""

    hash_key: str
    conversation_id: str
    total_bytes: int
    complete: bool = False


@dataclass
class _Session:
    file: ChatFile
    user_id: str
    parts: dict[int, bytes] = field(default_factory=dict)


class ChatMedia:
    """Stores files."""

    def __init__(self, folder: Path, journal: Journal, ids: Snowflakes) -> None:
        self._folder = folder
        self._journal = journal
        self._ids = ids
        self._lock = threading.Lock()
        self._files: dict[str, ChatFile] = {}
        self._sessions: dict[str, _Session] = {}

    def restore(self) -> None:
        """Read the files of an earlier run. Unfinished uploads are lost."""
        for record in self._journal.load("chat_file"):
            self._files[record["hash_key"]] = ChatFile(**record)

    def clear(self) -> None:
        """Delete all files."""
        with self._lock:
            for file in self._files.values():
                self._path(file).unlink(missing_ok=True)
            self._files.clear()
            self._sessions.clear()

    def begin(self, user_id: str, conversation_id: str, total_bytes: int) -> tuple[str, str]:
        """Return (session id, hash key) of a new upload. Raises Problem 400 for a file that is too large."""
        if not 0 < total_bytes <= TOTAL_BYTES:
            raise invalid(f"$.total_bytes: must be between 1 and {TOTAL_BYTES}")
        file = ChatFile(secrets.token_hex(16), conversation_id, total_bytes)
        session_id = self._ids.next()
        with self._lock:
            self._sessions[session_id] = _Session(file, user_id)
        return session_id, file.hash_key

    def append(self, user_id: str, session_id: str, hash_key: str, index: int, data: bytes) -> None:
        """Store a segment; the same segment again replaces it. Raises Problem 400 or 413."""
        if len(data) > PART_BYTES:
            raise plain(413, "Payload Too Large")
        self._session(user_id, session_id, hash_key).parts[index] = data

    def finish(self, user_id: str, session_id: str, hash_key: str, parts: int) -> None:
        """Store the whole file. A repeated request has no effect. Raises Problem 400."""
        session = self._session(user_id, session_id, hash_key)
        if session.file.complete:
            return
        if sorted(session.parts) != list(range(parts)):
            raise invalid("$.num_parts: differs from the segments that were appended")
        data = b"".join(session.parts[index] for index in sorted(session.parts))
        if len(data) != session.file.total_bytes:
            raise invalid("$.total_bytes: differs from the bytes that were appended")
        self.keep(session.file, data)
        session.parts.clear()

    def put(self, conversation_id: str, data: bytes) -> str:
        """Store a whole file and return its hash key."""
        file = ChatFile(secrets.token_hex(16), conversation_id, len(data))
        self.keep(file, data)
        return file.hash_key

    def keep(self, file: ChatFile, data: bytes) -> None:
        """Write a file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(file).write_bytes(data)
        file.complete = True
        with self._lock:
            self._files[file.hash_key] = file
        self._journal.save("chat_file", file.hash_key, file)

    def read(self, conversation_id: str, hash_key: str) -> bytes | None:
        """Return the ciphertext of a file of the conversation, or None."""
        file = self._files.get(hash_key)
        if file is None or file.conversation_id != conversation_id:
            return None
        return self._path(file).read_bytes()

    def _session(self, user_id: str, session_id: str, hash_key: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.user_id != user_id or session.file.hash_key != hash_key:
            raise invalid("The upload session does not exist, or has another media_hash_key.", id=session_id)
        return session

    def _path(self, file: ChatFile) -> Path:
        return self._folder / file.hash_key
