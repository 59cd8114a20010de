"""DELIVERYNOTIFICATION: our reports DELIVERED and FAILED to CIM. Of CIM's own reports only READ matters to X."""

from __future__ import annotations

from datetime import datetime

from twitter_connector.errors import ConnectorError, MediaTooLarge, Permanent
from twitter_connector.model.capabilities import EVERYTHING, Capabilities
from twitter_connector.model.json_fields import spelling
from twitter_connector.model.message import CimMessage, DeliveryNotification
from twitter_connector.model.plan import MarkRead, Skip

from ..kind import Kind, from_customers_side
from ..reports import report
from . import read_receipt


def delivered(about: CimMessage, now: datetime) -> CimMessage:
    """Return DELIVERED for a CIM message."""
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


def to_plan(message: CimMessage, public_base: str | None = None, can: Capabilities = EVERYTHING) -> MarkRead | Skip:
    """Return the read mark for READ. Every other report is a report about a report, which X has no use for."""
    if spelling(message.body.get("status")) == "read" and not from_customers_side(message):
        return read_receipt.to_plan(message)
    return Skip("ignored_deliverynotification")


# These are permanent for the message, but neither its content nor its recipient is the cause.
_OURS = {"internal_error", "worker_died", "outcome_unknown", "too_old"}

KIND = Kind(("DELIVERYNOTIFICATION",), to_plan)
