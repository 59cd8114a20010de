"""Checks each account's webhook and subscriptions regularly, and repairs them. Delivery never depends on this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twitter_connector.errors import AWAITS_A_PERSON, RateLimited, StoreUnavailable
from twitter_connector.model.account import POLL, Account
from twitter_connector.model.timestamps import epoch_ms, moment

from .backfill import GAP, POLL_MARK, Backfill
from .ports import AccountsPort
from .registration import UNDER_WAY, AccountRegistration
from .registration_steps import StepFailed

log = logging.getLogger(__name__)

# X says nothing when it disables a webhook. It allows 15 looks in 15 minutes.
CHECK_EVERY = timedelta(minutes=10)
# Without an event for this long, an account is checked more often: its silence may be a fault.
SILENCE = timedelta(hours=6)
CHECK_WHEN_SILENT = timedelta(minutes=5)
# X will most likely refuse an optional subscription again.
RETRY_REFUSED = timedelta(hours=6)
# Field of the account's status: when those were tried last, in epoch ms.
REFUSED_TRIED_AT = "refused_tried_at"
RETRY_FIRST = timedelta(minutes=1)
RETRY_LONGEST = timedelta(hours=1)
# `check_due` is called once a minute. If it was not called for this long, the service was down.
DOWN_AFTER = timedelta(seconds=150)


@dataclass
class Upkeep:
    """chance: a random number from 0 to 1, which spreads the checks."""

    accounts: AccountsPort
    registration: AccountRegistration
    backfill: Backfill
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def check_due(self) -> None:
        """Check every account whose check is due, and read the messages of every open gap."""
        alive_at: dict[str, int] = {}
        for account in self.accounts.all():
            if account.sends_only or account.inbound == POLL:
                continue  # we made no webhook for it, or the poller sees for itself whether X accepts it
            try:
                self._check_one(account)
                alive_at[account.id] = epoch_ms(self.clock())
            except StoreUnavailable:
                raise
            except Exception as error:
                # One account's fault must not keep the others from being checked.
                log.error("internal_error", exc_info=error, extra={"account": account.id})

        # If the service stops now, the next start reads from here. In one write: this comes every minute.
        self.accounts.note_alive(alive_at)

    def _check_one(self, account: Account) -> None:
        account_status = self.accounts.account_status(account.id)
        if account_status.get(POLL_MARK):
            # It is not polled any more. If it is again, an old mark would make us read months.
            self.accounts.note(account.id, **{POLL_MARK: 0})
        now = self.clock()
        if "alive_at" in account_status and now - moment(account_status["alive_at"]) > DOWN_AFTER:
            self.backfill.open_gap(account)
            account_status = self.accounts.account_status(account.id)
        # No wait is longer. A moment further away was stored before the clock was set back.
        if not timedelta() < moment(account_status.get("next_check_at", 0)) - now <= RETRY_LONGEST:
            self.check(account, account_status)
        if self.accounts.account_status(account.id).get(GAP):
            self.backfill.read(account)
        if self.backfill.chats is not None:
            self.backfill.chats.read(account)

    def check(self, account: Account, account_status: Mapping[str, int]) -> None:
        """Repair the account's webhook and subscriptions if X has lost or disabled them.

        account_status: as it was before the repair, since newer events must not hide what was missed.
        """
        now = self.clock()
        refused_too = self._tries_refused(account, account_status, now)
        try:
            registration_status = self.registration.repair(account, refused_too=refused_too)
        except StepFailed as error:
            if error.cause is None or error.cause.reason != UNDER_WAY:
                self._failed(account, account_status, error, now)
            return
        silent = now - moment(account_status.get("last_event_at", 0)) > SILENCE
        wait = (CHECK_WHEN_SILENT if silent else CHECK_EVERY) * (1 - self.chance() / 10)
        self._note(account, now + wait, 0, valid=True)
        changed = set(registration_status.actions) - {"kept"}
        if changed:
            log.warning("webhook_repaired", extra={"account": account.id, "actions": sorted(changed)})
        if changed or account.attention:
            # X does not say which events were lost meanwhile.
            self.backfill.read(registration_status.account, account_status, at_once=True)

    def _tries_refused(self, account: Account, account_status: Mapping[str, int], now: datetime) -> bool:
        """Return whether to try the optional subscriptions again that X refused, and note when that was."""
        if not any(remark.refused for remark in account.remarks):
            return False
        # A moment in the future was stored before the clock was set back.
        due = not timedelta() <= now - moment(account_status.get(REFUSED_TRIED_AT, 0)) < RETRY_REFUSED
        if due:
            self.accounts.note(account.id, **{REFUSED_TRIED_AT: epoch_ms(now)})
        return due

    def _failed(
        self, account: Account, account_status: Mapping[str, int], error: StepFailed, started: datetime
    ) -> None:
        failures = account_status.get("check_failures", 0) + 1
        wait = min(RETRY_FIRST * 2 ** min(failures - 1, 10), RETRY_LONGEST) * (1 - self.chance() / 4)
        cause, advice, valid = error.cause, error.advice, not error.webhook_lost
        if isinstance(cause, RateLimited):
            # X did not say how the webhook is.
            valid = bool(account_status.get("webhook_valid", 1))
            if cause.reason in AWAITS_A_PERSON:
                advice = cause.detail
                wait = min(max(wait, (cause.until or started) - started), RETRY_LONGEST)
        self._note(account, started + wait, failures, valid=valid)
        if account.attention != advice:
            self.accounts.change(account.id, lambda stored: replace(stored, attention=advice))
        log.error("webhook_not_repaired", extra={"account": account.id, "step": error.step, "detail": advice})

    def _note(self, account: Account, at: datetime, failures: int, *, valid: bool) -> None:
        self.accounts.note(
            account.id,
            next_check_at=epoch_ms(at),
            checked_at=epoch_ms(self.clock()),
            check_failures=failures,
            webhook_valid=int(valid),
        )
