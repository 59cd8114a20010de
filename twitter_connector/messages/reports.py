"""The form that delivery reports and read receipts share."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid5

from twitter_connector.model.message import CimMessage, DeliveryNotification

from .message_ids import NAMESPACE


def report(about: CimMessage, notification: DeliveryNotification, now: datetime) -> CimMessage:
    """Return a DELIVERYNOTIFICATION for CCM. Its id depends on message and status only, so CCM recognises a repeat.

    `providerMessageId` is the CIM id, as in the stored reports of other connectors.
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
