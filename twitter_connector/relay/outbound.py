"""Deliver one CIM message to Twitter, step by step, and tell CIM what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from twitter_connector.errors import ConnectorError, HoldLost, OutcomeUnknown, Permanent, RateLimited, Retryable
from twitter_connector.model.account import Account
from twitter_connector.model.activity import epoch_ms, moment
from twitter_connector.model.cim import CimMessage
from twitter_connector.model.plan import SendDm, Skip
from twitter_connector.model.work import EchoSeen, Entry, Held
from twitter_connector.relay.intake import report_entry, work_in
from twitter_connector.relay.ports import StepPort, TwitterFor, TwitterPort
from twitter_connector.schemas.cim import load_message
from twitter_connector.translate.outbound import to_plan
from twitter_connector.translate.reports import delivered, failed
from twitter_connector.translate.text import fingerprint

log = logging.getLogger(__name__)

# An uncertain send is looked for after these waits. Twitter shows a message within a second or two; the second
# look is for a bad moment.
LOOKS_AFTER = (timedelta(seconds=3), timedelta(seconds=12))
# Twitter's clock and ours may differ; a message that came before its send by more than this is another one.
CLOCK_MARGIN = timedelta(seconds=10)


class LedgerPort(Protocol):
    """See store/ledger.py."""

    def steps(self, account_id: str, message_id: str) -> dict[int, Any]: ...
    def write(self, held: Held, message_id: str, number: int, step: Any) -> bool: ...
    def done(self, account_id: str, customer_id: str, message_id: str, number: int, dm_id: str) -> None: ...
    def retract(self, account_id: str, message_id: str, number: int) -> None: ...
    def echoes(self, account_id: str, customer_id: str) -> list[EchoSeen]: ...
    def own(self, account_id: str, customer_id: str, up_to: str = "") -> dict[str, str]: ...


@dataclass
class OutboundRoute:
    """The way from CIM to Twitter."""

    account: Callable[[str], Account | None]
    twitter_for: TwitterFor
    ledger: LedgerPort
    step_of: Callable[..., StepPort]
    clock: Callable[[], datetime]
    skipped: Callable[[str], None]

    def deliver(self, held: Held) -> Sequence[Entry]:
        message = self._message(held)
        plan = to_plan(message)
        if isinstance(plan, Skip):
            self.skipped(plan.reason)
            log.info("skipped", extra={"reason": plan.reason, "cim_id": message.id})
            return ()
        account = self.account(held.account_id)
        if account is None:
            raise Permanent(
                "unknown_account",
                f"Twitter account {held.account_id} is not registered with the connector. Register it with "
                "POST /webhook/twitter/register-and-subscribe, then replay the dead letter.",
                ours=True,
            )
        twitter = self.twitter_for(account)
        known = self.ledger.steps(held.account_id, message.id)
        for number, step in enumerate(plan.steps):
            done = known.get(number)
            if done is None or not done.dm_id:
                self._perform(held, message, number, step, twitter, done)
        return (report_entry(delivered(message, self.clock())),)

    def given_up(self, held: Held, error: ConnectorError) -> Sequence[Entry]:
        return (report_entry(failed(self._message(held), error, self.clock())),)

    def message_id(self, held: Held) -> str:
        return held.entry_id

    def _message(self, held: Held) -> CimMessage:
        return load_message(work_in(held.payload)["message"])

    def _perform(
        self, held: Held, message: CimMessage, number: int, step: SendDm, twitter: TwitterPort, begun: StepPort | None
    ) -> None:
        customer = message.header.customer_id
        if begun is not None and begun.started_ms:
            dm_id = self._look(held, message, number, step, twitter, begun)
            if dm_id is not None:
                self.ledger.done(held.account_id, customer, message.id, number, dm_id)
                log.info("dm_found", extra={"cim_id": message.id, "dm_id": dm_id, "step": number})
                return
        started = self.clock()
        # Written before the send: if nothing is ever heard of it, this is how we know to look.
        self._write(held, message.id, number, started_ms=epoch_ms(started))
        try:
            dm_id = twitter.send_dm(customer, step)
        except OutcomeUnknown as error:
            refusal = f"{error.reason}\n{error.detail}" if error.refusal else ""
            if refusal:
                self._write(held, message.id, number, started_ms=epoch_ms(started), refusal=refusal)
            error.until = self.clock() + LOOKS_AFTER[0]
            raise
        except ConnectorError:
            # Sorted at the edge: every other error is certain that nothing was sent.
            self.ledger.retract(held.account_id, message.id, number)
            raise
        self.ledger.done(held.account_id, customer, message.id, number, dm_id)
        log.info("dm_sent", extra={"cim_id": message.id, "dm_id": dm_id, "step": number, "tries": held.tries + 1})

    def _look(
        self, held: Held, message: CimMessage, number: int, step: SendDm, twitter: TwitterPort, begun: StepPort
    ) -> str | None:
        """Look for a send whose answer never came. Return its id; None when it is certain enough that it is not
        there. Raises OutcomeUnknown to look once more, later."""
        customer = message.header.customer_id
        started = moment(begun.started_ms)
        taken = self.ledger.own(held.account_id, customer)
        wanted = fingerprint(step.text)
        since = started - CLOCK_MARGIN
        echoed = [(e.event_id, e.digest, e.created_ms) for e in self.ledger.echoes(held.account_id, customer)]
        found = _match(echoed, wanted, epoch_ms(since), taken)
        if found is None:
            found = _match(self._listed(twitter, customer, since), wanted, epoch_ms(since), taken)
        if found is not None:
            return found
        looks = begun.looks + 1
        if looks < len(LOOKS_AFTER):
            self._write(held, message.id, number, started_ms=begun.started_ms, looks=looks, refusal=begun.refusal)
            raise OutcomeUnknown(
                "outcome_unknown",
                "Twitter did not answer a send, and the message cannot be seen yet.",
                until=self.clock() + LOOKS_AFTER[looks],
            )
        if begun.refusal:
            reason, _, detail = begun.refusal.partition("\n")
            raise Permanent(reason, detail)
        return None

    def _listed(self, twitter: TwitterPort, customer: str, since: datetime) -> list[tuple[str, str, int]]:
        try:
            dms = twitter.sent_since(since)
        except RateLimited as error:
            # This limit is the listing's alone (15 in 15 minutes); sending goes on for everybody else.
            raise Retryable(
                "cannot_look", "Twitter limits how often sent messages may be listed.", until=error.until
            ) from error
        except Permanent as error:
            raise Permanent(
                "outcome_unknown",
                "Twitter did not answer when this message was sent, and does not let us look for it. It may or may "
                "not have reached the customer: check the conversation before sending it again.",
                ours=True,
                code=error.code,
                status=error.status,
            ) from error
        return [
            (d.event_id, fingerprint(d.text, d.links), epoch_ms(d.created_at)) for d in dms if d.customer_id == customer
        ]

    def _write(self, held: Held, message_id: str, number: int, **facts: Any) -> None:
        if not self.ledger.write(held, message_id, number, self.step_of(**facts)):
            raise HoldLost


def _match(seen: list[tuple[str, str, int]], wanted: str, since_ms: int, taken: dict[str, str]) -> str | None:
    """Return the oldest own message that fits and that is not the outcome of another send."""
    fitting = [i for i, digest, at in seen if digest == wanted and at >= since_ms and i not in taken]
    return min(fitting, key=int, default=None)
