"""Control API for one message: X's event, the CIM message, and its journey through the connector."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.ccm.desk import Reply
from sandbox.control.request_fields import Refusal, blueprint
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.dm import Dm
from sandbox.x_v2.dm_events import DmEvents, asked_for

message_details = blueprint("message_details")

_FIELDS = {
    "dm_event.fields": "id,text,event_type,created_at,dm_conversation_id,sender_id,attachments,entities",
    "expansions": "sender_id,attachments.media_keys",
}


@message_details.get("/message")
def details() -> ResponseReturnValue:
    """Return `x_events`, `cim_messages` and `journey` of the message with this `event_id` (X) or `message_id` (CIM).

    `journey` is null if the connector knows nothing of the message, or has no message log.
    """
    sandbox = the_sandbox()
    if event_id := request.args.get("event_id"):
        dm = sandbox.mailbox.get(event_id)
        if dm is None:
            raise Refusal("event_id: there is no such message", 404)
        return jsonify(_of_dm(sandbox, dm))
    reply = sandbox.desk.get(request.args.get("message_id", ""))
    if reply is None:
        raise Refusal("message_id: there is no such reply", 404)
    return jsonify(_of_reply(sandbox, reply))


def _of_dm(sandbox: Sandbox, dm: Dm) -> dict[str, Any]:
    journey = sandbox.connector.journey(dm.id)
    if dm.by_account:
        ids = (journey or {}).get("cim_ids", [])
        replies = [reply for one in ids if (reply := sandbox.desk.get(str(one)))] or _replies_with_text(sandbox, dm)
        messages = [reply.message for reply in replies]
    else:
        received = sandbox.inbox.since(0)
        messages = [one.message for one in received if _provider_id(one.message) == dm.id]
    return {"x_events": [_event(sandbox, dm)], "cim_messages": messages, "journey": journey}


def _of_reply(sandbox: Sandbox, reply: Reply) -> dict[str, Any]:
    journey = sandbox.connector.journey(reply.id)
    ids = (journey or {}).get("x_ids", [])
    dms = [dm for one in ids if (dm := sandbox.mailbox.get(str(one)))]
    if not dms:
        sent = sandbox.mailbox.between(reply.account_id, reply.customer_id)
        dms = [dm for dm in sent if dm.by_account and dm.text == reply.body.get("markdownText")][-1:]
    return {"x_events": [_event(sandbox, dm) for dm in dms], "cim_messages": [reply.message], "journey": journey}


def _event(sandbox: Sandbox, dm: Dm) -> dict[str, Any]:
    """Return a message as the account's connector gets it: an activity event, a v1.1 body, or a lookup's entry."""
    account_id = dm.sender_id if dm.by_account else dm.recipient_id
    for subscription in sandbox.v2.subscriptions.of_user(account_id, "dm.sent" if dm.by_account else "dm.received"):
        return sandbox.v2_activity.message_envelope(subscription, dm, account_id)
    token = sandbox.directory.token_of(account_id)
    of_v2 = token is not None and sandbox.directory.apps[token.app_id].api == "v2"
    if not of_v2 or sandbox.v2.account_activity.of_user(account_id):
        return sandbox.bodies.message(dm, account_id)
    asked = asked_for(_FIELDS, sender_id_known=True)
    return DmEvents(sandbox.directory, sandbox.message_context).page([dm], asked)


def _replies_with_text(sandbox: Sandbox, dm: Dm) -> list[Reply]:
    """Return the latest reply with the text of a message, for a connector without a message log."""
    replies = sandbox.desk.conversation(dm.sender_id, dm.recipient_id)
    return [reply for reply in replies if dm.text and reply.body.get("markdownText") == dm.text][-1:]


def _provider_id(message: Any) -> str | None:
    header = message.get("header") if isinstance(message, dict) else None
    return header.get("providerMessageId") if isinstance(header, dict) else None
