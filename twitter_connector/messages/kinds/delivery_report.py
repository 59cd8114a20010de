"""Delivery notifications: what CIM hears about its own messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid5

from twitter_connector.errors import ConnectorError, MediaTooLarge, Permanent
from twitter_connector.model.event import DmRead
from twitter_connector.model.message import CimMessage, DeliveryNotification, Header

from ..message_ids import NAMESPACE, split_name


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
    text = error.detail or error.reason
    if isinstance(error, MediaTooLarge):
        text += " Send a smaller file."
    return report(about, DeliveryNotification(about.id, "FAILED", code, text), now)


def read_reports(
    read: DmRead, sent: Mapping[str, str], now: datetime, scheduling: Mapping[str, Mapping[str, Any]]
) -> tuple[CimMessage, ...]:
    """Return READ for each CIM message the customer has now read in full, in the order they were sent.

    sent: DM id -> CIM id of what was sent to this customer. A message of several parts has been read when the last
    of those in `sent` has. scheduling: CIM id -> the message's schedulingMetaData, where it had one.
    """
    last_parts: dict[str, int] = {}
    for dm_id, cim_id in sent.items():
        last_parts[cim_id] = max(int(dm_id), last_parts.get(cim_id, 0))
    first, last = split_name(read.reader)
    header = Header(read.account_id, read.customer_id, first, last)
    return tuple(
        report(
            CimMessage(cim_id, replace(header, scheduling=scheduling.get(cim_id)), {}),
            DeliveryNotification(cim_id, "READ", "200"),
            now,
        )
        for cim_id, dm_id in sorted(last_parts.items(), key=lambda item: item[1])
        if dm_id <= int(read.last_read_event_id or 0)
    )


# Permanent for this message, but neither its content nor its recipient is to blame.
_OURS = {"internal_error", "worker_died", "outcome_unknown", "too_old"}
