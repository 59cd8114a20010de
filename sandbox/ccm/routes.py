"""Routes of CCM: messages from the connector, configurations, channel types and channels."""

import time
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.ccm.validation import complaints
from sandbox.people import User
from sandbox.server import caller_has_gone, reset
from sandbox.state import Sandbox, the_sandbox

ccm = Blueprint("ccm", __name__, url_prefix="/ccm")

_SILENCE_SECONDS = 120.0
CHANNEL_TYPE = {
    "id": "6169",
    "name": "TWITTER",
    "channelLogo": "_TWITTER.svg",
    "isInteractive": False,
    "mediaRoutingDomain": None,
}


@ccm.post("/message/receive")
def receive() -> ResponseReturnValue:
    """Accept a message, a delivery report or a typing notification."""
    sandbox = the_sandbox()
    message: Any = request.get_json(silent=True)
    problems = list(complaints(message))
    if problems:
        g.ccm_record = sandbox.inbox.record(message, accepted=False, status=400)
        body = {"status": 400, "error": "Bad Request", "message": "; ".join(problems), "path": "/message/receive"}
        return jsonify(body), 400
    account = sandbox.directory.users.get(message["header"]["channelData"]["serviceIdentifier"])
    if account is None or not account.business:
        g.ccm_record = sandbox.inbox.record(message, accepted=False, status=200)
        return jsonify(_notification(message, "FAILED", 404, "The service identifier is not a channel"))
    g.ccm_record = sandbox.inbox.record(message, accepted=True, status=202)
    _take_effect(sandbox, message)
    if sandbox.settings.ccm_answer == "delivered":
        return jsonify(_notification(message, "DELIVERED", 200, ""))
    return "", 202


@ccm.get("/channel-connectors/configurations/<account_id>")
def configuration(account_id: str) -> ResponseReturnValue:
    """Return the provider attributes of a channel."""
    attributes = _configuration(the_sandbox(), account_id)
    return jsonify(attributes) if attributes else (jsonify(status=404, error="Not Found"), 404)


@ccm.get("/channel-types")
def channel_types() -> ResponseReturnValue:
    """List the channel types; TWITTER may be missing, and the answer may be an error, as the settings say."""
    sandbox = the_sandbox()
    refusal = _channel_types_refused(sandbox, {"401", "403", "404"})
    if refusal is not None:
        return refusal
    if sandbox.settings.ccm_channel_types in {"missing", "409"} and not sandbox.inbox.channel_type_added:
        return jsonify([{**CHANNEL_TYPE, "id": "6168", "name": "WEB", "channelLogo": "_WEB.svg"}])
    return jsonify([CHANNEL_TYPE])


@ccm.post("/channel-types")
def add_channel_type() -> ResponseReturnValue:
    """Create a channel type."""
    sandbox = the_sandbox()
    refusal = _channel_types_refused(sandbox, {"401", "403", "404", "409"})
    if refusal is not None:
        return refusal
    payload: Any = request.get_json(silent=True)
    if not isinstance(payload, dict) or payload.get("name") != CHANNEL_TYPE["name"]:
        return jsonify(status=400, error="Bad Request", message="name: must be a channel type"), 400
    if sandbox.settings.ccm_channel_types == "present" or sandbox.inbox.channel_type_added:
        return jsonify(status=409, error="Conflict"), 409
    sandbox.inbox.channel_type_added = True
    return jsonify({**CHANNEL_TYPE, **payload}), 201


@ccm.get("/channels")
def channels() -> ResponseReturnValue:
    """List the channels: one for each business account."""
    sandbox = the_sandbox()
    accounts = sandbox.directory.accounts()
    return jsonify([_channel(sandbox, one) for one in accounts if not sandbox.configurations.without_channel(one.id)])


@ccm.get("/channels/service-identifier/<account_id>")
def channel(account_id: str) -> ResponseReturnValue:
    """Return the channel of an account."""
    sandbox = the_sandbox()
    account = sandbox.directory.users.get(account_id)
    if account is None or not account.business or sandbox.configurations.without_channel(account_id):
        return jsonify(status=404, error="Not Found"), 404
    return jsonify(_channel(sandbox, account))


def _channel_types_refused(sandbox: Sandbox, statuses: set[str]) -> ResponseReturnValue | None:
    """Return the error that the setting asks for; with "silence" no answer comes for two minutes."""
    setting = sandbox.settings.ccm_channel_types
    if setting == "silence":
        until = time.monotonic() + _SILENCE_SECONDS
        while time.monotonic() < until and not caller_has_gone(request.environ):
            time.sleep(0.1)
        reset(request.environ)
    if setting in statuses:
        return jsonify(status=int(setting), error=HTTPStatus(int(setting)).phrase), int(setting)
    return None


def _take_effect(sandbox: Sandbox, message: dict[str, Any]) -> None:
    header, body = message["header"], message["body"]
    kind = body["type"]
    if kind == "DELIVERYNOTIFICATION":
        sandbox.desk.report(body["messageId"], body["status"], body["markdownText"])
        return
    if kind == "NOTIFICATION":
        if body["notificationType"] == "TYPING_STARTED":
            channel_data = header["channelData"]
            typing = {
                "side": "desk",
                "account_id": channel_data["serviceIdentifier"],
                "customer_id": channel_data["channelCustomerIdentifier"],
            }
            sandbox.feed.publish("typing", typing)
        return
    provider_id = str(header.get("providerMessageId"))
    if kind == "COMMENT":
        sandbox.post_store.reached_desk(provider_id)
        return
    dm = sandbox.mailbox.get(provider_id)
    if dm is not None and not dm.by_account:
        sandbox.mailbox.advance(dm, "delivered")
    encrypted = sandbox.chat.conversations.find(header["channelData"]["channelCustomerIdentifier"], provider_id)
    if encrypted is not None and not encrypted.by_account:
        sandbox.chat.conversations.advance(encrypted, "delivered")


def _notification(message: dict[str, Any], status: str, code: int, text: str) -> dict[str, Any]:
    return {
        "type": "DELIVERYNOTIFICATION",
        "markdownText": text,
        "messageId": message.get("id"),
        "status": status,
        "reasonCode": code,
    }


def _configuration(sandbox: Sandbox, account_id: str) -> list[dict[str, str]]:
    token = sandbox.directory.token_of(account_id)
    present: dict[str, str] = {}
    if token is not None:
        app = sandbox.directory.apps[token.app_id]
        present = {
            "API-KEY": app.consumer_key,
            "API-KEY-SECRET": app.consumer_secret,
            "ACCESS-TOKEN": token.token,
            "ACCESS-TOKEN-SECRET": token.secret,
        }
    attributes = sandbox.configurations.of(account_id, present)
    return [{"key": key, "type": "String2000", "value": value} for key, value in attributes.items()]


def _channel(sandbox: Sandbox, account: User) -> dict[str, Any]:
    return {
        "id": f"{int(account.id):024x}"[-24:],
        "name": f"Twitter DM @{account.screen_name}",
        "serviceIdentifier": account.id,
        "tenant": {"id": "2df1fe74-143f-4bd9-ab17-cb481adfb345", "name": None},
        "channelType": CHANNEL_TYPE,
        "channelConfig": {"channelMode": "HYBRID", "customerActivityTimeout": 180},
        "channelConnector": {
            "name": "Twitter Channel Connector",
            "channelProviderInterface": {
                "name": "Twitter Channel Provider",
                "providerWebhook": sandbox.options.connector_url,
            },
            "channelProviderConfigs": _configuration(sandbox, account.id),
        },
    }
