"""The keys of one conversation: those stored, and those that X has beside them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from twitter_connector.errors import CredentialsRejected, Permanent
from twitter_connector.model.chat import ChatStore

from .calls import ChatCalls
from .codec import Session

log = logging.getLogger(__name__)

# A conversation's key changes with each device and with a person's wish. Older ones are of use for late messages only.
VERSIONS_MAX = 20


class Keyring:
    """Keys of a customer's conversation with an account. Changes are stored by `save`."""

    def __init__(self, store: ChatStore, calls: ChatCalls, session: Session, account_id: str, customer_id: str) -> None:
        self._store = store
        self._calls = calls
        self._session = session
        self._account_id = account_id
        self._customer_id = customer_id
        self._conversation_id = ":".join(sorted((account_id, customer_id), key=int))
        self._asked = False
        self._stored = self.present = store.conversation(account_id, customer_id)

    def learn(self, key_changes: Sequence[str]) -> None:
        """Take the keys of those changes that a participant signed. Asks X for public keys if none are stored."""
        changes = [change for change in key_changes if change]
        if not changes:
            return
        if not self.present.public_keys:
            self._look_up_people()
        self.add(self._session.keys_in(self._conversation_id, changes, self.present.public_keys))

    def add(self, found: Mapping[str, bytes]) -> None:
        """Add keys by version; the oldest ones go if there are too many."""
        merged = {**self.present.keys, **{version: key for version, key in found.items() if version.isdecimal()}}
        newest = sorted(merged, key=int)[-VERSIONS_MAX:]
        self.present = replace(self.present, keys={version: merged[version] for version in newest})

    def look_up(self) -> None:
        """Ask X for the public keys of both participants and for the changes of the conversation's key.

        What X refuses stays missing. Raises what waiting may help.
        """
        self._look_up_people()
        with _refusals_logged():
            _, changes = self._calls.events(self._customer_id)
            self.learn(changes)

    def _look_up_people(self) -> None:
        # Once for each message: X may know no keys of them.
        if self._asked:
            return
        self._asked = True
        with _refusals_logged():
            people = (self._customer_id, self._account_id)
            found = tuple(key for person in people for key in self._calls.public_keys(person))
            self.present = replace(self.present, public_keys=found)

    def save(self) -> None:
        """Store the keys if they changed."""
        if self.present != self._stored:
            self._store.keep(self._account_id, self._customer_id, self.present)
            self._stored = self.present


@contextmanager
def _refusals_logged() -> Iterator[None]:
    """Log a refusal of X instead of raising it, unless X refuses the account's credentials altogether."""
    try:
        yield
    except (Permanent, CredentialsRejected) as error:
        if isinstance(error, CredentialsRejected) and error.status != 403:
            raise
        log.warning("chat_keys_refused", extra={"reason": error.reason, "status": error.status})
