"""What the relay needs from the edges, as Protocols. Fakes and real edges pass the same contract suites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.activity import DmEchoed
from twitter_connector.model.plan import SendDm
from twitter_connector.model.work import DeadLetter, Direction, EchoSeen, Entry, Held


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the present moment, aware, in UTC."""


class LanesPort(Protocol):
    """See store/lanes.py for what each method promises."""

    def accept(self, items: Sequence[Entry | EchoSeen | DeadLetter]) -> tuple[list[bool], set[Direction]]: ...
    def claim(self, direction: Direction, excluded: Collection[str] = ()) -> Held | None: ...
    def settle(
        self, held: Held, follow_ups: Sequence[Entry | EchoSeen | DeadLetter] = (), *, keep: bool = True
    ) -> tuple[Held | None, set[Direction]]: ...
    def postpone(self, held: Held, delay_ms: int, *, spend: bool) -> bool: ...
    def renew(self, held: Held) -> bool: ...
    def pause(self, direction: Direction, account_id: str, until_ms: int, reason: str, detail: str) -> None: ...
    def resume(self, direction: Direction, account_id: str) -> set[Direction]: ...
    def knock(self, direction: Direction) -> bool: ...
    def answer_bell(self, direction: Direction) -> None: ...


class StepPort(Protocol):
    @property
    def dm_id(self) -> str | None: ...
    @property
    def started_ms(self) -> int: ...
    @property
    def looks(self) -> int: ...
    @property
    def refusal(self) -> str: ...


class AccountsPort(Protocol):
    def get(self, account_id: str, *, max_age: float = ...) -> Account | None: ...
    def all(self) -> list[Account]: ...
    def save(self, account: Account) -> None: ...
    def remove(self, account_id: str) -> None: ...


class CimPort(Protocol):
    def post_message(self, message: Mapping[str, Any]) -> None:
        """Deliver one CIM message to CCM. Returns when CCM has it; raises an error of one of the families."""


class TwitterPort(Protocol):
    """One account's Twitter, in whichever flavour of the API serves it."""

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one Direct Message; return its id. Raises OutcomeUnknown where it may have been sent."""

    def sent_since(self, since: datetime) -> list[DmEchoed]:
        """Return the account's own messages made since then, as far as Twitter shows them."""


class RegistrationPort(Protocol):
    """What onboarding asks of Twitter. Every method raises an error of one of the families."""

    def who_am_i(self) -> tuple[str, str, str]:
        """Return id, screen name and display name of the account the access token belongs to."""

    def webhooks(self) -> list[Webhook]: ...
    def create_webhook(self, url: str) -> Webhook: ...
    def check_webhook(self, webhook_id: str) -> None: ...
    def delete_webhook(self, webhook_id: str) -> None: ...
    def subscribe(self) -> bool:
        """Subscribe the account; False where it was subscribed already."""

    def subscribed(self) -> bool: ...
    def unsubscribe(self) -> None: ...


class TwitterFor(Protocol):
    def __call__(self, account: Account) -> TwitterPort: ...


class RegistrationFor(Protocol):
    def __call__(self, credentials: Credentials, environment: str | None) -> RegistrationPort: ...
