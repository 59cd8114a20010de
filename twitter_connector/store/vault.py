"""Encrypts stored credentials. Without a configured key, uses a key file that it creates."""

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
from twitter_connector.var_dir import give_to_owner

log = logging.getLogger(__name__)


class Vault:
    """Encrypts and decrypts short texts. The first key encrypts; all keys decrypt, so that keys can be rotated."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(k) for k in keys])

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the decrypted text. Raises Permanent(credentials_key_wrong) if no key decrypts it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise wrong_key("The stored credentials were encrypted with another key.") from None

    def reseal(self, sealed: str) -> str:
        """Return the text encrypted with the first key. Raises what `open` raises."""
        return self.seal(self.open(sealed))


def wrong_key(what: str) -> Permanent:
    """Return the error for credentials that no key decrypts. what: its first sentence."""
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
    """Return the configured keys, or those of the key file in VAR_DIR. The first one encrypts.

    The file is created on first use with mode 0600. It contains one key on each line, the newest first. Raises
    Permanent(credentials_key_unreadable) if it contains anything else.
    """
    if configured:
        return tuple(configured)
    path = key_file(var_dir)
    try:
        var_dir.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        _keep_private(path)
        key_list = path.read_text("ascii").split()
        Vault(key_list)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Permanent(
            "credentials_key_unreadable",
            f"{path} cannot be used as the credentials key ({why}). Restore it from a backup, or set "
            "CREDENTIALS_KEY. It holds Fernet keys, one a line.",
            ours=True,
        ) from None
    return tuple(key_list)


def _make(path: Path) -> None:
    """Write a new key. Several processes may start at once: each writes a file of its own, and the first to link it to
    the name wins."""
    descriptor, mine = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            give_to_owner(descriptor, path.parent)
            file.write(Fernet.generate_key().decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(mine)
    # Sync the folder too: after a power cut, credentials are lost if the key's name is.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _keep_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("key_file_was_readable_by_others", extra={"mode": oct(mode), "path": str(path)})
        # It may be a mounted file, whose mode we cannot set.
        with suppress(OSError):
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
