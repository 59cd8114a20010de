"""Gives a conversation its key, where the customer wrote first and no key can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import Endpoint, Permanent

from .calls import ChatCalls
from .codec import Session
from .keyring import Keyring


def give_key(calls: ChatCalls, writer: Session, keyring: Keyring, customer_id: str) -> None:
    """Make a key, send it to both participants through X, and add it to the keyring.

    Raises Permanent(chat_customer_without_keys) if X has no public keys of the customer.
    """
    people = keyring.present.public_keys
    if not any(key.user_id == customer_id for key in people):
        raise Permanent(
            "chat_customer_without_keys",
            "X has no X Chat keys of the customer, so an encrypted message cannot be sent. Answer in the X app.",
        )
    change = writer.new_key(people, customer_id)
    body = {
        "conversation_key_version": change["conversation_key_version"],
        "conversation_participant_keys": [
            {
                "user_id": key["user_id"],
                "encrypted_conversation_key": key["encrypted_key"],
                "public_key_version": key["public_key_version"],
            }
            for key in change["participant_keys"]
        ],
        "action_signatures": [_signed(signature) for signature in change["action_signatures"]],
    }
    calls.post(customer_id, "keys", body, Endpoint.SHOW)
    keyring.add({change["conversation_key_version"]: bytes(change["conversation_key"])})


def _signed(action: Mapping[str, Any]) -> dict[str, Any]:
    names = ("signature", "public_key_version", "signature_version")
    return {
        "message_id": action["message_id"],
        "encoded_message_event_detail": action["encoded_message_event_detail"],
        "message_event_signature": {name: action[name] for name in names},
    }
