"""Gets an account's private keys into the connector: from a file, from X's backup behind a PIN, or as new ones.

https://docs.x.com/xchat/getting-started
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import Endpoint, Permanent, Retryable
from twitter_connector.model.account import Account
from twitter_connector.model.chat import ChatKeys
from twitter_connector.model.event import id_text
from twitter_connector.model.json_fields import mapping_of

from .calls import ChatCalls
from .library import library

log = logging.getLogger(__name__)

BLOB_BYTES = 64
PIN_MIN_CHARS = 4


class ChatSetup:
    """Raises Permanent with a sentence for the person at the command line, and what the calls raise."""

    def __init__(self, account: Account, calls: ChatCalls) -> None:
        self._account = account
        self._calls = calls

    def versions(self) -> list[str]:
        """Return the versions of the account's keys at X, newest first."""
        rows = self._calls.directory(self._account.id)
        return sorted((v for row in rows if (v := id_text(row.get("public_key_version")))), key=int, reverse=True)

    def of_blob(self, blob: bytes, version: str) -> ChatKeys:
        """Return the keys of an exported blob, after a look at X that they are the account's."""
        if len(blob) != BLOB_BYTES:
            raise _refused(
                "chat_keys_unusable",
                f"The key file does not hold the Base64 of {BLOB_BYTES} bytes. Export the keys again.",
            )
        row = next((r for r in self._calls.directory(self._account.id) if _version(r) == version), None)
        if row is None:
            known = ", ".join(self.versions()) or "none"
            raise _refused(
                "chat_keys_of_another",
                f"X knows no keys of version {version} of account {self._account.id} (it knows: {known}). Check "
                "--key-version.",
            )
        chat = library().Chat()
        try:
            chat.import_keys(blob, version)
            matches = chat.matches_registered_key(str(row.get("public_key") or ""))
        except ValueError:
            matches = False
        finally:
            chat.lock()
        if not matches:
            raise _refused(
                "chat_keys_of_another",
                f"The keys in the file are not those that X has as version {version} of account {self._account.id}. "
                "Check the file and --key-version.",
            )
        return ChatKeys(self._account.id, version, blob)

    def unlocked(self, pin: str) -> ChatKeys:
        """Return the account's keys from X's backup. Each wrong PIN uses up one of its tries."""
        rows = [row for row in self._calls.directory(self._account.id) if _version(row)]
        newest = max(rows, key=lambda row: int(_version(row)), default=None)
        if newest is None or not newest.get("juicebox_config"):
            raise _refused(
                "chat_keys_missing",
                f"X has no X Chat keys of account {self._account.id} behind a PIN. Set up X Chat in the X app first, "
                "or use --key-file.",
            )
        module = library()
        chat = module.Chat(json.dumps(newest["juicebox_config"]))
        try:
            chat.unlock(pin)
            return self._exported(chat, _version(newest))
        except ValueError as error:
            raise _locked(module.guesses_remaining(error)) from None
        finally:
            chat.lock()

    def registered(self, pin: str, keep: Callable[[ChatKeys], None]) -> tuple[ChatKeys, bool]:
        """Make new keys, register them at X and back them up behind the PIN. Return them and whether the backup worked.

        Only for an account without any. keep: stores the keys as soon as X has their public halves.
        """
        if versions := self.versions():
            raise _refused(
                "chat_keys_exist",
                f"Account {self._account.id} has X Chat keys already (version {versions[0]}). New ones would lock its "
                "conversations. Run the command without --register-new-keys.",
            )
        if len(pin) < PIN_MIN_CHARS or len(set(pin)) == 1:
            raise _refused("chat_pin_weak", f"Choose a PIN of at least {PIN_MIN_CHARS} different characters.")
        chat = library().Chat()
        try:
            made = chat.generate_keypairs()
            data = self._register(made)
            version = id_text(data.get("public_key_version")) or str(made.version or "")
            keys = self._exported(chat, version)
            keep(keys)
            return keys, _backed_up(chat, data.get("juicebox_config"), pin)
        finally:
            chat.lock()

    def _register(self, made: Any) -> Mapping[str, Any]:
        names = (
            "public_key",
            "signing_public_key",
            "identity_public_key_signature",
            "public_key_fingerprint",
            "registration_method",
            "signing_public_key_signature",
        )
        values = {name: getattr(made.public_key, name, None) for name in names}
        body = {
            "public_key": {name: value for name, value in values.items() if value},
            "version": str(made.version or ""),
            "generate_version": True,
        }
        path = f"/2/users/{quote(self._account.id, safe='')}/public_keys"
        return mapping_of(mapping_of(self._calls.register(path, body, Endpoint.REGISTRATION)).get("data"))

    def _exported(self, chat: Any, version: str) -> ChatKeys:
        exported = chat.export_keys()
        try:
            if not exported or len(exported) != BLOB_BYTES:
                raise _refused("chat_keys_unusable", "The keys have no signing key. Set up X Chat in the X app again.")
            return ChatKeys(self._account.id, version, bytes(exported))
        finally:
            for i in range(len(exported or b"")):
                exported[i] = 0


def _version(row: Mapping[str, Any]) -> str:
    return id_text(row.get("public_key_version"))


def _backed_up(chat: Any, config: object, pin: str) -> bool:
    try:
        chat.update_config(json.dumps(config))
        chat.setup(pin)
    except ValueError:
        log.warning("chat_keys_not_backed_up")
        return False
    return True


def _refused(reason: str, detail: str) -> Permanent:
    return Permanent(reason, detail, ours=True)


def _locked(guesses: int | None) -> Permanent | Retryable:
    if guesses is None:
        return Retryable(
            "chat_backup_unreachable", "The servers with the keys' backup did not answer. Try again later."
        )
    return _refused(
        "chat_pin_wrong",
        f"The PIN is wrong. {guesses} tries are left; after the last one the keys cannot be recovered by anybody.",
    )
