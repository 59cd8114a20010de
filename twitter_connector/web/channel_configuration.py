"""The routes for configuration from CCM and operators: check, store, answer. Calls no other side."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from twitter_connector.cim.channel_configuration import load_channel_type, load_push

from .access import internal
from .context import services
from .request_body import INTERNAL_BODY_MAX_BYTES, json_body

bp = Blueprint("configuration", __name__)


@bp.post("/connector-configurations")
@internal
def receive_configuration() -> Response:
    """Take over the credentials CCM pushes when a channel connector is saved. Answer 200 for an account that nobody
    registered, too: CCM saves its configuration in any case, and the answer says what to do."""
    configuration = load_push(json_body(INTERNAL_BODY_MAX_BYTES))
    return jsonify(services().configure.push(configuration).as_json())


@bp.post("/channel-type-configurations")
@internal
def receive_channel_type() -> Response:
    """Store the channel type id that an operator names."""
    channel_type_id = load_channel_type(json_body(INTERNAL_BODY_MAX_BYTES))
    services().configure.name_channel_type(channel_type_id)
    return jsonify({"channelTypeId": channel_type_id})
