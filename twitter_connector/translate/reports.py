"""Delivery notifications: what CIM hears about its own messages. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid5

from twitter_connector.errors import ConnectorError, Permanent
from twitter_connector.model.cim import CimMessage, DeliveryNotification
from twitter_connector.translate.inbound import NAMESPACE


def report(about: CimMessage, notification: DeliveryNotification, now: datetime) -> CimMessage:
    """Return the message that tells CCM. Its id depends on message and status only, so a repeat is recognised.

    Stored reports of other connectors repeat the CIM id in `providerMessageId`; so does this one.
    """
    header = replace(
        about.header,
        timestamp=now,
        sender_type="CONNECTOR",
        intent=None,
        entities={},
        original_message_id=None,
        provider_message_id=notification.message_id,
        encoded=False,
    )
    body = {
        "type": "DELIVERYNOTIFICATION",
        "markdownText": notification.text,
        "messageId": notification.message_id,
        "status": notification.status,
        "reasonCode": notification.reason_code,
    }
    return CimMessage(str(uuid5(NAMESPACE, f"{notification.message_id}:{notification.status}")), header, body)


def delivered(about: CimMessage, now: datetime) -> CimMessage:
    return report(about, DeliveryNotification(about.id, "DELIVERED", "200"), now)


def failed(about: CimMessage, error: ConnectorError, now: datetime) -> CimMessage:
    """Return FAILED with the reason code CIM's documents give to each cause, and the sentence an agent reads."""
    code = "404" if error.reason == "unknown_account" else "400" if isinstance(error, Permanent) else "500"
    if error.reason in _OURS:
        code = "500"
    return report(about, DeliveryNotification(about.id, "FAILED", code, error.detail or error.reason), now)


# Permanent for this message, but neither its content nor its recipient is to blame.
_OURS = {"internal_error", "worker_died", "outcome_unknown", "too_old"}
