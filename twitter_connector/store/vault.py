"""Encryption of credentials at rest, and the key file that makes it possible without configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from twitter_connector.errors import Permanent


class Vault:
    """Seals and opens small texts. Several keys may open, the first one seals: that is how keys are rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(k) for k in keys])

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the text. Raises Permanent(credentials_key_wrong) when no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Permanent(
                "credentials_key_wrong",
                "The stored credentials were encrypted with another key. Put the former key behind the new one in "
                "CREDENTIALS_KEY (comma separated), or restore the key file of VAR_DIR.",
                ours=True,
            ) from None


def key_file(var_dir: Path) -> Path:
    return var_dir / "credentials.key"


def keys_of(configured: Sequence[str], var_dir: Path) -> tuple[str, ...]:
    """Return the keys to use: the configured ones, else the one in VAR_DIR, made on first use (mode 0600)."""
    if configured:
        return tuple(configured)
    path = key_file(var_dir)
    var_dir.mkdir(parents=True, exist_ok=True)
    # Several processes start at once: each writes its own file, and only the first link to the name counts.
    if not path.exists():
        mine = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(Fernet.generate_key().decode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return (path.read_text().strip(),)
