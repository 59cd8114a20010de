"""Read receipts: an agent has read (READ from CIM), the customer has read (X's read event)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from twitter_connector.model.event import DmRead
from twitter_connector.model.json_fields import text_in
from twitter_connector.model.message import CimMessage, DeliveryNotification, Header
from twitter_connector.model.plan import MarkRead, Skip

from ..message_ids import split_name
from ..reports import report


def to_plan(message: CimMessage) -> MarkRead | Skip:
    """Return the read mark for the message that an agent has read. CIM sends it as a DELIVERYNOTIFICATION."""
    message_id = text_in(message.body, "messageId")
    return MarkRead(message_id) if message_id else Skip("read_names_no_message")


def read_report(delivered: CimMessage, now: datetime) -> CimMessage:
    """Return READ for the message of which `delivered` is the report DELIVERED."""
    cim_id = text_in(delivered.body, "messageId")
    return report(CimMessage(cim_id, delivered.header, {}), DeliveryNotification(cim_id, "READ", "200"), now)


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
