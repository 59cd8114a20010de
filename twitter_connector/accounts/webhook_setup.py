"""Brings one account's webhook and subscriptions at X to what they should be. One object is one attempt.

Nothing that works is taken down before its successor works. Where X allows one webhook only, the former one is
registered again at once if its successor fails. The object keeps what was seen at X, so that a failure can be stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.account import Account, Webhook
from twitter_connector.model.flavour import WEBHOOK_LIMIT, Registration
from twitter_connector.model.subscription import ChallengeAnswer, Subscriptions

from .registration_steps import StepFailed, performed
from .webhook_url import same_base

log = logging.getLogger(__name__)


@dataclass
class WebhookSetup:
    """account: as it should be. others: the registered accounts that share its webhook. ours: ids of all webhooks that
    registered accounts have. challenge: see twitter/own_challenge. registration: makes the gateway of an account.

    webhook: the account's webhook as last seen at X; seen: whether it was looked for. replaced: others' events stopped
    for a moment, or more.
    """

    account: Account
    registration: Callable[[Account], Registration]
    others: Sequence[Account]
    ours: frozenset[str]
    challenge: Callable[[str, str], ChallengeAnswer]
    actions: list[str] = field(default_factory=list)
    webhook: Webhook | None = None
    seen: bool = False
    subscribed: bool | None = None
    replaced: bool = False
    _created: Webhook | None = None
    _removed: list[Webhook] = field(default_factory=list)

    def connect(self) -> Subscriptions:
        """Set up webhook and subscriptions. Raises StepFailed, and then X has again what it had before, or `webhook`
        says what it has."""
        x = self.registration(self.account)
        webhook = self._webhook(x) if x.needs_webhook else None
        try:
            subscriptions = self._subscribed(x, webhook)
        except BaseException:
            self._undo(x)
            raise
        self._remove_predecessors(x)
        return subscriptions

    def take_back(self) -> None:
        """Delete the webhook that this attempt created, for a first registration that failed."""
        if self._created is not None:
            self._delete_quietly(self.registration(self.account), self._created)

    # The webhook

    def _webhook(self, x: Registration) -> Webhook:
        listed = performed("webhook", x.webhooks)
        present = self._present(listed)
        former = self.account.webhook.id if self.account.webhook else ""
        self._saw(present or next((w for w in listed if w.id == former), None))
        if present is not None:
            return self._valid(x, present)
        try:
            created = performed("webhook", lambda: x.create_webhook(self.account.webhook_url))
        except StepFailed as error:
            if error.cause is None or error.cause.reason != WEBHOOK_LIMIT:
                raise self._explained(error) from error
            return self._instead(x, error)
        self._created = created
        self._saw(created)
        self.actions.append("created")
        self.replaced = True
        return created

    def _present(self, listed: Sequence[Webhook]) -> Webhook | None:
        """Return the listed webhook that serves the account: that of its own URL, or of an account that shares it."""
        shared = {other.webhook_url for other in self.others}
        own = next((w for w in listed if w.url == self.account.webhook_url), None)
        return own or next((w for w in listed if w.url in shared), None)

    def _valid(self, x: Registration, webhook: Webhook) -> Webhook:
        if webhook.valid:
            self.actions.append("kept")
            return webhook
        try:
            performed("webhook", lambda: x.check_webhook(webhook.id))
        except StepFailed as error:
            raise self._explained(error) from error
        self.actions.append("revalidated")
        self.replaced = True
        again = next((w for w in performed("webhook", x.webhooks) if w.id == webhook.id), webhook)
        # X may list it as invalid for some seconds more.
        checked = replace(again, valid=True) if again is webhook else again
        self._saw(checked)
        return checked

    def _instead(self, x: Registration, refusal: StepFailed) -> Webhook:
        """Register the URL where X allows no further webhook: in place of one that is ours and serves nobody else."""
        listed = performed("webhook", x.webhooks)
        present = self._present(listed)
        if present is not None:
            # Another process registered it a moment ago, or X lost its first answer to us.
            self._saw(present)
            return self._valid(x, present)
        for webhook in listed:
            if not self._is_ours(webhook):
                raise self._in_the_way(x, webhook)
        if not listed:
            raise refusal
        answer = self.challenge(self.account.webhook_url, self.account.credentials.api_key_secret)
        if answer.right is False:
            raise StepFailed(
                "crc",
                f"From here the address {self.account.webhook_url} {answer.seen}. X was not asked, and the former "
                f"webhook {listed[0].url} stays as it was. Correct WEBHOOK-URL, or the way to it, and register again.",
                Permanent("own_challenge_failed", "", status=422),
            )
        for webhook in listed:
            performed("webhook", lambda webhook=webhook: x.delete_webhook(webhook.id))  # type: ignore[misc]
            self._removed.append(webhook)
        self.replaced = True
        self._saw(None)
        try:
            created = performed("webhook", lambda: x.create_webhook(self.account.webhook_url))
        except StepFailed as error:
            raise self._explained(error).extended(self._put_back(x)) from error
        except BaseException:
            self._put_back(x)
            raise
        self._created = created
        self._saw(created)
        self.actions.append("replaced")
        return created

    def _in_the_way(self, x: Registration, webhook: Webhook) -> StepFailed:
        return StepFailed(
            "webhook",
            f"{x.webhook_place} already has a webhook that is not this connector's: {webhook.url} (id {webhook.id}). "
            "It was left alone. If nothing else needs it, delete it with `twitter-connector webhooks delete --file "
            f"FILE {webhook.id}`, where FILE has the JSON of this registration. Then register again.",
            Permanent("webhook_in_the_way", "", status=403),
        )

    def _is_ours(self, webhook: Webhook) -> bool:
        """Return whether a webhook leads to this connector: everything before the account's id is the same."""
        return same_base(webhook.url, self.account.webhook_url) or webhook.id in self.ours

    def _remove_predecessors(self, x: Registration) -> None:
        """Delete the account's former webhooks, now that their successor works."""
        if self._created is None or not self.account.webhook or self.account.webhook.id == self._created.id:
            return
        former = self.account.webhook
        if any(w.id == former.id for w in self._removed) or former.url in {o.webhook_url for o in self.others}:
            return
        try:
            listed = x.webhooks()
        except ConnectorError as error:
            log.info("former_webhook_kept", extra={"account": self.account.id, "reason": error.reason})
            return
        if any(w.id == former.id for w in listed) and self._delete_quietly(x, former):
            self.actions[:] = ["replaced" if action == "created" else action for action in self.actions]

    # Back to what was there before

    def _undo(self, x: Registration) -> None:
        """Take the new webhook away again, and bring back the former one."""
        former = self.account.webhook
        if self._created is None or former is None or former.url == self._created.url:
            return  # nothing was there before, or only the same URL
        if not self._delete_quietly(x, self._created):
            return
        self._created = None
        if self._removed:
            self._put_back(x)
            return
        self._saw(former)
        self._subscribe_again((self.account,))

    def _put_back(self, x: Registration) -> str:
        """Register the former webhook and all subscriptions again. Return a sentence about how that went."""
        former = self._removed[0]
        try:
            self._saw(x.create_webhook(former.url))
        except ConnectorError as error:
            log.error("former_webhook_lost", extra={"account": self.account.id, "reason": error.reason})
            return (
                f"The former webhook {former.url} could not be registered again ({error.reason}): no events arrive. "
                f"Run `twitter-connector check {self.account.id}`; the connector also tries again within minutes."
            )
        self._subscribe_again((self.account, *self.others))
        log.warning("former_webhook_restored", extra={"account": self.account.id, "subscribed": self.subscribed})
        return f"The former webhook {former.url} is registered again."

    def _subscribe_again(self, accounts: Sequence[Account]) -> None:
        self.subscribed = True
        for account in accounts:
            try:
                self.registration(account).subscribe(self.webhook)
            except ConnectorError as error:
                self.subscribed = self.subscribed and account is not self.account
                log.error("former_subscription_lost", extra={"account": account.id, "reason": error.reason})

    def _delete_quietly(self, x: Registration, webhook: Webhook) -> bool:
        try:
            x.delete_webhook(webhook.id)
        except ConnectorError as error:
            facts = {"account": self.account.id, "webhook": webhook.id, "reason": error.reason}
            log.warning("webhook_not_removed", extra=facts)
            return False
        return True

    def _explained(self, error: StepFailed) -> StepFailed:
        """Return the failure with what a challenge of our own shows, where X's challenge failed."""
        if error.step != "crc":
            return error.extended("")
        answer = self.challenge(self.account.webhook_url, self.account.credentials.api_key_secret)
        return error.extended(f"From here the address {answer.seen}." if answer.right is False else "")

    def _saw(self, webhook: Webhook | None) -> None:
        self.webhook, self.seen = webhook, True

    # Subscriptions

    def _subscribed(self, x: Registration, webhook: Webhook | None) -> Subscriptions:
        made = performed("subscription", lambda: x.subscribe(webhook))
        if made.new:
            self.actions.append("subscribed")
        shown = performed("subscription", lambda: x.subscriptions(webhook))
        self.subscribed = shown.active
        if shown.active is False:
            raise StepFailed(
                "subscription",
                "X accepted the subscription but does not list it. Wait a minute and register once more.",
                Permanent("not_subscribed", "", status=502),
            )
        return replace(shown, new=made.new, remarks=made.remarks)
