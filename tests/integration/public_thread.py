"""A customer's mention of an account in public, and what is written below it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import ClassVar

from tree import Control

from tests.integration.conversations import Conversation, Json, cim_id

# X puts names before an answer, and a mention begins with one.
_NAMES = re.compile(r"^(@\w+ )+")


@dataclass
class PublicThread(Conversation):
    """One customer, and one account whose screen name is `brand`. root: the id of the mention, once it is published."""

    kind: ClassVar[str] = "COMMENT"

    brand: str = ""
    root: str = ""

    def write(self, control: Control, text: str) -> str:
        below = {"in_reply_to": self.root} if self.root else {}
        text = text if self.root else f"@{self.brand} {text}"
        made: Json = control.post("customer/posts", customer_id=self.customer_id, text=text, **below)
        self.root = self.root or made["id"]
        return str(made["id"])

    def answer(self, control: Control, message_id: str, text: str) -> int | None:
        body = {"type": "COMMENT", "itemType": "TEXT", "postId": self.root, "markdownText": text}
        header = {"originalMessageId": cim_id(self.account.id, self.root)}
        answer: Json = control.post("agent/messages", **self.pair, id=message_id, header=header, body=body)
        return answer["status"]  # type: ignore[no-any-return]

    def wait_for_first(self, control: Control) -> None:
        """Wait until the agent sees the mention: an answer names it."""
        while not self.root or cim_id(self.account.id, self.root) not in {
            record["id"] for record in control.get("ccm/messages", **self.pair)["messages"] if record["accepted"]
        }:
            time.sleep(2.0)

    def outbound_text(self, number: int) -> str:
        """X refuses an account a second post with the same text."""
        return f"out {number} to {self.customer_id}"

    def text_of(self, record: Json) -> str:
        return _NAMES.sub("", super().text_of(record))
