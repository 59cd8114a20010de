"""Builds the CIM messages that CCM sends to a connector, in the shapes of newer and older releases."""

import base64
from typing import Any

from sandbox.people import User

_AGENT_ID = "3d3c86d9-3b08-4539-a5c2-a06235fc6725"


def in_new_shape(
    message_id: str, account: User, customer: User, body: dict[str, Any], now_ms: int, *, encoded: bool
) -> dict[str, Any]:
    """Return a message as releases since February 2023 send it."""
    header: dict[str, Any] = {
        "sender": {
            "id": _AGENT_ID,
            "type": "AGENT",
            "senderName": "sam",
            "additionalDetail": {"firstName": "Sam", "lastName": "Carter"},
        },
        "channelData": _channel_data(account, customer),
        "language": None,
        "timestamp": now_ms,
        "securityInfo": None,
        "stamps": None,
        "intent": None,
        "entities": None,
        "channelSessionId": f"{int(customer.id):024x}"[-24:],
        "conversationId": f"{int(account.id) ^ int(customer.id):024x}"[-24:],
        "customer": {
            "_id": f"{int(customer.id) + 1:024x}"[-24:],
            "firstName": customer.name,
            "phoneNumber": [""],
            "isAnonymous": False,
            "twitter": [customer.id],
        },
        "originalMessageId": None,
        "providerMessageId": None,
        "roomId": None,
        "schedulingMetaData": None,
    }
    if encoded:
        header["additionalData"] = {"isEncoded": True}
        text = base64.b64encode(body.get("markdownText", "").encode()).decode()
        body = {**body, "markdownText": text}
    return {"id": message_id, "header": header, "body": body}


def in_old_shape(message_id: str, account: User, customer: User, body: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """Return a message as older releases sent it: recipient and account are in the session only."""
    topic_id = "085054a8-e468-4b15-ab6d-e3d9e1c15791"
    header = {
        "timestamp": now_ms,
        "sender": {
            "id": "1694c7f2-3afd-4c8c-a68b-2d4e846da9de",
            "type": "AGENT",
            "role": "PRIMARY",
            "state": "SUBSCRIBED",
            "token": None,
            "topicId": topic_id,
            "participant": {
                "id": _AGENT_ID,
                "participantType": "CCUser",
                "keycloakUser": {"username": "sam"},
            },
        },
        "language": {},
        "securityInfo": {},
        "stamps": [],
        "intent": None,
        "entities": {},
        "channelSession": {
            "participantType": "ChannelSession",
            "id": "ff43fdd2-b35e-4214-a82d-ce75c583357f",
            "topicId": topic_id,
            "isActive": True,
            "state": "STARTED",
            "channelData": _channel_data(account, customer),
            "customer": {"firstName": customer.name, "isAnonymous": True, "twitter": [customer.id]},
            "channel": {"name": "Twitter DM", "serviceIdentifier": account.id, "channelType": {"name": "TWITTER"}},
        },
        "replyToMessageId": None,
        "providerMessageId": None,
    }
    return {"id": message_id, "header": header, "body": body}


def mark(message: dict[str, Any], message_type: str) -> None:
    """Mark a message as one of direct messages (DM) or of public posts (SM)."""
    header = message["header"]
    data = header.get("channelData") or header["channelSession"]["channelData"]
    data["additionalAttributes"] = [{"key": "MESSAGE_TYPE", "type": "String100", "value": message_type}]


def _channel_data(account: User, customer: User) -> dict[str, Any]:
    first, _, last = customer.name.partition(" ")
    return {
        "channelCustomerIdentifier": customer.id,
        "serviceIdentifier": account.id,
        "requestPriority": 0,
        "customerFirstName": first,
        "customerLastName": last or None,
        "additionalAttributes": [],
    }
