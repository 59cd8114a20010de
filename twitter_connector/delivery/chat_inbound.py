"""What an encrypted message of X Chat becomes on its way to CIM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twitter_connector.messages.kinds.encrypted import WAITING, as_dm
from twitter_connector.model.chat import NOTICE, UNREAD, ChatCounted, ChatNoticed, ChatReceived
from twitter_connector.model.event import DmReceived
from twitter_connector.model.plan import Skip
from twitter_connector.model.work import Effect

from .ports import ChatNoticesPort


@dataclass(frozen=True)
class ChatInbound:
    """Without keys, the agent gets one notice for each conversation and day."""

    notices: ChatNoticesPort

    def opened(self, chat: ChatReceived) -> tuple[DmReceived | Skip, Sequence[Effect]]:
        """Return the message for the agent, and the effects of settling it. Raises StoreUnavailable."""
        day = chat.created_at.date().isoformat()
        unread = ChatCounted(chat.account_id, UNREAD)
        if self.notices.noticed(chat.account_id, chat.customer_id, day):
            return Skip("chat_noticed"), (unread,)
        noticed = ChatNoticed(chat.account_id, chat.customer_id, day)
        return as_dm(chat, WAITING), (unread, ChatCounted(chat.account_id, NOTICE), noticed)
