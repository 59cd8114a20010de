"""Register the webhook, subscribe the account, remember its credentials; look at all that, and undo it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from twitter_connector.delivery.ports import AccountsPort, LanesPort
from twitter_connector.errors import ConnectorError, CredentialsRejected, Permanent
from twitter_connector.model.account import V2, Account, Webhook
from twitter_connector.model.flavour import Registration as RegistrationAtX
from twitter_connector.model.work import Direction

from .gaps import open_gap
from .registration_request import Registration
from .registration_steps import SENDS_ONLY, WEBHOOK_REFUSED, RegistrationStatus, StepFailed, performed
from .webhook_url import account_id_in, same_base

log = logging.getLogger(__name__)


class AccountRegistration:
    """The registration use cases. Every failure is a StepFailed that says what to do."""

    def __init__(
        self,
        accounts: AccountsPort,
        lanes: LanesPort,
        twitter_for: Callable[[Account], RegistrationAtX],
        clock: Callable[[], datetime],
        public_url: str | None,
    ) -> None:
        self._accounts = accounts
        self._lanes = lanes
        self._twitter_for = twitter_for
        self._clock = clock
        self._public_url = public_url

    def register(self, wanted: Registration) -> RegistrationStatus:
        """Bring an account into service. Doing it again changes nothing that is right already."""
        account_id = account_id_in(wanted.webhook_url, self._public_url)
        if wanted.flavour == V2:
            raise StepFailed(
                "webhook",
                "ENVIRONMENT-NAME is missing. It is the label of the Account Activity environment in Twitter's "
                "developer portal; X API v2, which has none, is not supported by this version.",
            )
        account = Account(
            id=account_id,
            credentials=wanted.credentials,
            webhook_url=wanted.webhook_url,
            flavour=wanted.flavour,
            settings=wanted.settings,
        )
        twitter = self._twitter_for(account)
        owner_id, screen_name, name = self._owner(twitter)
        if not owner_id:
            # Twitter has accepted the credentials, and subscribing will need the account's own.
            log.warning("token_owner_unknown", extra={"account": account_id})
        elif owner_id != account_id:
            raise StepFailed(
                "credentials",
                f"The access token belongs to account {owner_id}{_called(screen_name)}, but WEBHOOK-URL ends in "
                f"{account_id}. "
                "Use the token of that account, or end the URL in the id of this one.",
            )
        former = self._accounts.get(account_id, max_age=0)
        rekeyed = former.rekeyed(wanted.credentials) if former else None
        account = replace(
            account,
            screen_name=screen_name or (former.screen_name if former else ""),
            name=name or (former.name if former else ""),
            # Known by its id, our webhook is recognised as ours even where the URL asked for is another one now.
            webhook=former.webhook if former else None,
            registered_at=(former.registered_at if former else None) or self._clock(),
            retired_secrets=rekeyed.retired_secrets if rekeyed else (),
            retired_until=rekeyed.retired_until if rekeyed else None,
        )
        account_status = self._accounts.account_status(account_id)
        # Before Twitter is asked for anything: its challenge comes while the registration call is still open.
        self._accounts.save(account)
        try:
            registration_status = self._connect(account, twitter)
        except BaseException:
            if former is None:
                self._accounts.remove(account_id)
            else:
                self._accounts.save(former)
            raise
        self._accounts.save(registration_status.account)
        for direction in Direction:
            self._lanes.resume(direction, account_id)
        # Customers' pictures that Twitter did not hand out to the former credentials wait in their lanes.
        self._lanes.end_waits(Direction.IN, account_id)
        if former is not None and not former.sends_only:
            # It is registered again because something was wrong: what was missed since is to be read back.
            open_gap(self._accounts, registration_status.account, account_status, self._clock())
        log.info("registered", extra={"account": account_id, "actions": list(registration_status.actions)})
        return registration_status

    def repair(self, account: Account) -> RegistrationStatus:
        """Bring a registered account's webhook and subscription back to what they should be; touch nothing else."""
        if account.sends_only:
            raise StepFailed("webhook", SENDS_ONLY)
        twitter = self._twitter_for(account)
        registration_status = self._connect(account, twitter)
        if registration_status.account != account:
            self._save_status(registration_status)
        return registration_status

    def _save_status(self, registration_status: RegistrationStatus) -> None:
        """Keep how the account stands. It took a while to find out: credentials that were changed meanwhile stay, and
        an account that was unregistered meanwhile stays away."""
        found = registration_status.account

        def stands(now: Account) -> Account:
            # An app's id belongs to its key.
            app_id = found.app_id if now.credentials.api_key == found.credentials.api_key else now.app_id
            return replace(
                now, webhook=found.webhook, subscribed=found.subscribed, attention=found.attention, app_id=app_id
            )

        self._accounts.change(found.id, stands)

    def status(self, account: Account) -> RegistrationStatus:
        """Return how the account stands, read afresh from Twitter."""
        twitter = self._twitter_for(account)
        if account.sends_only:
            # It has no environment to look into; whether Twitter takes its credentials can be told all the same.
            self._owner(twitter)
            return RegistrationStatus(account, None, subscribed=False)
        hook = _ours(self._webhooks(twitter), account)
        return RegistrationStatus(account, hook, performed("subscription", twitter.subscribed))

    def unregister(self, account: Account) -> None:
        """Unsubscribe, delete our webhook and no other, forget the credentials.

        Where another registered account of the environment needs the webhook, it is registered anew under that
        account's URL, since the one in this account's name will be answered no more. Where Twitter does not accept the
        credentials any more, or does not know the environment, nothing can be undone there with them, and they are
        forgotten all the same. Nothing of an account that only sends is there.
        """
        if account.sends_only:
            self._accounts.withdraw(account.id)
            log.info("unregistered", extra={"account": account.id})
            return
        twitter = self._twitter_for(account)
        heirs = [a for a in self._accounts.all() if a.id != account.id and self._share_webhook(a, account)]
        hook: Webhook | None = None
        try:
            performed("subscription", twitter.unsubscribe)
            hook = _ours(self._webhooks(twitter), account)
            if hook is not None and (hook.url == account.webhook_url or not heirs):
                mine = hook.id
                performed("webhook", lambda: twitter.delete_webhook(mine))
        except StepFailed as error:
            if not isinstance(error.cause, CredentialsRejected) and not _gone(error.cause):
                raise
            log.warning(
                "not_removed_at_twitter", extra={"account": account.id, "step": error.step, "detail": error.advice}
            )
            hook = None
        self._accounts.withdraw(account.id)
        log.info("unregistered", extra={"account": account.id})
        if hook is not None and hook.url == account.webhook_url:
            for heir in heirs:
                # Until it is made anew, nothing comes for this one either.
                open_gap(self._accounts, heir, self._accounts.account_status(heir.id), self._clock())
                registration_status = self._connect(heir, self._twitter_for(heir))
                self._save_status(registration_status)

    def _owner(self, twitter: RegistrationAtX) -> tuple[str, str, str]:
        return performed("credentials", twitter.who_am_i)

    def _webhooks(self, twitter: RegistrationAtX) -> list[Webhook]:
        return performed("webhook", twitter.webhooks)

    def _connect(self, account: Account, twitter: RegistrationAtX) -> RegistrationStatus:
        actions: list[str] = []
        others = [a for a in self._accounts.all() if a.id != account.id and self._share_webhook(a, account)]
        account_status = {other.id: self._accounts.account_status(other.id) for other in others}
        hook = self._webhook(account, twitter, actions)
        if set(actions) - {"kept"}:
            # It brought the events of these too, and did not; a new one has to be subscribed to by each of them.
            for other in others:
                open_gap(self._accounts, other, account_status[other.id], self._clock())
        try:
            self._subscribe(twitter, actions)
        except StepFailed:
            if "created" in actions and not account.subscribed:
                # Nobody would answer its challenges: a first registration that fails leaves nothing behind.
                self._take_back(account, twitter, hook)
            raise
        account = replace(account, webhook=hook, subscribed=True, attention="", app_id=_app_id(account, twitter))
        return RegistrationStatus(account, hook, True, tuple(actions))

    def _subscribe(self, twitter: RegistrationAtX, actions: list[str]) -> None:
        if performed("subscription", twitter.subscribe):
            actions.append("subscribed")
        if not performed("subscription", twitter.subscribed):
            raise StepFailed(
                "subscription",
                "Twitter accepted the subscription but does not list it. Wait a minute and register once more.",
                Permanent("not_subscribed", "", status=502),
            )

    def _take_back(self, account: Account, twitter: RegistrationAtX, hook: Webhook) -> None:
        try:
            twitter.delete_webhook(hook.id)
        except ConnectorError as error:
            log.warning(
                "webhook_not_removed", extra={"account": account.id, "webhook": hook.id, "reason": error.reason}
            )

    def _webhook(self, account: Account, twitter: RegistrationAtX, actions: list[str]) -> Webhook:
        listed = self._webhooks(twitter)
        present = next((w for w in listed if w.url == account.webhook_url), None)
        if present is None:
            present = next((w for w in listed if self._shared(w, account)), None)
        if present is None:
            for old in listed:
                if not self._was_ours(old, account):
                    raise StepFailed(
                        "webhook",
                        f"{twitter.webhook_place} already has a webhook that is not this connector's: "
                        f"{old.url} (id {old.id}). It was left alone. If nothing else needs it, delete it with "
                        f"`twitter-connector webhooks delete --file FILE {old.id}`, FILE being the JSON of this "
                        "registration, then register again.",
                        Permanent("webhook_in_the_way", "", status=403, code=WEBHOOK_REFUSED),
                    )
            for old in listed:
                performed("webhook", lambda old=old: twitter.delete_webhook(old.id))  # type: ignore[misc]
                actions.append("replaced")
            created = performed("crc", lambda: twitter.create_webhook(account.webhook_url))
            if not listed:
                actions.append("created")
            return created
        if present.valid:
            actions.append("kept")
            return present
        performed("crc", lambda: twitter.check_webhook(present.id))
        actions.append("revalidated")
        again = next((w for w in self._webhooks(twitter) if w.id == present.id), present)
        return replace(again, valid=True) if again is present else again

    def _shared(self, webhook: Webhook, account: Account) -> bool:
        """The webhook of another registered account in the same environment serves this one too."""
        return any(
            a.webhook_url == webhook.url and a.id != account.id and self._share_webhook(a, account)
            for a in self._accounts.all()
        )

    def _share_webhook(self, one: Account, other: Account) -> bool:
        return self._twitter_for(one).webhook_scope == self._twitter_for(other).webhook_scope

    def _was_ours(self, webhook: Webhook, account: Account) -> bool:
        """Say whether a webhook leads to this connector: it does when everything before the id is the same."""
        return same_base(webhook.url, account.webhook_url) or any(
            a.webhook is not None and a.webhook.id == webhook.id for a in self._accounts.all()
        )


def _gone(cause: ConnectorError | None) -> bool:
    """Say whether Twitter knows the environment, or what was to be taken away in it, no more."""
    return isinstance(cause, Permanent) and cause.status == 404


def _called(screen_name: str) -> str:
    return f" (@{screen_name})" if screen_name else ""


def _app_id(account: Account, twitter: RegistrationAtX) -> str:
    if account.app_id:
        return account.app_id
    try:
        return twitter.application_id()
    except ConnectorError as error:
        # Only a count depends on it; the account works without.
        log.info("app_id_unknown", extra={"account": account.id, "reason": error.reason})
        return ""


def _ours(listed: list[Webhook], account: Account) -> Webhook | None:
    known = account.webhook.id if account.webhook else ""
    return next((w for w in listed if w.url == account.webhook_url or w.id == known), None)
