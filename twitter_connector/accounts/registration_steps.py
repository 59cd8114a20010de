"""The steps of a registration: how they fail, what to do about each failure, and how an account is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from twitter_connector.errors import ConnectorError, CredentialsRejected, RateLimited, ServiceUnavailable
from twitter_connector.model.account import V1, Account, Webhook
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.flavour import CHALLENGE_FAILED
from twitter_connector.model.subscription import Subscriptions

T = TypeVar("T")

# What a person reads about an account that was never registered, but for which CCM has credentials.
SENDS_ONLY = (
    "This account has only the credentials of CCM. Replies go out, and events of a webhook made by hand are taken in, "
    "but its webhook is not checked, and missed messages are not read. Register it with POST "
    "/webhook/twitter/register-and-subscribe, or add INBOUND poll to the channel connector's attributes."
)


class StepFailed(Exception):
    """A step of the registration did not succeed. step: credentials, webhook, crc or subscription.

    advice: what happened and what to do. cause: X's refusal; None where the caller's request is at fault.
    """

    def __init__(self, step: str, advice: str, cause: ConnectorError | None = None) -> None:
        super().__init__(step, advice)
        self.step = step
        self.advice = advice
        self.cause = cause

    @property
    def webhook_lost(self) -> bool:
        """X has no working webhook of ours, and would not make one."""
        return self.step in ("webhook", "crc")

    def extended(self, sentence: str) -> StepFailed:
        """Return the same failure with a further sentence of advice."""
        return StepFailed(self.step, f"{self.advice} {sentence}".rstrip(), self.cause)


@dataclass(frozen=True)
class RegistrationStatus:
    """How an account is registered at X, and what was done for it."""

    account: Account
    webhook: Webhook | None
    subscriptions: Subscriptions
    actions: tuple[str, ...] = ()
    can: Capabilities = EVERYTHING

    @property
    def subscribed(self) -> bool | None:
        """Whether the account is subscribed; None where its flavour needs no subscription."""
        return self.subscriptions.active

    @property
    def works(self) -> bool:
        """Whether nothing keeps customers' messages from coming."""
        webhook_works = self.webhook.valid if self.webhook else not self.account.needs_webhook
        return webhook_works and self.subscriptions.active is not False

    def as_json(self) -> dict[str, Any]:
        """Return the object of the register and status routes."""
        webhook = self.webhook
        shown: dict[str, Any] = {
            "account_id": self.account.id,
            "screen_name": self.account.screen_name,
            "api": self.account.api,
            "webhook": {"id": webhook.id, "url": webhook.url, "valid": webhook.valid} if webhook else None,
            "subscribed": self.subscribed,
            "events": list(self.subscriptions.events),
            "actions": list(self.actions),
        }
        if self.account.flavour == V1:
            return shown
        return {
            **shown,
            "inbound": self.account.inbound,
            "subscriptions": [{"event": s.event, "id": s.id} for s in self.subscriptions.items],
            "can": self.can.names(),
            "remarks": [remark.sentence for remark in self.subscriptions.remarks],
        }


def performed(step: str, call: Callable[[], T]) -> T:
    """Return what the call returns. Raises StepFailed where X refuses or cannot."""
    try:
        return call()
    except ConnectorError as error:
        raise StepFailed(*_advice(step, error), error) from error


def _advice(step: str, error: ConnectorError) -> tuple[str, str]:
    """Return the step to name and what to do about it."""
    if error.reason == CHALLENGE_FAILED:
        said = f' X\'s words: "{error.words}"' if error.words else ""
        return "crc", (
            f"{error.detail} X called WEBHOOK-URL and did not get the right answer in time. From outside, "
            "`curl 'WEBHOOK-URL?crc_token=test'` must answer 200 with a response_token within 3 seconds, over https "
            f"with a valid certificate chain and without a redirect.{said}"
        )
    if isinstance(error, CredentialsRejected):
        return ("credentials" if error.status == 401 else step), error.detail
    if isinstance(error, RateLimited):
        return step, f"{error.detail} Register again after the time in Retry-After."
    if isinstance(error, ServiceUnavailable) and not error.ours and error.reason != "twitter_odd_answer":
        return step, f"{error.detail} Try again later."
    return step, error.detail or error.reason
