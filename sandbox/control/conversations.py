"""Control API for conversations: what customer, brand and agent do, and the events the page listens to."""

import json
import time
import uuid
from typing import Any

from flask import Response, jsonify, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from sandbox.ccm import desk, messages
from sandbox.control import x_chat
from sandbox.control.request_fields import Refusal, account_in, blueprint, body_fields, customer_in, flag, integer
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.dm import WEB_APP
from sandbox.twitter.errors import TwitterError
from sandbox.twitter.media import Media
from sandbox.twitter.post import receive, send
from sandbox.twitter.validation import Draft

conversation = blueprint("conversation")


@conversation.post("/customer/messages")
def customer_writes() -> ResponseReturnValue:
    """Let a customer write: text, a file, a quick reply, a place."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    delivery = {**sandbox.switches.delivery(), **fields}
    if _is_encrypted(sandbox, fields, account.id, customer.id):
        return jsonify(x_chat.write(sandbox, account, customer, fields, x_chat.delivery_of(delivery))), 201
    said: dict[str, Any] = {"text": str(fields.get("text") or "")}
    if "media_file" in request.files:
        media = upload(sandbox, customer.id, request.files["media_file"], fields.get("media_type"), "dm")
        said |= {"media_id": media.id, "media_mime": media.shown_mime, "media_kind": media.kind}
    if (metadata := fields.get("quick_reply_metadata")) is not None:
        said["quick_reply_response"] = {"type": "options", "metadata": str(metadata)}
    if location := fields.get("location"):
        said["location"] = _location(location)
    if initiated_via := fields.get("initiated_via"):
        said["initiated_via"] = initiated_via
    if not any(said.values()):
        raise Refusal("text, media_file or location is missing")
    dm = receive(
        sandbox,
        customer,
        account,
        said,
        times=integer(delivery, "repeat_delivery", 1),
        swap=flag(delivery, "swap", default=False),
        deliver=flag(delivery, "deliver", default=True),
    )
    return jsonify(sandbox.mailbox.show(dm)), 201


@conversation.post("/customer/messages/again")
def customer_repeats() -> ResponseReturnValue:
    """Let a customer send an earlier message once more, as a new one."""
    sandbox = the_sandbox()
    dm = sandbox.mailbox.get(str(body_fields().get("event_id")))
    if dm is None or dm.by_account:
        raise Refusal("event_id: there is no such message of a customer", 404)
    names = ("text", "media_id", "media_mime", "media_kind", "location", "quick_reply_response")
    users = sandbox.directory.users
    said = {name: getattr(dm, name) for name in names}
    repeated = receive(sandbox, users[dm.sender_id], users[dm.recipient_id], said)
    return jsonify(sandbox.mailbox.show(repeated)), 201


@conversation.post("/customer/typing")
def customer_types() -> ResponseReturnValue:
    """Let a customer type."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    if _is_encrypted(sandbox, fields, account.id, customer.id):
        # X tells nobody of typing in an encrypted conversation.
        return "", 204
    sandbox.activity.indicate_typing(customer.id, account.id, str(int(time.time() * 1000)))
    return "", 204


@conversation.post("/customer/read")
def customer_reads() -> ResponseReturnValue:
    """Let a customer read up to a message, or up to the account's latest."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    x_chat.read(sandbox, account, customer)
    written = [dm for dm in sandbox.mailbox.between(account.id, customer.id) if dm.sender_id == account.id]
    dm_id = str(fields.get("event_id") or (written[-1].id if written else ""))
    if not dm_id:
        if sandbox.chat.conversations.between(account.id, customer.id):
            return "", 204
        raise Refusal("there is nothing to read")
    sandbox.mailbox.read_up_to(customer.id, account.id, dm_id)
    sandbox.activity.mark_read(customer.id, account.id, str(int(time.time() * 1000)), dm_id)
    return jsonify(last_read_event_id=dm_id)


@conversation.post("/account/native-message")
def brand_writes() -> ResponseReturnValue:
    """Let the brand answer in X's own app, not through the contact centre."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    if _is_encrypted(sandbox, fields, account.id, customer.id):
        return jsonify(x_chat.native_message(sandbox, account, customer, str(fields.get("text") or ""))), 201
    try:
        dm = send(sandbox, account, Draft(customer.id, str(fields.get("text") or "")), WEB_APP["id"])
    except TwitterError as problem:
        raise Refusal(f"X refused: {problem.message}", 409) from None
    return jsonify(sandbox.mailbox.show(dm)), 201


@conversation.post("/agent/messages")
def agent_writes() -> ResponseReturnValue:
    """Let CCM send a CIM message to the connector."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    body = fields.get("body") or {"type": "PLAIN", "markdownText": str(fields.get("text") or "")}
    if not isinstance(body, dict):
        raise Refusal("body must be an object")
    message_id = str(fields.get("id") or uuid.uuid4())
    now_ms = int(time.time() * 1000)
    if fields.get("shape", "new") == "old":
        message = messages.in_old_shape(message_id, account, customer, body, now_ms)
    else:
        encoded = flag(fields, "encoded", default=False)
        message = messages.in_new_shape(message_id, account, customer, body, now_ms, encoded=encoded)
    if message_type := fields.get("message_type") or ("SM" if body.get("type") == "COMMENT" else None):
        messages.mark(message, str(message_type))
    message["header"].update(fields.get("header") or {})
    path = str(fields.get("path", "/cim-messages"))
    reply = sandbox.desk.send(message, account.id, customer.id, body, path)
    return jsonify(desk.show(reply))


@conversation.get("/conversation")
def snapshot() -> ResponseReturnValue:
    """Return both sides of a conversation, and the public posts around it."""
    sandbox = the_sandbox()
    account, customer = account_in(dict(request.args)), customer_in(dict(request.args))
    phone = [sandbox.mailbox.show(dm) for dm in sandbox.mailbox.between(account.id, customer.id)]
    phone = sorted([*phone, *sandbox.chat.phone.entries(account.id, customer.id)], key=lambda dm: int(dm["id"]))
    replies = [
        desk.show(reply)
        for reply in sandbox.desk.conversation(account.id, customer.id)
        if reply.body.get("type") not in {"NOTIFICATION", "DELIVERYNOTIFICATION"}
    ]
    entries = [*sandbox.inbox.conversation(account.id, customer.id), *replies]
    posts = _posts(sandbox, account.id, customer.id)
    return jsonify(phone=phone, desk=sorted(entries, key=lambda entry: entry["at"]), posts=posts)


@conversation.get("/media/<media_id>")
def media(media_id: str) -> ResponseReturnValue:
    """Return the bytes of an upload without authentication; with `uploaded=true` as they were uploaded."""
    sandbox = the_sandbox()
    upload = sandbox.media.get(media_id)
    if upload is None or not sandbox.media.path(upload).exists():
        raise Refusal("there is no such upload", 404)
    if flag(dict(request.args), "uploaded", default=False):
        return send_file(sandbox.media.path(upload).resolve(), mimetype=upload.mime, conditional=True)
    return send_file(sandbox.media.shown(upload).resolve(), mimetype=upload.shown_mime, conditional=True)


@conversation.get("/events")
def feed() -> ResponseReturnValue:
    """Send every change from now on as server-sent events."""
    return Response(the_sandbox().feed.listen(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


def upload(sandbox: Sandbox, owner_id: str, file: FileStorage, mime: Any, use: str) -> Media:
    """Upload a file for a user. use: `dm` or `tweet`, the first part of the category."""
    mime = str(mime or file.mimetype)
    category = f"{use}_image"
    if mime.startswith("video/"):
        category = f"{use}_video"
    elif mime == "image/gif":
        category = f"{use}_gif"
    try:
        return sandbox.media.put(owner_id, mime, category, file.stream, instantly=True)
    except TwitterError as problem:
        raise Refusal(f"X refused the file: {problem.message}", 415) from None


def _posts(sandbox: Sandbox, account_id: str, customer_id: str) -> list[dict[str, Any]]:
    """Return the threads that the account or the customer takes part in, or that name the account."""
    shown = sandbox.post_store.shown()
    threads = {
        post.conversation_id
        for post in shown
        if post.author_id in {account_id, customer_id} or account_id in post.mentioned_ids
    }
    return [sandbox.post_store.show(post) for post in shown if post.conversation_id in threads]


def _location(asked_for: Any) -> dict[str, Any]:
    """Read {"latitude", "longitude"} or X's own form, as an object or as JSON text in a form field."""
    try:
        place = json.loads(asked_for) if isinstance(asked_for, str) else asked_for
        if "type" in place:
            return dict(place)
        point = {"type": "Point", "coordinates": [float(place["longitude"]), float(place["latitude"])]}
    except (KeyError, TypeError, ValueError):
        raise Refusal("location must have latitude and longitude") from None
    return {"type": "shared_coordinate", "shared_coordinate": {"coordinates": point}}


def _is_encrypted(sandbox: Sandbox, fields: dict[str, Any], account_id: str, customer_id: str) -> bool:
    """Whether a message is one of X Chat: as X decides, or as `encrypted` asks."""
    possible = sandbox.chat.is_encrypted(account_id, customer_id)
    asked = flag(fields, "encrypted", default=possible)
    if asked and not possible:
        raise Refusal("encrypted: X Chat is not on for this customer and this account", 409)
    return asked
