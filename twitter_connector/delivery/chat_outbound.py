"""Replies to customers who wrote encrypted: which ones, and how each is sent once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from twitter_connector.errors import ConnectorError, LeaseLost, OutcomeUnknown, Permanent, Retryable
from twitter_connector.messages.kinds.reply_quote import quoted_id
from twitter_connector.model.account import V2, Account
from twitter_connector.model.capabilities import Capabilities
from twitter_connector.model.chat import X_CHAT
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import Upload
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Lease

from .media import UploadsPort
from .ports import ChatMessagesPort, ConversationsPort, RoadsPort, SendLedgerPort, SendRecordPort
from .send_step import SendStep
from .sent_lookup import wait_before_look

# X Chat has options of its own, which nobody has seen on a phone yet: without a setting they go as numbered text.
CHAT_CAN = Capabilities(quick_replies=False, link_buttons=False, location=False)


@dataclass(frozen=True)
class ChatOutbound:
    """ready: returns whether an account's encrypted messages can be written here. messages, uploads: make what writes
    them, and what uploads files of one conversation."""

    roads: RoadsPort
    ledger: SendLedgerPort
    conversations: ConversationsPort
    ready: Callable[[Account], bool]
    messages: Callable[[Account], ChatMessagesPort]
    uploads: Callable[[Account, str], UploadsPort]
    can: Capabilities = CHAT_CAN

    def takes(self, account: Account, message: CimMessage, lease: Lease | None = None) -> bool:
        """Return whether a message goes encrypted: its customer wrote encrypted last. The same at every try.

        lease: of the message, if it has one.
        Raises Permanent(chat_unavailable): what answers an encrypted message never goes out in clear.
        """
        if account.flavour != V2:
            return False
        ledger, road = (None, None) if lease is None else (lease.ledger, lease.road)
        if self.ledger.goes_encrypted(account.id, message.id, ledger):
            return True
        latest = self.roads.latest(account.id, message.header.customer_id, road)
        if latest != X_CHAT or self.ledger.steps(account.id, message.id, ledger):
            return False
        if not self.ready(account):
            raise _no_keys(account)
        return True

    def begin(self, lease: Lease, message: CimMessage) -> None:
        """Note that a message goes encrypted, before anything of it is sent. Raises LeaseLost."""
        if not self.ledger.write_encrypted(lease, message.id):
            raise LeaseLost

    def answered(self, message: CimMessage) -> str:
        """Return X's sequence id of the message that a reply quotes; "" for none, or if it is not known any more."""
        account_id, quoted = message.header.account_id, quoted_id(message)
        if not quoted:
            return ""
        event_id = self.conversations.event_of(account_id, quoted)
        if event_id is not None:
            return self.conversations.event_of(account_id, event_id) or ""
        own = self.ledger.own(account_id, message.header.customer_id)
        return next((sequence_id for sequence_id, of in own.items() if of == quoted), "")

    def place_of(self, account_id: str, event_id: str) -> str | None:
        """Return X's sequence id of an encrypted message of a customer; None for an ordinary one."""
        return self.conversations.event_of(account_id, event_id)


def _no_keys(account: Account) -> Permanent:
    return Permanent(
        "chat_unavailable",
        f"The customer's last message was encrypted, and account {account.id} cannot write encrypted messages here any "
        f"more. Answer in the X app, or run `twitter-connector xchat status {account.id}` and replay this message.",
        ours=True,
    )


@dataclass
class ChatStep(SendStep):
    """One encrypted message. The ciphertext is in the send record before it is posted; after a lost answer the same is
    posted again, which X has once. So nothing is looked for. answered: X's sequence id of the message it replies to."""

    chat: ChatOutbound = field(kw_only=True)
    answered: str = ""

    def perform(self, begun: SendRecordPort | None) -> str:
        """Bring the step to its end and return X's sequence id of the message. begun: as SendStep.perform takes it."""
        writer, customer = self.chat.messages(self.account), self.message.header.customer_id
        upload = begun.upload if begun is not None else Upload()
        body = begun.body if begun is not None else ""
        if not body:
            media_id = ""
            if self.step.media is not None:
                upload, media_id = self._uploaded(self.step.media, upload)
            body = self._prepared(writer, customer, media_id)
        sends = (begun.sends if begun is not None else 0) + 1
        self._write(upload, started_ms=epoch_ms(self.tools.clock()), sends=sends, body=body)
        try:
            sequence_id = writer.post(customer, body)
        except OutcomeUnknown as error:
            again = self.tools.clock() + wait_before_look(sends, busy=False)
            raise error.waiting(until=max(again, error.until or again)) from error
        except ConnectorError as error:
            if error.reason == "chat_key_changed":
                # X refused it, so it is made again with the newer key.
                self._write(Upload())
            raise
        self._done(sequence_id, "dm_sent")
        return sequence_id

    def _prepared(self, writer: ChatMessagesPort, customer: str, media_id: str) -> str:
        try:
            return writer.prepared(customer, replace(self.step, media_id=media_id), self.answered)
        except Retryable as error:
            if error.reason == "upload_lost":
                self._write(Upload())
            raise

    def _uploads(self) -> UploadsPort | None:
        return self.chat.uploads(self.account, self.message.header.customer_id)
