"""The steps of a registration, how they fail, and what to do about each failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from twitter_connector.errors import ConnectorError, CredentialsRejected, RateLimited
from twitter_connector.model.account import Account, Webhook

T = TypeVar("T")

EVENTS = ("direct_messages", "typing", "read")
WEBHOOK_REFUSED = 214
# What a person is told of an account that was never registered, but for which CCM has credentials.
SENDS_ONLY = (
    "Replies go out with the credentials CCM has for this account, but customers' messages arrive only once it is "
    "registered with POST /webhook/twitter/register-and-subscribe."
)


class StepFailed(Exception):
    """A step of the registration did not succeed. step: credentials, webhook, crc or subscription.

    mistake: the caller's, in what was sent to us; otherwise `cause` is Twitter's answer.
    """

    def __init__(self, step: str, advice: str, cause: ConnectorError | None = None) -> None:
        super().__init__(step, advice)
        self.step = step
        self.advice = advice
        self.cause = cause

    @property
    def webhook_lost(self) -> bool:
        """Twitter has no working webhook of ours, and would not make one."""
        return self.step in ("webhook", "crc")

    @property
    def mistake(self) -> bool:
        return self.cause is None


@dataclass(frozen=True)
class RegistrationStatus:
    """How an account stands at Twitter, and what was done to bring it there."""

    account: Account
    webhook: Webhook | None
    subscribed: bool
    actions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object of the register and status routes."""
        hook = self.webhook
        return {
            "account_id": self.account.id,
            "screen_name": self.account.screen_name,
            "api": self.account.api,
            "webhook": {"id": hook.id, "url": hook.url, "valid": hook.valid} if hook else None,
            "subscribed": self.subscribed,
            "events": list(EVENTS) if self.subscribed else [],
            "actions": list(self.actions),
        }


def performed(step: str, call: Callable[[], T]) -> T:
    """Return what the call returns. Raises StepFailed where Twitter refuses or cannot."""
    try:
        return call()
    except ConnectorError as error:
        raise StepFailed(*_advice(step, error), error) from error


def _advice(step: str, error: ConnectorError) -> tuple[str, str]:
    """Return the step to name and what to do about it."""
    if step == "crc" and error.code == WEBHOOK_REFUSED:
        return "crc", (
            f"{error.detail} Twitter called WEBHOOK-URL and did not get the right answer in time. From outside, "
            "`curl 'WEBHOOK-URL?crc_token=test'` must answer 200 with a response_token within 3 seconds, over https "
            "with a valid certificate chain and without a redirect."
        )
    if step == "crc":
        step = "webhook"
    if isinstance(error, CredentialsRejected):
        return ("credentials" if error.status == 401 else step), error.detail
    if isinstance(error, RateLimited):
        return step, f"{error.detail} Register again after the time in Retry-After."
    if error.code == 34 or error.status == 404:
        return step, (
            f"{error.detail} The environment's name is not known to Twitter for this app: it must be written exactly "
            "as the label in the developer portal, upper and lower case included."
        )
    return step, error.detail or error.reason
