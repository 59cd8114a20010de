"""Files in a folder, each under the name the file engine gave it."""

import hashlib
import json
import mimetypes
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sandbox.settings import Settings

_COPY_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9_\-. ]{1,200}")
_ENDINGS = re.compile(r"png|jpe?g|pdf|pptx?|docx?|xlsx?|txt|svg|css|oga|mpga|webp|mp3|mp4|gif|csv", re.IGNORECASE)


class TooLarge(Exception):
    """Raised for a file larger than MAXFILESIZE."""


class BadName(Exception):
    """Raised for a name the file engine does not accept."""


@dataclass(frozen=True)
class Stored:
    """A file and its metadata."""

    name: str
    mime: str
    size: int
    etag: str
    path: Path


class FileStore:
    """Stores files as `<tag>_<name>`; an equal name overwrites."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Forget all files."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, tag: str, file_name: str, mime: str, content: IO[bytes]) -> Stored:
        """Store a stream. Raises TooLarge or BadName."""
        name = f"{tag}_{file_name}"
        if not _NAME.fullmatch(name) or name.count(".") != 1 or not _ENDINGS.fullmatch(name.rpartition(".")[2]):
            raise BadName(file_name)
        temporary = self._folder / f".{secrets.token_hex(8)}"
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with temporary.open("wb") as file:
                while data := content.read(_COPY_BYTES):
                    size += file.write(data)
                    digest.update(data)
                    if size > self._settings.max_file_bytes:
                        raise TooLarge(name)
            os.replace(temporary, self._folder / name)
        finally:
            temporary.unlink(missing_ok=True)
        mime = mimetypes.guess_type(name)[0] or mime
        about = {"mime": mime, "size": size, "etag": digest.hexdigest()}
        (self._folder / f"{name}.about").write_text(json.dumps(about))
        return self._stored(name, about)

    def get(self, name: str) -> Stored | None:
        """Return a file by its name. Names of files outside the folder are never valid."""
        if not _NAME.fullmatch(name) or name.startswith(".") or name.endswith(".about"):
            return None
        try:
            about = json.loads((self._folder / f"{name}.about").read_text())
        except FileNotFoundError:
            return None
        return self._stored(name, about)

    def _stored(self, name: str, about: dict[str, Any]) -> Stored:
        return Stored(name, about["mime"], about["size"], about["etag"], self._folder / name)
