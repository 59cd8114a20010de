"""Messages and configuration from CCM: check, take in, answer."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from twitter_connector.metrics import CIM_ACCEPTED
from twitter_connector.relay.intake import take_in_message
from twitter_connector.schemas.cim import load_message
from twitter_connector.web.context import services
from twitter_connector.web.errors import problem
from twitter_connector.web.guard import internal, limit_body

log = logging.getLogger(__name__)
bp = Blueprint("cim_webhook", __name__)

BODY_MAX_BYTES = 1024 * 1024


def json_body(most: int) -> Any:
    """Return the request's JSON value, of at most `most` bytes. Raises ValidationError where it is none."""
    limit_body(most)
    try:
        return json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        raise ValidationError({"_schema": ["The body is not JSON."]}) from None


# CCM appends /cim-messages to the provider webhook, and guides in use have every one of these as the webhook.
@bp.post("/cim-messages")
@bp.post("/message/receive")
@bp.post("/message/receive/cim-messages")
@bp.post("/ccm-msg/receive")
@bp.post("/ccm-msg/receive/cim-messages")
@bp.post("/")
@internal
def receive_message() -> Response:
    """Store a message for the customer and answer 202. A repeat of an id answers the same and sends nothing twice."""
    try:
        message = load_message(json_body(BODY_MAX_BYTES))
    except ValidationError:
        CIM_ACCEPTED.labels("refused").inc()
        raise
    svc = services()
    new = take_in_message(message, svc.lanes, svc.bell.ring)
    CIM_ACCEPTED.labels("accepted" if new else "duplicate").inc()
    log.info(
        "cim_message_accepted" if new else "cim_message_repeated",
        extra={"cim_id": message.id, "type": message.type, "account": message.header.account_id},
    )
    return Response(json.dumps({"messageId": message.id}), 202, content_type="application/json")


@bp.post("/connector-configurations")
@internal
def receive_configuration() -> Response:
    """Take note of a configuration CCM pushes when a channel connector is saved."""
    body = json_body(64 * 1024)
    account_id = str(body.get("serviceIdentifier") or "") if isinstance(body, dict) else ""
    if not account_id:
        raise ValidationError({"serviceIdentifier": ["Missing data for required field."]})
    known = services().accounts.get(account_id, max_age=0) is not None
    detail = (
        "The account is registered; its credentials are those of the registration."
        if known
        else "This account is not registered; register it with POST /webhook/twitter/register-and-subscribe."
    )
    return Response(
        json.dumps({"serviceIdentifier": account_id, "registered": known, "detail": detail}),
        200,
        content_type="application/json",
    )


@bp.post("/channel-type-configurations")
@internal
def receive_channel_type() -> Response:
    """Take note of the channel type an operator names."""
    body = json_body(64 * 1024)
    if not isinstance(body, dict) or not isinstance(body.get("channelTypeId"), str) or not body["channelTypeId"]:
        return problem(400, "channelTypeId, a string, is needed.", kind="invalid-request")
    return Response(json.dumps({"channelTypeId": body["channelTypeId"]}), 200, content_type="application/json")
