"""The quote above an agent's reply: looked up at X once, and stored before anything is sent.

CIM names the quoted message by its id only. The connector stores no texts, so it asks X. A reply goes out without its
quote if the quote cannot be had. The decision never changes, "no quote" included: an uncertain send is looked for by
its text. The quoted words reach no log and no error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, CredentialsRejected, LeaseLost, Retryable, StoreUnavailable
from twitter_connector.messages.kinds.reply_quote import quote_of, quoted_id
from twitter_connector.model.account import Account
from twitter_connector.model.flavour import Messages
from twitter_connector.model.message import CimMessage
from twitter_connector.model.work import AgentMessage

from .consumer import Attempt
from .ports import ANSWERED_WITHIN, ConversationsPort, SendLedgerPort

log = logging.getLogger(__name__)

# How often a reply looks again whether CCM has answered for the message that it quotes.
LOOK_AGAIN = timedelta(seconds=1)
# X refuses this one call rather than the account. Whether it refuses the account, the send will show.
_THIS_CALL_ONLY = frozenset({"not_permitted", "plan_too_small"})


@dataclass(frozen=True)
class ReplyQuotes:
    """Decides once for each reply which quote stands above it."""

    ledger: SendLedgerPort
    conversations: ConversationsPort
    clock: Callable[[], datetime]
    may_look_up: Callable[[Account], bool] = lambda account: True

    def above(self, attempt: Attempt, message: CimMessage, twitter: Messages, *, begun: bool) -> str:
        """Return the quote of a reply, the same one at every try; "" for none. begun: a part may have been sent.

        Raises CredentialsRejected, LeaseLost and StoreUnavailable, and Retryable while CCM has not answered for the
        quoted message.
        """
        lease, work = attempt.lease, attempt.work
        quote = self.ledger.quote(lease.account_id, message.id)
        if quote is not None:
            return quote
        quote = work.quote if isinstance(work, AgentMessage) else None
        if quote is None:
            # A reply that began without a quote ends without one, or a look-up would not recognise its text.
            quote = "" if begun else self._looked_up(attempt, message, twitter)
        if not self.ledger.write_quote(lease, message.id, quote):
            raise LeaseLost
        return quote

    def decided(self, message: CimMessage) -> str | None:
        """Return the quote that was stored for this message, None without one. Raises StoreUnavailable."""
        return self.ledger.quote(message.header.account_id, message.id) if quoted_id(message) else None

    def _looked_up(self, attempt: Attempt, message: CimMessage, twitter: Messages) -> str:
        event_id = self._event_of(message)
        if event_id is None:
            self._await_delivery(attempt)
            return _none(message, "unknown_message")
        if attempt.account is not None and not self.may_look_up(attempt.account):
            return _none(message, "usage_limit")
        try:
            dm = twitter.shown(event_id)
        except StoreUnavailable:
            raise  # X was not asked, so nothing is decided
        except CredentialsRejected as error:
            if error.reason not in _THIS_CALL_ONLY and not attempt.lease.tries:
                raise
            return _none(message, error.reason)
        except ConnectorError as error:
            return _none(message, error.reason)
        if dm.customer_id != message.header.customer_id:
            # Never show one customer's words to another, whichever message CCM names.
            return _none(message, "another_conversation")
        return quote_of(dm) or _none(message, "no_text")

    def _await_delivery(self, attempt: Attempt) -> None:
        lease, now = attempt.lease, self.clock()
        recent = now - lease.accepted_at < ANSWERED_WITHIN
        if recent and self.conversations.any_waiting(lease.account_id, lease.customer_id):
            raise Retryable(
                "message_under_way", "CCM has not answered for the message that is quoted.", until=now + LOOK_AGAIN
            )

    def _event_of(self, message: CimMessage) -> str | None:
        """Return X's id of the quoted message: a customer's, or the first of those an agent's became."""
        account_id, message_id = message.header.account_id, quoted_id(message)
        event_id = self.conversations.event_of(account_id, message_id)
        if event_id is not None:
            return event_id
        own = self.ledger.own(account_id, message.header.customer_id)
        return next((dm_id for dm_id, of in own.items() if of == message_id), None)


def _none(message: CimMessage, reason: str) -> str:
    log.info("not_quoted", extra={"cim_id": message.id, "reason": reason})
    return ""
