"""The public keys that users registered with X. Stores them; makes none."""

import time

from sandbox.journal import Journal
from sandbox.x_chat.records import PublicKeys


class KeyDirectory:
    """Finds the keys of a user. Versions are compared as numbers."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._of_user: dict[str, list[PublicKeys]] = {}

    def restore(self) -> None:
        """Read the keys of an earlier run."""
        for record in self._journal.load("chat_public_keys"):
            self._index(PublicKeys(**record))

    def clear(self) -> None:
        """Forget all keys."""
        self._of_user.clear()

    def add(self, keys: PublicKeys) -> None:
        """Register keys."""
        self._index(keys)
        self._journal.save("chat_public_keys", keys.key, keys)

    def of_user(self, user_id: str) -> list[PublicKeys]:
        """Return all keys of a user, the newest first."""
        return list(self._of_user.get(user_id, ()))

    def newest(self, user_id: str) -> PublicKeys | None:
        """Return the keys to encrypt for."""
        return next(iter(self._of_user.get(user_id, ())), None)

    def with_version(self, user_id: str, version: str) -> PublicKeys | None:
        """Return the keys that a signature names."""
        return next((keys for keys in self._of_user.get(user_id, ()) if keys.version == version), None)

    def new_version(self, user_id: str) -> str:
        """Return a version that is larger than all of the user's."""
        newest = self.newest(user_id)
        return str(max(int(time.time() * 1000), int(newest.version) + 1 if newest else 0))

    def _index(self, keys: PublicKeys) -> None:
        others = [other for other in self._of_user.get(keys.user_id, ()) if other.version != keys.version]
        self._of_user[keys.user_id] = sorted([keys, *others], key=lambda one: int(one.version), reverse=True)
