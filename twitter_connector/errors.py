"""Every failure the connector knows: its family says what to do, its scope says who waits.

Errors are sorted where they happen (`twitter/http.py`, `cim/client.py`, `cim/files.py`, `media/spool.py`). One place
acts on them: `delivery/retry_policy.py`, asked by `delivery/consumer.py`. Errors are frozen; `waiting` returns a copy.
They survive pickling.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self, TypeVar


class Scope(StrEnum):
    """Who waits because of an error."""

    # Only the conversation whose message failed.
    LANE = "lane"
    # Everything of the account that needs the same endpoint. Its other messages go on.
    ENDPOINT = "endpoint"
    # Everything of the account in this direction.
    ACCOUNT = "account"
    # Everything of the account in this direction, and after some failures in a row only probes are sent.
    OTHER_SIDE = "other_side"


class Endpoint(StrEnum):
    """The calls that X and CIM limit, refuse or leave unanswered one by one."""

    SEND = "send"
    MARK_READ = "mark_read"
    TYPING = "typing"
    SHOW = "show"
    LIST = "list"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    # Asks X whose credentials these are.
    CREDENTIALS = "credentials"
    REGISTRATION = "registration"
    # Public posts: publishing and looking up, and what else can be done with one.
    POST = "post"
    POST_LIST = "post_list"
    LIKE = "like"
    HIDE = "hide"
    DELETE = "delete"
    FILE_ENGINE = "file_engine"
    # A file at an address that is neither X's nor the file engine's.
    PUBLIC_FILE = "public_file"


# What waits for money, for an enrolment at X or for a new OAuth 2.0 grant. It is never given up, however long it takes.
AWAITS_A_PERSON = frozenset(
    {
        "credits_depleted",
        "usage_capped",
        "user_not_enrolled",
        "client_not_enrolled",
        "oauth2_needed",
        "oauth2_grant_ended",
        "oauth2_scope_missing",
        "oauth2_client_refused",
    }
)

# Reasons for which everything of an account waits until a person acts at X, in its developer portal or here.
NEEDS_A_PERSON = AWAITS_A_PERSON | {
    "account_locked",
    "account_suspended",
    "clock_wrong",
    "credentials_rejected",
    "dm_permission_missing",
    "not_permitted",
    "plan_too_small",
    "token_revoked",
    "write_permission_missing",
}

# Reasons with which X refuses an account everything, whichever call is answered with them.
ACCOUNT_STOPPED = frozenset({"account_locked", "account_suspended"})

_Error = TypeVar("_Error", bound="ConnectorError")


class ConnectorError(Exception):
    """A failure with a name.

    reason: a stable snake_case code, for metrics, dead letters and alarms.
    detail: one or two sentences for a person: what happened, and what to do. Never contains a secret or a text.
    scope:  who waits; each family has a usual one. endpoint: the call that failed, if it matters.
    until:  the moment from which a retry makes sense, if the other side named one.
    ours:   worth waking someone who runs the connector, as opposed to a refusal that is the customer's affair.
    code:   the provider's own error code, if it gave one. status: the HTTP status, if there was one.
    words:  the provider's own message, for the person who asked; never logged, since it may quote a text.
    """

    usual_scope: ClassVar[Scope] = Scope.LANE

    reason: str
    detail: str
    scope: Scope
    endpoint: str
    until: datetime | None
    ours: bool
    code: int | None
    status: int | None
    words: str

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        scope: Scope | None = None,
        endpoint: str = "",
        until: datetime | None = None,
        ours: bool = False,
        code: int | None = None,
        status: int | None = None,
        words: str = "",
    ) -> None:
        super().__init__(reason, detail)
        self.__dict__.update(
            reason=reason,
            detail=detail,
            scope=scope or self.usual_scope,
            endpoint=endpoint,
            until=until,
            ours=ours,
            code=code,
            status=status,
            words=words,
        )

    def waiting(
        self, *, scope: Scope | None = None, endpoint: str | None = None, until: datetime | None = None
    ) -> Self:
        """Return a copy with another scope, endpoint or end of the wait. What is not given stays as it is."""
        changes = {"scope": scope, "endpoint": endpoint, "until": until}
        given = {name: value for name, value in changes.items() if value is not None}
        return _rebuild(type(self), self.reason, self.detail, {**self.__dict__, **given})

    def extended(self, sentence: str) -> Self:
        """Return a copy whose detail has a further sentence."""
        detail = f"{self.detail} {sentence}"
        return _rebuild(type(self), self.reason, detail, {**self.__dict__, "detail": detail})

    def __setattr__(self, name: str, value: object) -> None:
        # Python itself sets __traceback__, __cause__ and __notes__.
        if not name.startswith("__"):
            raise AttributeError(f"Errors are frozen; use waiting() instead of setting {name!r}.")
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.reason, self.detail, self.__dict__.copy()))

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def _rebuild(kind: type[_Error], reason: str, detail: str, state: dict[str, object]) -> _Error:
    error = kind.__new__(kind)
    Exception.__init__(error, reason, detail)
    error.__dict__.update(state)
    return error


class Permanent(ConnectorError):
    """It will never work as it stands. The message becomes a dead letter, and CIM hears FAILED if it was outbound."""


class UnsupportedKind(Permanent):
    """A CIM body that a Direct Message cannot carry, and that has no plain-text form either."""


class MediaTooLarge(Permanent):
    """More bytes than X's category, or our own ceiling, allows. Not raised for a declared size alone."""


class RecipientRefused(Permanent):
    """X does not let the account write to this customer. Never raised for a fault of the account or the app."""


class Retryable(ConnectorError):
    """It may work later. Spends a try, unless `until` says when to come back."""


class ServiceUnavailable(Retryable):
    """The other side did not answer, or answered that it cannot now. The request had no effect."""

    usual_scope = Scope.OTHER_SIDE


class StoreUnavailable(Retryable):
    """The broker did not take or give what was asked. Nothing may be acknowledged because of it."""

    usual_scope = Scope.OTHER_SIDE


class StoreRefused(StoreUnavailable):
    """The broker cannot be used before a person changes something: REDIS_URL is wrong, it is a Redis Cluster, or TLS
    with it fails."""


class MediaProcessing(Retryable):
    """X is still working on an upload and has said when to look again."""


class OutcomeUnknown(Retryable):
    """A send left us and its answer never came, so X may have delivered the message.

    Look for its echo before sending again: a second send is a second Direct Message.
    """


class OverCapacity(OutcomeUnknown):
    """X answered a send with "over capacity". X may have delivered the message, but it rarely has."""


class RefusedOrDelivered(OutcomeUnknown):
    """X refused a send with an error that it also gives for delivered messages (code 151).

    A message that cannot be found is not sent again: it is given up with this reason.
    """


class RateLimited(ConnectorError):
    """X or CCM limits how often we may call. Spends no try; nothing is dropped meanwhile."""

    usual_scope = Scope.ACCOUNT


class CredentialsRejected(RateLimited):
    """X does not let this account or app act. Its messages wait for an operator.

    Of the waiting family, not the permanent one: see docs/decisions/0004-an-account-that-may-not-act-waits.md.
    """


class LeaseLost(Exception):
    """Another worker has the lane now: this one must not send, settle or report anything.

    Not a failure of the message, so of none of the families: the other worker brings the message to its end.
    """
