"""Control API for one message: X's event, the CIM message, and its journey through the connector."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.ccm.desk import Reply
from sandbox.control.post_details import events_of_post, of_post, provider_id
from sandbox.control.request_fields import Refusal, blueprint
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.dm import Dm
from sandbox.x_chat.records import ChatEvent
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
        if encrypted := sandbox.chat.conversations.get(event_id):
            return jsonify(_of_encrypted(sandbox, encrypted))
        dm, post = sandbox.mailbox.get(event_id), sandbox.post_store.get(event_id)
        if post is not None:
            return jsonify(of_post(sandbox, post))
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
        replies = [reply for one in ids if (reply := sandbox.desk.get(str(one)))] or _replies_with_text(
            sandbox, dm.sender_id, dm.recipient_id, dm.text
        )
        messages = [reply.message for reply in replies]
    else:
        received = sandbox.inbox.since(0)
        messages = [one.message for one in received if provider_id(one.message) == dm.id]
    return {"x_events": [_event(sandbox, dm)], "cim_messages": messages, "journey": journey}


def _of_encrypted(sandbox: Sandbox, event: ChatEvent) -> dict[str, Any]:
    """Return the same of an encrypted message. Either of its ids may be the connector's."""
    ids = (event.sequence_id, event.message_id)
    journey = next((found for one in ids if (found := sandbox.connector.journey(one))), None)
    if event.by_account:
        account_id, customer_id = event.sender_id, event.recipient_id
        replies = [sandbox.desk.get(str(one)) for one in (journey or {}).get("cim_ids", [])]
        messages = [reply.message for reply in replies if reply]
        if not messages:
            text = sandbox.chat.phone.text(event)
            messages = [reply.message for reply in _replies_with_text(sandbox, account_id, customer_id, text)]
    else:
        account_id = event.recipient_id
        messages = [one.message for one in sandbox.inbox.since(0) if provider_id(one.message) in ids]
    shown = sandbox.chat.delivery.shown(event, account_id)
    return {"x_events": [shown], "cim_messages": messages, "journey": journey}


def _of_reply(sandbox: Sandbox, reply: Reply) -> dict[str, Any]:
    journey = sandbox.connector.journey(reply.id)
    ids = (journey or {}).get("x_ids", [])
    dms = [dm for one in ids if (dm := sandbox.mailbox.get(str(one)))]
    chats = sandbox.chat.conversations
    encrypted = [event for one in ids if (event := chats.find(reply.account_id, str(one)))]
    if encrypted:
        events = [sandbox.chat.delivery.shown(event, reply.account_id) for event in encrypted]
        return {"x_events": events, "cim_messages": [reply.message], "journey": journey}
    posts = [post for one in ids if (post := sandbox.post_store.get(str(one)))]
    if not dms and not posts:
        sent = sandbox.mailbox.between(reply.account_id, reply.customer_id)
        dms = [dm for dm in sent if dm.by_account and dm.text == reply.body.get("markdownText")][-1:]
    events = [_event(sandbox, dm) for dm in dms] + [each for post in posts for each in events_of_post(sandbox, post)]
    return {"x_events": events, "cim_messages": [reply.message], "journey": journey}


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


def _replies_with_text(sandbox: Sandbox, account_id: str, customer_id: str, text: str | None) -> list[Reply]:
    """Return the latest reply with the text of a message, for a connector without a message log."""
    replies = sandbox.desk.conversation(account_id, customer_id)
    return [reply for reply in replies if text and reply.body.get("markdownText") == text][-1:]
