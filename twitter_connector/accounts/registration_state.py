"""How accounts are registered at X: sets it up, takes it down, and stores what was seen. Used by all use cases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from twitter_connector.errors import ConnectorError, CredentialsRejected, Permanent
from twitter_connector.model.account import Account, Webhook
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.flavour import Registration
from twitter_connector.model.subscription import ChallengeAnswer
from twitter_connector.model.timestamps import epoch_ms

from .backfill import open_gap
from .events_arrive import ECHOES
from .ports import AccountsPort
from .registration_steps import RegistrationStatus, StepFailed, performed
from .webhook_setup import WebhookSetup

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegistrationState:
    """registration: makes the gateway of an account. challenge: see twitter/own_challenge. can: what its API can do."""

    accounts: AccountsPort
    registration: Callable[[Account], Registration]
    challenge: Callable[[str, str], ChallengeAnswer]
    can: Callable[[Account], Capabilities]
    clock: Callable[[], datetime]

    def setup(self, account: Account) -> WebhookSetup:
        scope = self.registration(account).webhook_scope
        known = self.accounts.all()
        others = [a for a in known if a.id != account.id and not a.sends_only and self._shares(a, scope)]
        ours = frozenset(a.webhook.id for a in known if a.webhook is not None)
        return WebhookSetup(account, self.registration, others, ours, self.challenge)

    def _shares(self, account: Account, scope: Hashable) -> bool:
        x = self.registration(account)
        return x.needs_webhook and x.webhook_scope == scope

    def users_of(self, webhook_id: str) -> list[Account]:
        """Return the registered accounts whose events come over a webhook."""
        return [a for a in self.accounts.all() if a.webhook is not None and a.webhook.id == webhook_id]

    def connect(self, setup: WebhookSetup) -> RegistrationStatus:
        before = {other.id: self.accounts.account_status(other.id) for other in setup.others}
        subscriptions = setup.connect()
        if setup.replaced:
            self.open_gaps(setup, before)
        if self.accounts.account_status(setup.account.id).get(ECHOES, 1) != subscriptions.own:
            self.accounts.note(setup.account.id, **{ECHOES: int(subscriptions.own)})
        account = replace(
            setup.account,
            webhook=setup.webhook,
            subscribed=True,
            attention="",
            remarks=subscriptions.remarks,
            app_id=self._app_id(setup.account),
        )
        return RegistrationStatus(account, setup.webhook, subscriptions, tuple(setup.actions), self.can(account))

    def open_gaps(self, setup: WebhookSetup, before: Mapping[str, Mapping[str, int]]) -> None:
        """Note that the old webhook brought the events of these accounts too, and that they must subscribe again."""
        for other in setup.others:
            status = before.get(other.id) or self.accounts.account_status(other.id)
            open_gap(self.accounts, other, status, self.clock())

    def _app_id(self, account: Account) -> str:
        if account.app_id:
            return account.app_id
        try:
            return self.registration(account).application_id()
        except ConnectorError as error:
            # Only a count depends on it; the account works without.
            log.info("app_id_unknown", extra={"account": account.id, "reason": error.reason})
            return ""

    def taken_down(self, account: Account, *, shared: bool = False) -> Sequence[Account]:
        """End subscription and webhook of an account at X. Return the accounts that need a webhook of their own.

        shared: leave a webhook that others use as it is; its address goes on being answered.
        """
        x = self.registration(account)
        heirs = self.setup(account).others
        try:
            performed("subscription", x.unsubscribe)
            webhook = own(performed("webhook", x.webhooks), account) if x.needs_webhook else None
            if webhook is None or (heirs and (shared or webhook.url != account.webhook_url)):
                return ()
            performed("webhook", lambda: x.delete_webhook(webhook.id))
        except StepFailed as error:
            if not isinstance(error.cause, CredentialsRejected) and not _gone(error.cause):
                raise
            facts = {"account": account.id, "step": error.step, "detail": error.advice}
            log.warning("not_removed_at_twitter", extra=facts)
            return ()
        return heirs

    def store(self, status: RegistrationStatus) -> None:
        """Store how an account is registered. Credentials that were changed meanwhile stay, and an account that was
        unregistered meanwhile stays unregistered."""
        seen = status.account

        def updated(now: Account) -> Account:
            # An app's id belongs to its key.
            app_id = seen.app_id if now.credentials.api_key == seen.credentials.api_key else now.app_id
            return replace(
                now,
                webhook=seen.webhook,
                subscribed=seen.subscribed,
                attention=seen.attention,
                app_id=app_id,
                remarks=seen.remarks,
            )

        self.accounts.change(seen.id, updated)
        self._note_seen(seen, status.webhook)

    def store_seen(self, account: Account, setup: WebhookSetup) -> None:
        """Store what a failed attempt saw at X."""
        if not setup.seen and setup.subscribed is None:
            return
        webhook = setup.webhook if setup.seen else account.webhook
        subscribed = account.subscribed if setup.subscribed is None else setup.subscribed
        if setup.seen and webhook is None:
            subscribed = False
        self.accounts.change(account.id, lambda now: replace(now, webhook=webhook, subscribed=subscribed))
        self._note_seen(account, webhook)

    def _note_seen(self, account: Account, webhook: Webhook | None) -> None:
        valid = webhook.valid if webhook else not self.registration(account).needs_webhook
        self.accounts.note(account.id, webhook_valid=int(valid), checked_at=epoch_ms(self.clock()))


def _gone(cause: ConnectorError | None) -> bool:
    """Return whether X does not know the place of the webhook, or what was to be taken away there, any more."""
    return isinstance(cause, Permanent) and cause.status == 404


def own(listed: Sequence[Webhook], account: Account) -> Webhook | None:
    known = account.webhook.id if account.webhook else ""
    return next((w for w in listed if w.url == account.webhook_url or w.id == known), None)
