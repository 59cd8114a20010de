"""The brand's side of X Chat for tests of the sandbox: an app with the library and the account's key file."""

import base64
from pathlib import Path
from typing import Any

import requests
from sandbox_process import CUSTOMER, V2_ACCOUNT, V2_PAIR, Sandbox


class Brand:
    """Reads and writes as the demo account of API v2, with keys that the sandbox made for it."""

    def __init__(self, sandbox: Sandbox) -> None:
        from chat_xdk import Chat

        self.sandbox = sandbox
        state = sandbox.post("x-chat", **V2_PAIR)
        self.version: str = state["key_version"]
        self.chat = Chat()
        self.chat.import_keys(base64.b64decode(Path(state["key_file"]).read_text("ascii")), self.version)
        self.chat.set_identity(V2_ACCOUNT, self.version)
        self.keys: dict[str, bytes] = {}

    def public_keys(self) -> list[dict[str, str]]:
        """Return the signing keys of both parties as the library takes them."""
        return [
            {
                "user_id": user_id,
                "public_key_version": one["public_key_version"],
                "public_key": one["signing_public_key"],
                "identity_public_key": one["public_key"],
                "identity_public_key_signature": one["identity_public_key_signature"],
            }
            for user_id in (V2_ACCOUNT, CUSTOMER)
            for one in self.sandbox.as_user("GET", f"/2/users/{user_id}/public_keys").json()["data"]
        ]

    def learn(self, *key_changes: str) -> None:
        """Take the conversation keys of verified changes."""
        result = self.chat.decrypt_events(list(key_changes), self.public_keys())
        assert result["errors"] == {}, result["errors"]
        self.keys |= result["conversation_keys"]["keys"]

    def read(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a verified event decrypted. Raises ValueError."""
        if change := payload.get("conversation_key_change_event"):
            self.learn(change)
        event: dict[str, Any] = self.chat.decrypt_event(payload["encoded_event"], self.keys, self.public_keys())
        return event

    def history(self, **query: Any) -> dict[str, Any]:
        """Return a page of the conversation's events as X answers it."""
        answer = self.sandbox.as_user("GET", f"/2/chat/conversations/{CUSTOMER}/events", params=query)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def catch_up(self) -> None:
        """Learn the latest conversation key from the history."""
        self.learn(*self.history()["meta"]["conversation_key_events"])

    def body(self, text: str, **more: Any) -> dict[str, str]:
        """Return the body of a message, encrypted with the latest key that is known."""
        version = max(self.keys, key=int)
        key = {"conversation_key": self.keys[version], "conversation_key_version": version}
        reply_to = more.pop("reply_to", None)
        if reply_to is None:
            payload = self.chat.encrypt_message(CUSTOMER, text, **key, **more)
        else:
            changes = self.history()["meta"]["conversation_key_events"]
            payload = self.chat.encrypt_reply(CUSTOMER, text, reply_to, reply_to_ckces=changes, **key, **more)
        return {
            "message_id": payload.message_id,
            "encoded_message_create_event": payload.encrypted_content,
            "encoded_message_event_signature": payload.encoded_event_signature,
        }

    def send(self, body: dict[str, str]) -> requests.Response:
        """Post a message."""
        return self.sandbox.as_user("POST", f"/2/chat/conversations/{CUSTOMER}/messages", json=body)

    def phone(self) -> list[dict[str, Any]]:
        """Return what the customer's phone shows."""
        shown: list[dict[str, Any]] = self.sandbox.get("conversation", **V2_PAIR)["phone"]
        return shown
