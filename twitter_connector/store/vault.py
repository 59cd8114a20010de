"""Encryption of credentials at rest, and the key file that makes it possible without configuration."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from twitter_connector.errors import Permanent

log = logging.getLogger(__name__)


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
            raise wrong_key("The stored credentials were encrypted with another key.") from None

    def reseal(self, sealed: str) -> str:
        """Return the same text sealed with the first key. Raises what `open` does."""
        return self.seal(self.open(sealed))


def wrong_key(what: str) -> Permanent:
    """Return the error that says so, and what to do."""
    return Permanent(
        "credentials_key_wrong",
        f"{what} Put the former key behind the new one in CREDENTIALS_KEY (comma separated), or restore "
        "credentials.key of VAR_DIR. If it is lost: `twitter-connector credentials reseal --forget-unreadable`, then "
        "register the accounts again.",
        ours=True,
    )


def key_file(var_dir: Path) -> Path:
    return var_dir / "credentials.key"


def keys_of(configured: Sequence[str], var_dir: Path) -> tuple[str, ...]:
    """Return the keys to use, the one that seals first: the configured ones, else those of the file in VAR_DIR.

    The file is made on first use, with mode 0600, and may hold several keys, one a line, newest first. Raises
    Permanent(credentials_key_unreadable) where it holds anything else.
    """
    if configured:
        return tuple(configured)
    path = key_file(var_dir)
    try:
        var_dir.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        _keep_private(path)
        found = path.read_text("ascii").split()
        Vault(found)
    except (OSError, ValueError) as error:
        raise Permanent(
            "credentials_key_unreadable",
            f"{path} cannot be used as the credentials key ({type(error).__name__}). Restore it from a backup, or set "
            "CREDENTIALS_KEY. It holds Fernet keys, one a line.",
            ours=True,
        ) from None
    return tuple(found)


def _make(path: Path) -> None:
    """Write a new key. Several processes start at once: each writes its own file, and only the first link to the
    name counts."""
    descriptor, mine = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(Fernet.generate_key().decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(mine)
    # Credentials sealed with a key whose name a power cut took away again would be lost.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _keep_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("key_file_was_readable_by_others", extra={"mode": oct(mode), "path": str(path)})
        # It may be mounted, and its mode somebody else's affair.
        with suppress(OSError):
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
