"""Accounts and conversations to test with: what the people say, and what arrives on either side.

Everything goes through the sandbox's control API or the connector's own routes; nothing looks inside the service.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import requests
from tree import Control, Tree, eventually

# Fixed by the connector: ids of CIM messages are UUIDs of version 5 under this one, and this is its sender id.
NAMESPACE = UUID("6f1f6d0e-3d5c-5b0a-9a86-0d4f2b7c1e55")
SENDER_ID = "c1d2b0f4-5b7e-4d0a-8f2e-6a1f7c9e4b35"
REGISTER = "/webhook/twitter/register-and-subscribe"

Json = dict[str, Any]


def cim_id(account_id: str, event_id: str) -> str:
    """Return the id under which an event must reach CCM, every time."""
    return str(uuid.uuid5(NAMESPACE, f"{account_id}:{event_id}"))


@dataclass
class Account:
    """A business account at the sandbox's Twitter, with the body that registers it."""

    tree: Tree
    body: dict[str, str]

    @property
    def id(self) -> str:
        return self.body["WEBHOOK-URL"].rpartition("/")[2]

    @classmethod
    def new(cls, tree: Tree, **wanted: str) -> "Account":
        """Make one that nobody has registered yet."""
        return cls(tree, tree.sandbox.post("accounts", **wanted))

    @classmethod
    def registered(cls, tree: Tree, **wanted: str) -> "Account":
        """Make one and register it with the connector."""
        account = cls.new(tree, **wanted)
        answer = account.register()
        assert answer.status_code == 200, answer.text
        return account

    def register(self, **changes: str) -> requests.Response:
        """Post the registration, with some of its keys replaced (written with _ for -)."""
        replaced = {key.replace("_", "-"): value for key, value in changes.items()}
        return self.tree.http.post(f"{self.tree.url}{REGISTER}", json={**self.body, **replaced}, timeout=60)

    def shown(self) -> Json:
        """Return what GET /accounts/{id} says."""
        answer = self.tree.http.get(f"{self.tree.url}/accounts/{self.id}", timeout=10)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def customer(self, **wanted: str) -> "Conversation":
        """Make a customer and the conversation with this account."""
        (made,) = self.tree.sandbox.post("customers", **wanted)["customers"]
        return Conversation(self, made["id"])

    def customers(self, count: int) -> list["Conversation"]:
        made = self.tree.sandbox.post("customers", count=count)["customers"]
        return [Conversation(self, customer["id"]) for customer in made]


@dataclass
class Conversation:
    """One customer and one account: the unit within which the connector promises order."""

    # The CIM type of what is said in it.
    kind: ClassVar[str] = "PLAIN"

    account: Account
    customer_id: str

    @property
    def pair(self) -> dict[str, str]:
        return {"account_id": self.account.id, "customer_id": self.customer_id}

    @property
    def _sandbox(self) -> Any:
        return self.account.tree.sandbox

    # What people do

    def customer_says(self, text: str, **more: Any) -> Json:
        """Let the customer write; return the DM as Twitter stores it."""
        said: Json = self._sandbox.post("customer/messages", **self.pair, text=text, **more)
        return said

    def agent_says(self, text: str, **more: Any) -> Json:
        """Let CCM hand the connector a PLAIN message; it must be accepted. Return id, status and state."""
        return self.agent_sends(text=text, **more)

    def agent_sends(self, **fields: Any) -> Json:
        """Let CCM hand the connector any message; it must be accepted."""
        reply: Json = self._sandbox.post("agent/messages", **self.pair, **fields)
        assert reply["status"] == 202, reply
        return reply

    def cim_message(self, text: str, **changes: Any) -> Json:
        """Return a PLAIN message of an agent, as CCM would post it."""
        message: Json = {
            "id": str(uuid.uuid4()),
            "header": {
                "sender": {"id": "3d3c86d9-3b08-4539-a5c2-a06235fc6725", "type": "AGENT", "senderName": "sam"},
                "channelData": {
                    "channelCustomerIdentifier": self.customer_id,
                    "serviceIdentifier": self.account.id,
                    "requestPriority": 0,
                    "customerFirstName": "Ada",
                    "customerLastName": None,
                    "additionalAttributes": [],
                },
                "timestamp": int(time.time() * 1000),
            },
            "body": {"type": "PLAIN", "markdownText": text},
        }
        return {**message, **changes}

    def event(self, event_id: str, text: str) -> Json:
        """Return the body of an event in which the customer writes, as Twitter would post it."""
        create = {
            "target": {"recipient_id": self.account.id},
            "sender_id": self.customer_id,
            "message_data": {"text": text, "entities": {}},
        }
        now_ms = str(int(time.time() * 1000))
        return {
            "for_user_id": self.account.id,
            "direct_message_events": [
                {"type": "message_create", "id": event_id, "created_timestamp": now_ms, "message_create": create}
            ],
            "users": {self.customer_id: {"id": self.customer_id, "name": "Ada", "screen_name": "ada"}},
        }

    # What a crowd does, each person with a connection of its own

    def write(self, control: Control, text: str) -> str:
        """Let the customer write; return the event's id."""
        said: Json = control.post("customer/messages", **self.pair, text=text)
        return str(said["id"])

    def answer(self, control: Control, message_id: str, text: str) -> int | None:
        """Let the agent write; return the status of the connector's answer."""
        answer: Json = control.post("agent/messages", **self.pair, id=message_id, text=text)
        return answer["status"]  # type: ignore[no-any-return]

    def wait_for_first(self, control: Control) -> None:
        """Wait until an agent can answer. Direct Messages need no first one of the customer."""

    def outbound_text(self, number: int) -> str:
        return f"out {number}"

    def text_of(self, record: Json) -> str:
        """Return what the customer wrote, from what CCM took in."""
        return str(record["message"]["body"]["markdownText"])

    # What arrived

    def requests_to_ccm(self) -> list[Json]:
        """Return everything CCM was asked about this conversation, refused requests too."""
        found: list[Json] = self._sandbox.get("ccm/messages", **self.pair)["messages"]
        return found

    def ccm_messages(self) -> list[Json]:
        """Return what CCM took in as messages of the customer, in order, repeats included."""
        return [
            r["message"] for r in self.requests_to_ccm() if r["accepted"] and r["type"] not in ("DELIVERYNOTIFICATION",)
        ]

    def ccm_texts(self) -> list[str]:
        return [message["body"]["markdownText"] for message in self.ccm_messages()]

    def new_to_ccm(self) -> list[str]:
        """Return the texts CCM took in, in order, without repeats: those it knows by their ids."""
        return [
            r["message"]["body"]["markdownText"]
            for r in self.requests_to_ccm()
            if r["accepted"] and not r["repeat"] and r["type"] != "DELIVERYNOTIFICATION"
        ]

    def reports(self, message_id: str = "") -> list[Json]:
        """Return the bodies of the delivery notifications CCM took in, about one message or all."""
        bodies = [
            r["message"]["body"]
            for r in self.requests_to_ccm()
            if r["accepted"] and r["type"] == "DELIVERYNOTIFICATION"
        ]
        return [body for body in bodies if message_id in ("", body["messageId"])]

    def twitter_messages(self) -> list[Json]:
        """Return what the account has sent to the customer, in the order of Twitter's ids."""
        found: list[Json] = self._sandbox.get("twitter/messages", **self.pair, sender_id=self.account.id)["messages"]
        return found

    def twitter_texts(self) -> list[str]:
        return [dm["text"] for dm in self.twitter_messages()]

    # Waiting for it

    def await_ccm(self, texts: list[str], seconds: float = 20.0) -> None:
        """Wait until CCM has at least so many messages; then they must be exactly these, in this order."""
        eventually(lambda: len(self.ccm_texts()) >= len(texts), seconds, what=f"{len(texts)} messages at CCM")
        assert (found := self.ccm_texts()) == texts, f"{found} instead of {texts}"

    def await_twitter(self, texts: list[str], seconds: float = 20.0) -> None:
        """Wait until Twitter has at least so many messages; then they must be exactly these, in this order."""
        eventually(lambda: len(self.twitter_texts()) >= len(texts), seconds, what=f"{len(texts)} messages at Twitter")
        assert (found := self.twitter_texts()) == texts, f"{found} instead of {texts}"

    def await_report(self, message_id: str, seconds: float = 20.0) -> Json:
        """Wait for the delivery notification about a message; there must be one only."""
        (report,) = eventually(lambda: self.reports(message_id), seconds, what="a delivery notification")
        return report

    def await_delivered(self, count: int, seconds: float = 20.0) -> None:
        """Wait until CCM has heard about so many messages; then it must have heard of each that it is delivered."""
        eventually(lambda: len(self.reports()) >= count, seconds, what=f"{count} delivery notifications")
        assert [report["status"] for report in self.reports()] == ["DELIVERED"] * count

    def await_round_trip(self, mark: str, seconds: float = 20.0) -> None:
        """Let both sides say `mark` and wait until each has it: what was to come before has come by then."""
        self.customer_says(mark)
        reply = self.agent_says(mark)
        eventually(lambda: mark in self.ccm_texts(), seconds, what=f"{mark!r} at CCM")
        eventually(lambda: mark in self.twitter_texts(), seconds, what=f"{mark!r} at Twitter")
        self.await_report(reply["id"], seconds)
