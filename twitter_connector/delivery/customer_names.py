"""The name of a customer whose event has none: from an earlier event or look-up of the day, else from X.

X bills each look-up of a profile. A message never waits for a name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import Account
from twitter_connector.model.event import DmReceived, Person

log = logging.getLogger(__name__)

# After a look-up that failed, the account's next one comes this much later.
LOOK_UP_AGAIN = timedelta(minutes=10)


class NamesPort(Protocol):
    """See store/names.py."""

    def known(self, account_id: str, customer_id: str) -> Person | None: ...
    def keep(self, account_id: str, person: Person) -> None: ...


@dataclass
class CustomerNames:
    """person: asks X for a profile. may_look_up: returns False for an account that has reached its hard limit."""

    store: NamesPort
    person: Callable[[Account, str], Person]
    may_look_up: Callable[[Account], bool]
    clock: Callable[[], datetime]
    _not_before: dict[str, datetime] = field(default_factory=dict)

    def named(self, dm: DmReceived, account: Account | None) -> DmReceived:
        """Return a message that has no sender's name with one, if it can be had. Raises StoreUnavailable."""
        known = self.store.known(dm.account_id, dm.customer_id)
        if known is None and account is not None:
            known = self._looked_up(account, dm.customer_id)
        return replace(dm, sender=known) if known is not None else dm

    def _looked_up(self, account: Account, customer_id: str) -> Person | None:
        now = self.clock()
        if timedelta() < self._not_before.get(account.id, now) - now <= LOOK_UP_AGAIN or not self.may_look_up(account):
            return None
        try:
            person = self.person(account, customer_id)
        except StoreUnavailable:
            raise
        except ConnectorError as error:
            self._not_before[account.id] = now + LOOK_UP_AGAIN
            log.info("name_not_looked_up", extra={"account": account.id, "reason": error.reason})
            return None
        self.store.keep(account.id, person)
        return person
