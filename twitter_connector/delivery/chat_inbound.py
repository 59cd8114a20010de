"""Converts an encrypted message of X Chat for CIM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twitter_connector.messages.kinds.encrypted import WAITING, as_dm, message_of
from twitter_connector.model.account import V2, Account
from twitter_connector.model.chat import (
    DIRECT,
    NOTICE,
    OTHER,
    UNREAD,
    X_CHAT,
    ChatCounted,
    ChatNoticed,
    ChatOpened,
    ChatReceived,
    RoadTaken,
)
from twitter_connector.model.event import DmReceived
from twitter_connector.model.plan import Skip
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Effect, Lease, Link

from .ports import ChatNoticesPort, ChatReaderPort, RoadsPort

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChatInbound:
    """Reads encrypted messages with the account's keys. Without keys, the agent gets one notice for each conversation
    and day. store: stores effects at once."""

    notices: ChatNoticesPort
    reader: ChatReaderPort
    account: Callable[[str], Account | None]
    roads: RoadsPort
    store: Callable[[Sequence[Effect]], object]

    def opened(self, chat: ChatReceived, lease: Lease) -> tuple[DmReceived | Skip, Sequence[Effect]]:
        """Return the message for the agent, and the effects of settling it.

        Raises StoreUnavailable, and what asking X for keys raises.
        """
        account = self.account(chat.account_id)
        opened = self.reader.read(chat, account) if account is not None else None
        return self._unread(chat) if opened is None else self._read(chat, opened, lease)

    def way_of(self, dm: DmReceived, lease: Lease) -> Sequence[Effect]:
        """Return the effect of an ordinary message: replies take the ordinary way again."""
        account = self.account(dm.account_id)
        if account is None or account.flavour != V2 or not self.roads.matters(lease):
            return ()
        return (RoadTaken(dm.account_id, dm.customer_id, DIRECT, epoch_ms(dm.created_at)),)

    def _read(self, chat: ChatReceived, opened: ChatOpened, lease: Lease) -> tuple[DmReceived | Skip, Sequence[Effect]]:
        message, counted = message_of(chat, opened), ChatCounted(chat.account_id, opened.kind)
        if isinstance(message, Skip):
            if opened.kind == OTHER:
                log.info("chat_kind_unknown", extra={"kind": opened.detail[:40]})
            return message, (counted,)
        # A read mark and a quote name the message by its place in the conversation.
        place = Link(chat.account_id, chat.event_id, chat.sequence_id)
        road = RoadTaken(chat.account_id, chat.customer_id, X_CHAT, epoch_ms(chat.created_at))
        if self.roads.latest(chat.account_id, chat.customer_id, lease.road) != X_CHAT:
            # Before CCM has any part: a bot may answer while a file of the message is still on its way, or the worker
            # may end before the message is settled. The answer must not go out in clear.
            self.store([road])
        return message, (counted, road, *([place] if chat.sequence_id else []))

    def _unread(self, chat: ChatReceived) -> tuple[DmReceived | Skip, Sequence[Effect]]:
        day = chat.created_at.date().isoformat()
        unread = ChatCounted(chat.account_id, UNREAD)
        if self.notices.noticed(chat.account_id, chat.customer_id, day):
            return Skip("chat_noticed"), (unread,)
        noticed = ChatNoticed(chat.account_id, chat.customer_id, day)
        return as_dm(chat, WAITING), (unread, ChatCounted(chat.account_id, NOTICE), noticed)
