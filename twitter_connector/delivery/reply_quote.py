"""The quote above an agent's reply: looked up at Twitter once, and written down before anything is sent.

CIM names the quoted message by its id only, and the connector keeps no texts; Twitter has them. A quote is a kindness:
looking for it never holds a reply up. Once decided it stays, "none" included, since an uncertain send is looked for
by its text. Its words reach no log and no error.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from twitter_connector.errors import ConnectorError, CredentialsRejected, LeaseLost
from twitter_connector.messages.kinds.reply_quote import quote_of, quoted_id
from twitter_connector.model.flavour import Messages
from twitter_connector.model.message import CimMessage
from twitter_connector.model.work import AgentMessage, Lease

from .consumer import Attempt
from .ports import ConversationsPort, SendLedgerPort

log = logging.getLogger(__name__)

# X refuses this one call rather than the account. Whether it refuses the account, the send will show.
_THIS_CALL_ONLY = frozenset({"not_permitted", "plan_too_small"})


@dataclass(frozen=True)
class ReplyQuotes:
    """Decides, once for each reply, what stands above it."""

    ledger: SendLedgerPort
    conversations: ConversationsPort

    def above(self, attempt: Attempt, message: CimMessage, twitter: Messages, *, begun: bool) -> str:
        """Return the quote of a reply, the same one at every try; "" for none. begun: something of it may be out.

        Raises CredentialsRejected, LeaseLost and StoreUnavailable.
        """
        lease, work = attempt.lease, attempt.work
        quote = self.ledger.quote(lease.account_id, message.id)
        if quote is not None:
            return quote
        quote = work.quote if isinstance(work, AgentMessage) else None
        if quote is None:
            # What began without a quote has to end without one, or its text would not be known again.
            quote = "" if begun else self._looked_up(lease, message, twitter)
        if not self.ledger.write_quote(lease, message.id, quote):
            raise LeaseLost
        return quote

    def decided(self, message: CimMessage) -> str | None:
        """Return the quote that was written down for this message, None where there is none. Raises
        StoreUnavailable."""
        return self.ledger.quote(message.header.account_id, message.id) if quoted_id(message) else None

    def _looked_up(self, lease: Lease, message: CimMessage, twitter: Messages) -> str:
        event_id = self._event_of(message)
        if event_id is None:
            return _none(message, "unknown_message")
        try:
            dm = twitter.shown(event_id)
        except CredentialsRejected as error:
            if error.reason not in _THIS_CALL_ONLY and not lease.tries:
                raise
            return _none(message, error.reason)
        except ConnectorError as error:
            return _none(message, error.reason)
        if dm.customer_id != message.header.customer_id:
            # One customer's words are not for another, whatever CCM names.
            return _none(message, "another_conversation")
        return quote_of(dm) or _none(message, "no_text")

    def _event_of(self, message: CimMessage) -> str | None:
        """Return Twitter's id of the quoted message: a customer's, or the first of those an agent's became."""
        account_id, wanted = message.header.account_id, quoted_id(message)
        event_id = self.conversations.event_of(account_id, wanted)
        if event_id is not None:
            return event_id
        own = self.ledger.own(account_id, message.header.customer_id)
        return next((dm_id for dm_id, message_id in own.items() if message_id == wanted), None)


def _none(message: CimMessage, reason: str) -> str:
    log.info("not_quoted", extra={"cim_id": message.id, "reason": reason})
    return ""
