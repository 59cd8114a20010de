"""Decides what an error leads to: wait, pause the account, or give up. Only here are family, scope and `until` read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from twitter_connector.errors import (
    ACCOUNT_STOPPED,
    AWAITS_A_PERSON,
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    Permanent,
    RateLimited,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.account import Account
from twitter_connector.model.work import Direction, Lease

from .limits import OPEN_LIMIT_PAUSE, Endpoints, OpenEndedLimits
from .ports import CredentialsPort

FIRST_WAIT = timedelta(milliseconds=500)
LONGEST_WAIT = timedelta(seconds=60)
# A failure of our own code is tried again, in case the world was odd for a moment, but not for a day.
OWN_FAULT_TRIES = 4
# X sometimes answers 401 once to credentials that it accepts.
REJECTED_TRIES = 3
# Newer credentials are tried this soon: at once, except for the lanes that still fail with the former ones.
TRY_NEWER_AFTER = timedelta(seconds=1)
# A server that is neither X's nor CIM's is waited for about half a minute.
PUBLIC_FILE_TRIES = 6


# Reasons to give up a post. If X rejects the account, its own reason says what to do.
_OF_POSTS = frozenset({"not_in_plan", "post_unconfirmed"})


@dataclass(frozen=True)
class Wait:
    """Leave the message at the head of its lane. spend: it counts as a try. unreached: the other side was silent."""

    delay: timedelta
    spend: bool
    unreached: bool = False


@dataclass(frozen=True)
class Pause:
    """Leave everything of this account in this direction where it is until then. error: the reason to show."""

    until: datetime
    error: ConnectorError
    direction: Direction


@dataclass(frozen=True)
class GiveUp:
    """Give the message up for this reason."""

    error: ConnectorError


Decision = Wait | Pause | GiveUp


@dataclass
class RetryPolicy:
    """Decides about the errors of one direction. chance: from 0 to 1, spreads retries.

    note_wait: called with account id and end when messages wait for money, an enrolment or a grant. waited_until: the
    last such end of an account, or None.
    """

    direction: Direction
    clock: Callable[[], datetime]
    endpoints: Endpoints
    credentials: CredentialsPort
    chance: Callable[[], float] = random.random
    open_ended: OpenEndedLimits = field(default_factory=OpenEndedLimits)
    note_wait: Callable[[str, datetime], None] = lambda account_id, until: None
    waited_until: Callable[[str], datetime | None] = lambda account_id: None

    def decide(self, error: Exception, lease: Lease, account: Account | None = None) -> Decision:
        """Return what to do about a failed try. account: whose credentials the try used, if any."""
        needs_person = isinstance(error, RateLimited) and error.reason in AWAITS_A_PERSON
        if isinstance(error, CredentialsRejected) and (not needs_person or error.scope is Scope.ENDPOINT):
            return self._rejected(error, lease, account)
        if isinstance(error, RateLimited):
            return self._paused(error, error.until, lease) if needs_person else self._limited(error, lease, account)
        if isinstance(error, Permanent):
            return GiveUp(_cannot_look(error) if error.endpoint == Endpoint.LIST else error)
        if isinstance(error, Retryable):
            return self._retried(error, lease)
        if lease.tries + 1 < OWN_FAULT_TRIES:
            return self._backoff(lease)
        return GiveUp(
            Permanent(
                "internal_error",
                f"The connector failed on this message ({type(error).__name__}). This is a fault of the connector: "
                "keep the dead letter, report it, and replay it once it is fixed.",
                ours=True,
            )
        )

    def too_old(self, lease: Lease, max_age: timedelta) -> Permanent | None:
        """Return the reason to give up a message that has waited longer than it may, or None.

        The time for which its account waited for a person does not count.
        """
        refusal = too_old(lease.accepted_at, self.clock(), max_age)
        waited_until = self.waited_until(lease.account_id) if refusal is not None else None
        if waited_until is None:
            return refusal
        return too_old(max(lease.accepted_at, waited_until), self.clock(), max_age)

    def succeeded(self, lease: Lease) -> None:
        """Note that a message went through."""
        self.open_ended.over(lease.account_id)

    def _limited(self, error: RateLimited, lease: Lease, account: Account | None = None) -> Decision:
        if error.scope is Scope.LANE:
            return self._backoff(lease) if error.until is None else self._waits_until(error.until)
        now = self.clock()
        if account is not None and self.credentials.newer(account):
            # The limit is that of another API or of former credentials, under which the account does not act any more.
            return self._waits_until(now + TRY_NEWER_AFTER)
        if error.scope is Scope.ENDPOINT:
            until = error.until or self.endpoints.open_ended.until(lease.account_id, now, error.endpoint)
            return self._waits_until(self.endpoints.closed(lease.account_id, error, until))
        until = max(error.until or self.open_ended.until(lease.account_id, now), now)
        return Pause(self._spread(until), error, self.direction)

    def _retried(self, error: Retryable, lease: Lease) -> Decision:
        now = self.clock()
        if error.endpoint == Endpoint.PUBLIC_FILE:
            return self._public_file(error, lease)
        if error.until is not None:
            if error.scope is Scope.OTHER_SIDE:
                return Pause(self._spread(max(error.until, now)), error, self.direction)
            if error.scope is Scope.ENDPOINT:
                return self._waits_until(self.endpoints.closed(lease.account_id, error, error.until))
            return self._waits_until(error.until)
        if error.scope is Scope.ENDPOINT and isinstance(error, ServiceUnavailable):
            self.endpoints.failed(lease.account_id, error)
        return self._backoff(lease, unreached=error.scope is Scope.OTHER_SIDE)

    def _public_file(self, error: Retryable, lease: Lease) -> Decision:
        if lease.tries >= PUBLIC_FILE_TRIES:
            return GiveUp(
                Permanent(
                    "media_unreachable",
                    "The address of the file did not answer, so it was not sent to the customer. Upload the file "
                    "instead of linking to it, or send it again later.",
                    status=error.status,
                )
            )
        named = error.until - self.clock() if error.until is not None else timedelta()
        return Wait(max(self._backoff(lease).delay, named), spend=True)

    def _rejected(self, error: CredentialsRejected, lease: Lease, account: Account | None) -> Decision:
        now = self.clock()
        if error.scope is Scope.LANE:
            return self._waits_until(error.until or now)
        if account is None:
            return self._paused(error, error.until, lease)
        if self.credentials.newer(account):
            return self._paused(error, now + TRY_NEWER_AFTER, lease)
        sends = error.scope is not Scope.ENDPOINT or error.reason in ACCOUNT_STOPPED
        if error.endpoint != Endpoint.CREDENTIALS and (not sends or error.status == 401):
            # Before the whole account stops, ask X whether it accepts the credentials at all.
            rejection = self.credentials.rejection(account)
            if not isinstance(rejection, CredentialsRejected):
                if (rejection is not None or error.status == 401) and lease.tries < REJECTED_TRIES:
                    return self._backoff(lease)
                if sends:
                    return self._paused(error, error.until, lease)
                if error.reason in AWAITS_A_PERSON:
                    return self._waits_for_a_person(error, lease)
                return GiveUp(_refused(error))
            until = rejection.until or error.until
            # A 403 of this endpoint is not why X rejects the credentials. A grant that has ended is why, if it has.
            same = (sends or error.status == 401) and rejection.reason not in AWAITS_A_PERSON
            same = same and error.reason not in _OF_POSTS
            error = error if same else rejection.waiting(until=until)
        if self.credentials.newer(account, ask=True):
            return self._paused(error, now + TRY_NEWER_AFTER, lease)
        return self._paused(error, error.until, lease)

    def _waits_for_a_person(self, error: CredentialsRejected, lease: Lease) -> Decision:
        """Leave what needs this endpoint where it is; the account's other messages go on."""
        until = max(error.until or self.clock() + OPEN_LIMIT_PAUSE, self.clock())
        self.note_wait(lease.account_id, until)
        return self._limited(error.waiting(until=until), lease)

    def _paused(self, error: RateLimited, until: datetime | None, lease: Lease) -> Pause:
        # X refuses the account. Its sending stops, also if a message to CIM met the refusal: that one waits in its own
        # lane, and the other conversations and reports still reach CIM.
        pause = Pause(self._spread(max(until or self.clock() + OPEN_LIMIT_PAUSE, self.clock())), error, Direction.OUT)
        if error.reason in AWAITS_A_PERSON:
            self.note_wait(lease.account_id, pause.until)
        return pause

    def _spread(self, until: datetime) -> datetime:
        # Over a second, so that the lanes of an account do not all wake in the same instant.
        return until + timedelta(seconds=self.chance())

    def _waits_until(self, until: datetime) -> Wait:
        return Wait(max(until - self.clock(), timedelta()), spend=False)

    def _backoff(self, lease: Lease, *, unreached: bool = False) -> Wait:
        return Wait(backoff(lease.tries, self.chance()), spend=True, unreached=unreached)


def _refused(error: CredentialsRejected) -> Permanent:
    """Return the reason to give up a message because X refuses one endpoint to an account that it accepts."""
    if error.endpoint == Endpoint.LIST:
        return _cannot_look(error)
    detail = error.detail
    if error.endpoint == Endpoint.UPLOAD:
        detail = f"X refuses uploads of this account, so the file was not sent: {detail}"
    return Permanent(
        error.reason,
        detail,
        endpoint=error.endpoint,
        ours=True,
        code=error.code,
        status=error.status,
        words=error.words,
    )


def _cannot_look(error: ConnectorError) -> Permanent:
    return Permanent(
        "outcome_unknown",
        "X did not answer when this message was sent, and does not let us look for it. It may or may not have "
        "reached the customer: check the conversation before sending it again.",
        endpoint=error.endpoint,
        ours=True,
        code=error.code,
        status=error.status,
    )


def too_old(accepted_at: datetime, now: datetime, max_age: timedelta) -> Permanent | None:
    """Return the reason to give up a message that has waited longer than it may, or None."""
    if now - accepted_at <= max_age:
        return None
    seconds = round(max_age.total_seconds())
    span = f"{seconds / 3600:g} hours" if seconds % 3600 == 0 else f"{seconds} seconds"
    return Permanent("too_old", f"The message waited longer than {span}, so it was not delivered any more.", ours=True)


def backoff(tries: int, chance: float) -> timedelta:
    """Return a wait that doubles with every try up to a ceiling; chance shortens it by up to half."""
    whole: timedelta = min(FIRST_WAIT * 2 ** min(tries, 20), LONGEST_WAIT)
    return whole * (1 - chance / 2)
