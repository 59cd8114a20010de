"""The webhook heals itself, and what was missed is read back. Delivery of what has arrived never depends on this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twitter_connector.delivery.intake import take_in_activities
from twitter_connector.delivery.ports import AccountsPort, InboxPort
from twitter_connector.errors import ConnectorError, StoreUnavailable
from twitter_connector.model.account import POLL, Account
from twitter_connector.model.flavour import Messages
from twitter_connector.model.timestamps import epoch_ms, moment

from .gaps import GAP, POLL_MARK, AccountStatusPort, known_until, open_gap
from .registration import AccountRegistration
from .registration_steps import StepFailed

log = logging.getLogger(__name__)

# Twitter says nothing when it switches a webhook off; it allows 15 looks in 15 minutes, per environment.
CHECK_EVERY = timedelta(minutes=10)
# An account nobody writes to for this long is looked at more often: its silence may be a fault.
SILENCE = timedelta(hours=6)
CHECK_WHEN_SILENT = timedelta(minutes=5)
RETRY_FIRST = timedelta(minutes=1)
RETRY_LONGEST = timedelta(hours=1)
# The list of messages may be read 15 times in 15 minutes; restarts in a loop must not use that up.
BACKFILL_EVERY = timedelta(minutes=5)
# What Twitter's list shows goes back 30 days, but an answer to an old message helps nobody.
BACKFILL_LONGEST = timedelta(hours=24)
# Events are a little late at times; what is read twice is taken once.
BACKFILL_MARGIN = timedelta(minutes=2)
# The chore comes once a minute. Longer than this without it, and the service was down.
DOWN_AFTER = timedelta(seconds=150)


@dataclass
class Upkeep:
    """Looks after the accounts."""

    accounts: AccountsPort
    account_status: AccountStatusPort
    registration: AccountRegistration
    inbox: InboxPort
    messages: Callable[[Account], Messages]
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def check_due(self) -> None:
        """Check every account whose time has come, and read back what has not been read back yet."""
        for account in self.accounts.all():
            if account.sends_only:
                continue  # there is no webhook to look after, and it is not ours to make one
            try:
                self._check_one(account)
            except StoreUnavailable:
                raise
            except Exception as error:
                # What one account brings up must not leave the others without care.
                log.error("internal_error", exc_info=error, extra={"account": account.id})

    def _check_one(self, account: Account) -> None:
        if account.inbound == POLL:
            return  # the poller sees for itself whether X accepts the account
        account_status = self.account_status.account_status(account.id)
        if account_status.get(POLL_MARK):
            # It is polled no more. Should it be once again, an old mark would have months read back.
            self.account_status.note(account.id, **{POLL_MARK: 0})
        now = self.clock()
        if "alive_at" in account_status and now - moment(account_status["alive_at"]) > DOWN_AFTER:
            self.open_gap(account)
            account_status = self.account_status.account_status(account.id)
        # The longest wait there is; a moment further away was noted before the clock was put back.
        if not timedelta() < moment(account_status.get("next_check_at", 0)) - now <= RETRY_LONGEST:
            self.check(account, account_status)
        if self.account_status.account_status(account.id).get(GAP):
            self.backfill(account)
        # Where the next start has to begin reading back, should this be the last sign of life.
        self.account_status.note(account.id, alive_at=epoch_ms(self.clock()))

    def open_gap(self, account: Account) -> None:
        """Note that messages of customers may have been missed up to now."""
        open_gap(self.account_status, account, self.account_status.account_status(account.id), self.clock())

    def check(self, account: Account, account_status: Mapping[str, int]) -> None:
        """Bring the account's webhook and subscription back where Twitter has lost or disabled them."""
        now = self.clock()
        try:
            registration_status = self.registration.repair(account)
        except StepFailed as error:
            failures = account_status.get("check_failures", 0) + 1
            wait = min(RETRY_FIRST * 2 ** min(failures - 1, 10), RETRY_LONGEST) * (1 - self.chance() / 4)
            self._note(account, now + wait, failures, valid=not error.webhook_lost)
            advice = error.advice
            if account.attention != advice:
                self.accounts.change(account.id, lambda now: replace(now, attention=advice))
            log.error("webhook_not_repaired", extra={"account": account.id, "step": error.step, "detail": error.advice})
            return
        last = account_status.get("last_event_at", 0)
        silent = now - moment(last) > SILENCE
        wait = (CHECK_WHEN_SILENT if silent else CHECK_EVERY) * (1 - self.chance() / 10)
        self._note(account, now + wait, 0, valid=True)
        changed = set(registration_status.actions) - {"kept"}
        if changed:
            log.warning("webhook_repaired", extra={"account": account.id, "actions": sorted(changed)})
        if changed or account.attention:
            # Whatever was lost meanwhile was lost silently.
            # As it stood before the repair: what has come since must not hide what came before.
            self.backfill(registration_status.account, account_status, at_once=True)

    def backfill(
        self, account: Account, account_status: Mapping[str, int] | None = None, *, at_once: bool = False
    ) -> tuple[int, int] | None:
        """Take in what the webhook did not bring since the last message, and the last sign of life, that are known.

        Return how many of the customers' messages were read, and how many of them were missing; None where they could
        not be read, or not yet: then the gap stays open and is read a while later. An account that was
        registered a moment ago has no past here: nothing before its registration is taken in. at_once: although it
        was done a moment ago. Of an account that only sends nothing is read: nobody asked for its customers' messages.
        """
        if account.sends_only or account.inbound == POLL:
            # The poller knows up to which message it has read.
            return 0, 0
        now = self.clock()
        account_status = self.account_status.account_status(account.id) if account_status is None else account_status
        known = known_until(account, account_status, now)
        # Kept until it is read, whatever happens in between.
        self.account_status.note(account.id, **{GAP: epoch_ms(known)})
        if abs(now - moment(account_status.get("filled_at", 0))) < BACKFILL_EVERY and not at_once:
            return None
        self.account_status.note(account.id, filled_at=epoch_ms(now))
        since = max(known - BACKFILL_MARGIN, now - BACKFILL_LONGEST, account.registered_at or now)
        try:
            found = list(self.messages(account).events_since(since))
        except ConnectorError as error:
            log.warning(
                "backfill_failed", extra={"account": account.id, "reason": error.reason, "detail": error.detail}
            )
            return None
        # Oldest first, so that lanes which are empty begin with the right one.
        missed = [raw_event for raw_event in reversed(found) if not raw_event.own]
        outcomes: list[str] = []
        for raw_event in missed:
            take_in_activities([raw_event], self.inbox, lambda _, outcome: outcomes.append(outcome))
        self.account_status.note(account.id, **{GAP: 0})
        new = outcomes.count("accepted")
        log.log(
            logging.WARNING if new else logging.INFO,
            "backfill_done",
            extra={"account": account.id, "seen": len(missed), "new": new},
        )
        return len(missed), new

    def _note(self, account: Account, at: datetime, failures: int, *, valid: bool) -> None:
        self.account_status.note(
            account.id,
            next_check_at=epoch_ms(at),
            checked_at=epoch_ms(self.clock()),
            check_failures=failures,
            webhook_valid=int(valid),
        )
