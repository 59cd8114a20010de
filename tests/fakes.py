"""In-memory edges for the relay's tests, honest enough to pass the suites of tests/contracts.

Time moves only when a test says so. Nothing here speaks to a broker, to Twitter or to CIM.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from twitter_connector.accounts.registration import AccountRegistration
from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    Permanent,
    Scope,
)
from twitter_connector.model.account import POLL, V2, Account, Credentials, Remark, Webhook
from twitter_connector.model.capabilities import EVERYTHING
from twitter_connector.model.event import DM, DmEchoed, DmReceived, RawEvent
from twitter_connector.model.flavour import CHALLENGE_FAILED, WEBHOOK_LIMIT
from twitter_connector.model.lookup import SentList
from twitter_connector.model.plan import SendDm
from twitter_connector.model.subscription import (
    DIRECT_MESSAGES,
    READ_MARKS,
    TYPING_INDICATORS,
    ChallengeAnswer,
    Subscriptions,
)
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import (
    Lease,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is told how far to go."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    @property
    def ms(self) -> int:
        return epoch_ms(self.at)

    def seconds(self) -> float:
        """Return the moment as a number that only grows, as time.monotonic does."""
        return (self.at - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class FakeAccounts:
    """The registered accounts, always as they are now."""

    def __init__(self, *accounts: Account) -> None:
        self.rows = {account.id: account for account in accounts}
        self._account_status: dict[str, dict[str, int]] = {}
        self._withdrawn: set[str] = set()

    def get(self, account_id: str, *, max_age: float = 30.0) -> Account | None:
        return self.rows.get(account_id)

    def last_known(self, account_id: str) -> Account | None:
        return self.rows.get(account_id)

    def refresh(self) -> list[Account]:
        return self.all()

    def all(self) -> list[Account]:
        return [account for _, account in sorted(self.rows.items())]

    def save(self, account: Account, *, noted: bool = True) -> None:
        self.rows[account.id] = account
        self._withdrawn.discard(account.id)

    def add(self, account: Account) -> bool:
        return self.rows.setdefault(account.id, account) is account

    def change(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        if account_id not in self.rows:
            return None
        self.rows[account_id] = change(self.rows[account_id])
        return self.rows[account_id]

    def remove(self, account_id: str) -> None:
        self.rows.pop(account_id, None)
        self._account_status.pop(account_id, None)

    def withdraw(self, account_id: str) -> None:
        self.remove(account_id)
        self._withdrawn.add(account_id)

    def withdrawn(self, account_id: str) -> bool:
        return account_id in self._withdrawn

    def note_alive(self, moments: Mapping[str, int]) -> None:
        for account_id, at in moments.items():
            self.note(account_id, alive_at=at)

    def note(self, account_id: str, **account_status: int) -> None:
        self._account_status.setdefault(account_id, {}).update(account_status)

    def account_status(self, account_id: str) -> dict[str, int]:
        return dict(self._account_status.get(account_id, {}))


class FakeLocks:
    """Locks of one process."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    @contextmanager
    def alone(self, chore: str, seconds: int = 300) -> Iterator[bool]:
        free = chore not in self.taken
        if free:
            self.taken.add(chore)
        try:
            yield free
        finally:
            if free:
                self.taken.remove(chore)


class FakeCim:
    """CCM. Takes what it is given, unless told how to fail."""

    def __init__(self) -> None:
        self.received: list[Mapping[str, Any]] = []
        self.failures: list[Exception] = []
        self.refusing: dict[str, Exception] = {}
        # Runs when a message is there and not answered yet.
        self.before_answer: Callable[[], None] = lambda: None

    def fail_next(self, *errors: Exception) -> None:
        self.failures += errors

    def post_message(self, message: Mapping[str, Any], *, seconds: float = 10.0) -> None:
        if self.failures:
            raise self.failures.pop(0)
        customer = message["header"]["channelData"]["channelCustomerIdentifier"]
        if customer in self.refusing:
            raise self.refusing[customer]
        self.received.append(message)
        self.before_answer()

    def texts(self) -> list[str]:
        return [m["body"]["markdownText"] for m in self.received]


def at_endpoint(error: Exception, endpoint: Endpoint) -> Exception:
    """Return the error as the real gateway raises it from this endpoint."""
    if isinstance(error, ConnectorError):
        return error.waiting(scope=Scope.ENDPOINT, endpoint=endpoint)
    return error


class FakeEndpointPauses:
    """Pauses of endpoints, in memory."""

    def __init__(self) -> None:
        self.by_endpoint: dict[tuple[str, str], dict[str, str]] = {}

    def pause(self, account_id: str, endpoint: str, until_ms: int, reason: str, detail: str) -> None:
        self.by_endpoint[account_id, endpoint] = {"until": str(until_ms), "reason": reason, "detail": detail}

    def of(self, account_id: str, endpoints: Iterable[str], now_ms: int) -> Mapping[str, Mapping[str, str]]:
        known = {endpoint: self.by_endpoint.get((account_id, endpoint)) for endpoint in endpoints}
        return {name: pause for name, pause in known.items() if pause and int(pause["until"]) > now_ms}


class FakeCredentials:
    """What X and CCM say about the accounts' credentials. By default X rejects whatever was rejected before."""

    def __init__(self) -> None:
        self.answers: dict[str, ConnectorError | None] = {}
        self.replaced: set[str] = set()
        self.asked: list[str] = []

    def newer(self, account: Account, *, ask: bool = False) -> bool:
        return account.id in self.replaced

    def rejection(self, account: Account) -> ConnectorError | None:
        self.asked.append(account.id)
        if account.id in self.answers:
            return self.answers[account.id]
        return CredentialsRejected("credentials_rejected", "X does not accept them.", status=401, code=32)


@dataclass
class Sent:
    """A Direct Message as it lies at the fake Twitter."""

    account_id: str
    recipient_id: str
    step: SendDm
    id: str
    at: datetime


class FakeTwitter:
    """One account's Twitter. `fail_next` fails before anything is sent, `swallow_next` after it was."""

    def __init__(self, clock: FakeClock, account_id: str) -> None:
        self._clock = clock
        self._account_id = account_id
        self.sent: list[Sent] = []
        self.failures: list[Exception] = []
        self.swallowed: list[Exception] = []
        self.look_failures: list[Exception] = []
        self.mark_failures: list[Exception] = []
        self.typing_failures: list[Exception] = []
        self.looks = 0
        self.written: dict[str, DmReceived] = {}
        self.show_failures: list[Exception] = []
        self.asked_for: list[str] = []
        self.hidden = False
        # The list goes no further back than to this moment; X has older messages.
        self.reaches: datetime | None = None
        self.read_marks: list[tuple[str, str]] = []
        self.typed_to: list[str] = []
        self.before_send: Callable[[], None] = lambda: None
        self._next_id = 1_750_000_000_000_000_000
        # By how much our clock is ahead of its own.
        self.sent_ahead = timedelta()

    def fail_next(self, *errors: Exception) -> None:
        self.failures += errors

    def swallow_next(self, *errors: Exception) -> None:
        self.swallowed += errors

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        self.before_send()
        if self.failures:
            raise self.failures.pop(0)
        self._next_id += 1
        self.sent.append(
            Sent(self._account_id, recipient_id, step, str(self._next_id), self._clock() - self.sent_ahead)
        )
        if self.swallowed:
            raise self.swallowed.pop(0)
        return str(self._next_id)

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        if self.mark_failures:
            raise at_endpoint(self.mark_failures.pop(0), Endpoint.MARK_READ)
        self.read_marks.append((recipient_id, event_id))

    def show_typing(self, recipient_id: str) -> None:
        if self.typing_failures:
            raise at_endpoint(self.typing_failures.pop(0), Endpoint.TYPING)
        self.typed_to.append(recipient_id)

    def shown(self, event_id: str) -> DmReceived | DmEchoed:
        self.asked_for.append(event_id)
        if self.show_failures:
            raise at_endpoint(self.show_failures.pop(0), Endpoint.SHOW)
        for dm in (*self.written.values(), *self._own()):
            if dm.event_id == event_id:
                return dm
        raise Permanent("not_found", "No such message.", status=404, code=34)

    def events_since(self, since: datetime) -> Iterator[RawEvent]:
        for dm in self._own():
            if dm.created_at >= since:
                yield RawEvent(DM, dm.account_id, dm.customer_id, dm.event_id, own=True, text=dm.text)

    def sent_since(self, since: datetime) -> list[DmEchoed]:
        self.looks += 1
        if self.look_failures:
            raise at_endpoint(self.look_failures.pop(0), Endpoint.LIST)
        if self.hidden:
            return []
        if self.reaches is not None:
            return SentList([dm for dm in self._own() if dm.created_at >= self.reaches], self.reaches)
        return [dm for dm in self._own() if dm.created_at >= since]

    def _own(self) -> list[DmEchoed]:
        return [
            DmEchoed(self._account_id, s.recipient_id, s.id, s.at, html.escape(s.step.text, quote=False))
            for s in reversed(self.sent)
        ]

    def texts(self) -> list[str]:
        return [s.step.text for s in self.sent]


EVENTS = (DIRECT_MESSAGES, TYPING_INDICATORS, READ_MARKS)


class FakePlatform:
    """Twitter's side of registration: apps, environments, webhooks, subscriptions, and the challenge."""

    def __init__(self) -> None:
        self.owners: dict[str, tuple[str, str, str]] = {}
        self.hooks: dict[str, list[Webhook]] = {"prod": [], "v2": []}
        self.subscribers: set[tuple[str, str]] = set()
        self.failing: dict[str, ConnectorError] = {}
        self.calls: list[str] = []
        self.challenge: Callable[[str], bool] = lambda url: True
        self.own_challenge: Callable[[str, str], ChallengeAnswer] = lambda url, secret: ChallengeAnswer(None)
        self.forgetful = False
        self.withholds_own = False
        # Optional subscriptions that X refuses, and how often it was asked for them.
        self.refused: tuple[Remark, ...] = ()
        self.refusals = 0
        self.before: Callable[[str], None] = lambda call: None
        self.webhooks_max = 1
        self.long_posts = False
        self._next_id = 0

    def may_be_long(self) -> bool:
        return self.long_posts

    def answer_own_challenge(self, url: str, secret: str) -> ChallengeAnswer:
        return self.own_challenge(url, secret)

    def token(self, account_id: str, screen_name: str = "acme", name: str = "Acme Ltd") -> Credentials:
        """Return credentials of an account, all of one app."""
        self.owners[f"token-of-{account_id}"] = (account_id, screen_name, name)
        return Credentials("app-key", "app-secret", f"token-of-{account_id}", f"token-secret-{account_id}")

    def put(self, url: str, *, valid: bool = True, environment: str = "prod") -> Webhook:
        self._next_id += 1
        hook = Webhook(str(1000 + self._next_id), url, valid)
        self.hooks[environment].append(hook)
        return hook

    def urls(self, environment: str = "prod") -> list[str]:
        return [hook.url for hook in self.hooks[environment]]

    def __call__(self, account: Account) -> FakeRegistration:
        return FakeRegistration(self, account)


class FakeRegistration:
    """What one account's credentials can do at the fake platform."""

    def __init__(self, platform: FakePlatform, account: Account) -> None:
        self._platform = platform
        self._credentials = account.credentials
        self._account = account
        self._environment = account.settings.get("environment", "v2" if account.flavour == V2 else "")
        self._account_id = account.id

    @property
    def webhook_scope(self) -> Hashable:
        return self._credentials.api_key, self._environment

    @property
    def webhook_place(self) -> str:
        return f"The environment {self._environment}"

    @property
    def needs_webhook(self) -> bool:
        return self._account.needs_webhook

    def who_am_i(self) -> tuple[str, str, str]:
        self._call("who_am_i")
        owner = self._platform.owners.get(self._credentials.access_token)
        if owner is None:
            raise CredentialsRejected("credentials_rejected", "X does not accept them.", status=401, code=32)
        return owner

    def user_id(self, username: str) -> str | None:
        self._call("user_id")
        return next((owner for owner, name, _ in self._platform.owners.values() if name == username), None)

    def webhooks(self) -> list[Webhook]:
        self._call("webhooks")
        return list(self._hooks())

    def create_webhook(self, url: str) -> Webhook:
        self._call("create_webhook")
        if len(self._hooks()) >= self._platform.webhooks_max:
            raise Permanent(WEBHOOK_LIMIT, "Too many resources already created.", status=403, code=214)
        self._challenged(url)
        return self._platform.put(url, environment=self._environment)

    def check_webhook(self, webhook_id: str) -> None:
        self._call("check_webhook")
        hooks = self._hooks()
        for index, hook in enumerate(hooks):
            if hook.id == webhook_id:
                self._challenged(hook.url)
                hooks[index] = replace(hook, valid=True)
                return
        raise Permanent("not_found", "No such webhook.", status=404, code=34)

    def delete_webhook(self, webhook_id: str) -> None:
        self._call("delete_webhook")
        hooks = self._hooks()
        hooks[:] = [hook for hook in hooks if hook.id != webhook_id]
        if hooks:
            return
        # Subscriptions go with the last webhook.
        self._platform.subscribers = {s for s in self._platform.subscribers if s[0] != self._environment}

    def subscribe(self, webhook: Webhook | None) -> Subscriptions:
        self._call("subscribe")
        if self._account.inbound == POLL:
            return Subscriptions(active=None)
        mark = (self._environment, self._owner_id())
        new = mark not in self._platform.subscribers
        self._platform.subscribers.add(mark)
        self._platform.refusals += len(self._platform.refused) and not self._account.remarks
        remarks = self._account.remarks or self._platform.refused
        return Subscriptions(active=True, new=new, events=EVENTS, remarks=remarks)

    def subscriptions(self, webhook: Webhook | None) -> Subscriptions:
        self._call("subscribed")
        if self._account.inbound == POLL:
            return Subscriptions(active=None)
        mark = (self._environment, self._owner_id())
        active = not self._platform.forgetful and mark in self._platform.subscribers
        own = not self._platform.withholds_own
        return Subscriptions(active=active, events=EVENTS if active else (), own=own)

    def application_id(self) -> str:
        self._call("application_id")
        return "13090192"

    def unsubscribe(self) -> None:
        self._call("unsubscribe")
        self._platform.subscribers.discard((self._environment, self._account_id))

    def _owner_id(self) -> str:
        return self._platform.owners[self._credentials.access_token][0]

    def _hooks(self) -> list[Webhook]:
        if self._environment not in self._platform.hooks:
            raise Permanent("environment_unknown", "Check upper and lower case.", status=404, code=34)
        return self._platform.hooks[self._environment]

    def _challenged(self, url: str) -> None:
        if not urlsplit(url).hostname or not self._platform.challenge(url):
            raise Permanent(CHALLENGE_FAILED, "X's challenge failed.", status=403, code=214)

    def _call(self, name: str) -> None:
        self._platform.calls.append(name)
        self._platform.before(name)
        if name in self._platform.failing:
            raise self._platform.failing[name]


def account_registration(
    accounts: Any, lanes: Any, platform: FakePlatform, clock: Callable[[], datetime]
) -> AccountRegistration:
    """Return the use cases at a platform."""
    return AccountRegistration(
        accounts,
        lanes,
        FakeLocks(),
        platform,
        platform.answer_own_challenge,
        lambda account: EVERYTHING,
        lambda account: platform,  # type: ignore[arg-type,return-value]
        clock,
    )


class FakeWatch:
    """Remembers what a drain reports."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.seconds: list[tuple[str, float]] = []

    def delivered(self, lease: Lease, seconds: float) -> None:
        self.outcomes.append(("delivered", ""))

    def message_delivered(self, lease: Lease, seconds: float) -> None:
        self.seconds.append((lease.direction, seconds))

    def failed(self, lease: Lease, reason: str, outcome: str) -> None:
        self.outcomes.append((outcome, reason))

    def dead_lettered(self, lease: Lease, reason: str) -> None:
        self.outcomes.append(("dead_lettered", reason))
