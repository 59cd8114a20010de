"""Registers an account again. From then on its events may come by another API or another way.

No event is lost or misordered. While the way changes, inbound lanes are paused, so events of the new way wait. The
former way is taken down once the new one works. Then the messages of the meantime are read, and the lanes go on in the
order of X's ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Registration
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction

from .backfill import open_gap
from .ports import AccountsPort, LanesPort
from .registration_state import RegistrationState
from .registration_steps import StepFailed, performed

log = logging.getLogger(__name__)

# Longer than a change takes. If the process dies meanwhile, the lanes go on by themselves after it.
LONGEST = timedelta(seconds=60)


@dataclass(frozen=True)
class ChangeOfWay:
    """former: the account as it was; None for a new one. read_back: takes in what an account missed."""

    former: Account | None
    account: Account
    accounts: AccountsPort
    lanes: LanesPort
    registration: Callable[[Account], Registration]
    state: RegistrationState
    read_back: Callable[..., object]
    clock: Callable[[], datetime]

    @property
    def changes(self) -> bool:
        """True if the events came by another way before."""
        former, account = self.former, self.account
        return former is not None and (former.flavour, former.inbound) != (account.flavour, account.inbound)

    @contextmanager
    def inbound_paused(self) -> Iterator[None]:
        """Pause the account's inbound lanes during the block, if the way changes."""
        if self.changes:
            until = epoch_ms(self.clock() + LONGEST)
            detail = "The way in which the account's events come is being changed."
            self.lanes.pause(Direction.IN, self.account.id, until, "registering", detail)
        try:
            yield
        finally:
            if self.changes:
                self.lanes.resume(Direction.IN, self.account.id)

    def finish(self, account: Account, before: Mapping[str, int]) -> None:
        """Take down the former way, now that the new one works, and read what was missed.

        account: as it is registered now. before: its status before the new way was made.
        """
        if self.former is None or self.former.sends_only:
            return
        # It is registered again because something was wrong, or because its way in changes.
        open_gap(self.accounts, account, before, self.clock())
        try:
            self._leave(self.former, account)
        except StepFailed as error:
            facts = {"account": account.id, "step": error.step, "detail": error.advice}
            log.warning("former_webhook_kept", extra=facts)
        self.read_back(account, at_once=self.changes)

    def _leave(self, former: Account, account: Account) -> None:
        """Take down what the account had at X before and does not need any more."""
        old, new = self.registration(former), self.registration(account)
        if old.webhook_scope != new.webhook_scope:
            self.state.taken_down(former, shared=True)
        elif former.inbound != account.inbound:
            performed("subscription", old.unsubscribe)
            # Two ways in may share a subscription: make those of the new one again.
            performed("subscription", lambda: new.subscribe(account.webhook))
            webhook = former.webhook
            if webhook is not None and not new.needs_webhook and not self.state.users_of(webhook.id):
                performed("webhook", lambda: old.delete_webhook(webhook.id))
