"""Every failure the relay knows, in three families that say what to do about it.

Sorted where they happen (`twitter/http.py`, `cim/answers.py`, `media/spool.py`), acted on in `delivery/consumer.py`
only, which asks `delivery/retry_policy.py`. Nothing in between catches them. Each one survives pickling, because every
constructor argument reaches `Exception.__init__`.
"""

from __future__ import annotations

from datetime import datetime


class ConnectorError(Exception):
    """A failure with a name.

    reason: a stable snake_case code, for metrics, dead letters and alarms.
    detail: one or two sentences for a person: what happened, and what to do. Never holds a secret or a text.
    ours:   worth waking someone who runs the connector, as opposed to a refusal that is the customer's affair.
    code:   the provider's own error code, if it gave one. status: the HTTP status, if there was one.
    words:  the provider's own message, for the person who asked; never logged, since it may quote a text.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        ours: bool = False,
        code: int | None = None,
        status: int | None = None,
        until: datetime | None = None,
        words: str = "",
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.ours = ours
        self.code = code
        self.status = status
        self.until = until
        self.words = words

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.reason, self.detail, self.__dict__.copy()))

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def _rebuild(kind: type[ConnectorError], reason: str, detail: str, state: dict[str, object]) -> ConnectorError:
    error = kind.__new__(kind)
    Exception.__init__(error, reason, detail)
    error.__dict__.update(state)
    return error


class Permanent(ConnectorError):
    """It will never work as it stands. The message is buried, and CIM hears FAILED when it was outbound."""


class UnsupportedKind(Permanent):
    """A CIM body that a Direct Message cannot carry, and that has no plain-text form either."""


class MediaTooLarge(Permanent):
    """More bytes than Twitter's category, or our own ceiling, allows. Not raised for a declared size alone."""


class RecipientRefused(Permanent):
    """This one customer cannot be written to. Never raised for a fault of the account or the app."""


class Retryable(ConnectorError):
    """It may work later. Spends a try, unless `until` says when to come back."""


class ServiceUnavailable(Retryable):
    """The other side did not answer, or answered that it cannot now. The request had no effect."""


class StoreUnavailable(Retryable):
    """The broker did not take or give what was asked. Nothing may be acknowledged on the strength of it."""


class MediaProcessing(Retryable):
    """Twitter is still working on an upload and has said when to look again."""


class OutcomeUnknown(Retryable):
    """A send left us and its answer never came, so it may have happened.

    Look for its echo before sending again: a second send is a second Direct Message. `refusal` is set where
    Twitter's answer was a refusal that is known to come with delivered messages too (code 151): then a message
    that cannot be found is not sent again but given up with that reason.
    """

    refusal: bool = False


class RateLimited(ConnectorError):
    """The whole account has to wait until `until`. Spends no try; nothing is dropped meanwhile."""


class CredentialsRejected(RateLimited):
    """Twitter no longer lets this account or app act. Its messages are sound and wait for an operator.

    Of the waiting family, not the permanent one: see docs/decisions/0004-an-account-that-may-not-act-waits.md.
    """


class LeaseLost(Exception):
    """The lane was handed to somebody else meanwhile: nothing may be sent, settled or reported by us any more.

    Not a failure of the message, so of none of the families: whoever holds the lane now brings it to its end.
    """
