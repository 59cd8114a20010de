"""What the relay needs from the edges, as Protocols. Fakes and real edges pass the same contract suites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from twitter_connector.model.account import Account, Credentials, Webhook
from twitter_connector.model.activity import DmEchoed
from twitter_connector.model.media import Upload
from twitter_connector.model.plan import Asked, SendDm
from twitter_connector.model.work import Direction, EchoSeen, Held, Item


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the present moment, aware, in UTC."""


class InboxPort(Protocol):
    """Where new work is stored durably."""

    def accept(self, items: Sequence[Item]) -> tuple[list[bool], set[Direction]]:
        """Store what is new, atomically; return which items were new, and which doorbells to ring."""


class LanesPort(Protocol):
    """See store/lanes.py for what each method promises."""

    def accept(self, items: Sequence[Item]) -> tuple[list[bool], set[Direction]]: ...
    def claim(self, direction: Direction, excluded: Collection[str] = ()) -> Held | None: ...
    def settle(
        self, held: Held, follow_ups: Sequence[Item] = (), *, keep: bool = True
    ) -> tuple[Held | None, set[Direction]]: ...
    def postpone(self, held: Held, delay_ms: int, *, spend: bool) -> bool: ...
    def renew(self, held: Held) -> bool: ...
    def unreached(self, direction: Direction, account_id: str) -> int: ...
    def pause(self, direction: Direction, account_id: str, until_ms: int, reason: str, detail: str) -> None: ...
    def resume(self, direction: Direction, account_id: str) -> set[Direction]: ...
    def flashes(self) -> list[str]: ...
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
    @property
    def upload(self) -> Upload: ...


class AccountsPort(Protocol):
    def get(self, account_id: str, *, max_age: float = ...) -> Account | None: ...
    def all(self) -> list[Account]: ...
    def save(self, account: Account) -> None: ...
    def remove(self, account_id: str) -> None: ...
    def note(self, account_id: str, **signs: int) -> None: ...


class LedgerPort(Protocol):
    """See store/ledger.py."""

    def steps(self, account_id: str, message_id: str) -> dict[int, Any]: ...
    def write(self, held: Held, message_id: str, number: int, step: Any) -> bool: ...
    def done(self, account_id: str, customer_id: str, message_id: str, number: int, dm_id: str) -> None: ...
    def retract(self, account_id: str, message_id: str, number: int) -> None: ...
    def echoes(self, account_id: str, customer_id: str) -> list[EchoSeen]: ...
    def own(self, account_id: str, customer_id: str, up_to: str = "") -> dict[str, str]: ...


class QuestionsPort(Protocol):
    """See store/questions.py."""

    def ask(self, account_id: str, customer_id: str, asked: Asked | None) -> None: ...
    def named(self, account_id: str, message_id: str) -> Asked | None: ...
    def open_one(self, account_id: str, customer_id: str) -> Asked | None: ...
    def event_of(self, account_id: str, message_id: str) -> str | None: ...


class CimPort(Protocol):
    def post_message(self, message: Mapping[str, Any], *, seconds: float = ...) -> None:
        """Deliver one CIM message to CCM. Returns when CCM has it; raises an error of one of the families."""


class TwitterPort(Protocol):
    """One account's Twitter, in whichever flavour of the API serves it."""

    def send_dm(self, recipient_id: str, step: SendDm) -> str:
        """Send one Direct Message; return its id. Raises OutcomeUnknown where it may have been sent."""

    def mark_read(self, recipient_id: str, event_id: str) -> None:
        """Mark the conversation with this customer read up to their message."""

    def show_typing(self, recipient_id: str) -> None:
        """Show the customer, for about three seconds, that somebody is typing."""

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
