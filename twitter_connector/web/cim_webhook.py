"""The routes on which CCM posts messages: check, store, answer. Configuration comes to channel_configuration.py."""

from __future__ import annotations

import json
import logging

from flask import Blueprint, Response
from marshmallow import ValidationError

from twitter_connector.cim.envelope import load_message
from twitter_connector.delivery.intake import take_in_message
from twitter_connector.metrics import CIM_ACCEPTED

from .access import internal
from .context import services
from .request_body import json_body

log = logging.getLogger(__name__)
bp = Blueprint("cim_webhook", __name__)

BODY_MAX_BYTES = 1024 * 1024


# CCM appends /cim-messages to the provider webhook, and each of these is named as the webhook in some guide.
@bp.post("/cim-messages")
@bp.post("/message/receive")
@bp.post("/message/receive/cim-messages")
@bp.post("/ccm-msg/receive")
@bp.post("/ccm-msg/receive/cim-messages")
@bp.post("/")
@internal
def receive_message() -> Response:
    """Store a message for the customer and answer 202. A repeated id gets the same answer and is not sent again."""
    try:
        message = load_message(json_body(BODY_MAX_BYTES))
    except ValidationError:
        CIM_ACCEPTED.labels("refused").inc()
        raise
    svc = services()
    new = take_in_message(message, svc.inbox)
    CIM_ACCEPTED.labels("accepted" if new else "duplicate").inc()
    log.info(
        "cim_message_accepted" if new else "cim_message_repeated",
        extra={
            "cim_id": message.id,
            "type": message.type,
            "account": message.header.account_id,
            "customer": message.header.customer_id,
        },
    )
    return Response(json.dumps({"messageId": message.id}), 202, content_type="application/json")
