"""The parts of X Chat as one object, for routes and the control API."""

from pathlib import Path

from sandbox.feed import Feed
from sandbox.journal import Journal
from sandbox.people import Directory
from sandbox.snowflake import Snowflakes
from sandbox.twitter.event_sender import EventSender
from sandbox.twitter.mailbox import Mailbox
from sandbox.x_chat.conversations import ChatConversations
from sandbox.x_chat.delivery import ChatDelivery
from sandbox.x_chat.devices import Devices
from sandbox.x_chat.key_directory import KeyDirectory
from sandbox.x_chat.media import ChatMedia
from sandbox.x_chat.people import ChatPeople
from sandbox.x_chat.phone import ChatPhone
from sandbox.x_chat.posting import Posting
from sandbox.x_v2.parts import V2


class XChat:
    """The parts of X Chat. `folder` is for key files and encrypted media."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        ids: Snowflakes,
        feed: Feed,
        directory: Directory,
        mailbox: Mailbox,
        sender: EventSender,
        v2: V2,
    ) -> None:
        self._journal = journal
        self.keys = KeyDirectory(journal)
        self.conversations = ChatConversations(journal, ids)
        self.media = ChatMedia(folder / "media", journal, ids)
        self.devices = Devices(folder, journal, self.keys, self.conversations)
        self.delivery = ChatDelivery(directory, sender, v2, self.conversations, self.keys)
        self.posting = Posting(directory, mailbox, self.conversations, self.keys, self.delivery)
        self.people = ChatPeople(self.devices, self.keys, self.conversations, self.posting, self.media)
        self.phone = ChatPhone(directory, self.devices, self.keys, self.conversations, self.media, feed)
        self.conversations.tell = self.phone.tell

    def restore(self) -> None:
        """Read what an earlier run stored."""
        for part in (self.keys, self.conversations, self.media, self.devices):
            part.restore()

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.keys, self.conversations, self.media, self.devices, self.phone):
            part.clear()

    def is_encrypted(self, account_id: str, customer_id: str) -> bool:
        """Whether X encrypts what these two write: both have keys, and the sandbox plays the customer."""
        return self.keys.newest(account_id) is not None and self.devices.is_used(customer_id)
