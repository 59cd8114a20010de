"""Control API for X Chat: who has keys, and what a customer does in an encrypted conversation."""

from pathlib import Path
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import demo
from sandbox.control.request_fields import Refusal, account_in, blueprint, body_fields, customer_in, flag, integer
from sandbox.people import User
from sandbox.state import Sandbox, the_sandbox
from sandbox.x_chat.library import MISSING, is_installed
from sandbox.x_chat.people import SPOILED, File
from sandbox.x_chat.posting import Dispatch
from sandbox.x_chat.records import ChatEvent

x_chat = blueprint("x_chat")


@x_chat.get("/x-chat")
def show() -> ResponseReturnValue:
    """Return `missing` (what to install, or ""), and with `account_id` and `customer_id` how these two write."""
    missing = "" if is_installed() else MISSING
    if "account_id" not in request.args:
        return jsonify(missing=missing)
    fields = dict(request.args)
    account, customer = account_in(fields), customer_in(fields)
    return jsonify({"missing": missing, **_state(the_sandbox(), account, customer)})


@x_chat.post("/x-chat")
def switch() -> ResponseReturnValue:
    """Turn X Chat on or off for a customer. `on` also gives the account keys at X if it has none."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    if flag(fields, "on", default=True):
        for user in (customer, account):
            if sandbox.chat.keys.newest(user.id) is None:
                give_keys(sandbox, user)
        sandbox.chat.devices.use(customer.id, True)
    else:
        sandbox.chat.devices.use(customer.id, False)
    sandbox.feed.publish("x-chat", {})
    return jsonify(_state(sandbox, account, customer)), 201


@x_chat.post("/x-chat/keys")
def new_keys() -> ResponseReturnValue:
    """Give an account or a customer new keys at X, as a new phone does. Returns version and key file."""
    sandbox, fields = the_sandbox(), body_fields()
    user = account_in(fields) if "account_id" in fields else customer_in(fields)
    give_keys(sandbox, user)
    newest = sandbox.chat.keys.newest(user.id)
    return jsonify(key_version=newest.version if newest else None, key_file=_key_file(sandbox, user)), 201


@x_chat.post("/x-chat/conversation-key")
def new_conversation_key() -> ResponseReturnValue:
    """Let the customer's phone change the key of the conversation."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    return jsonify(conversation_key_version=sandbox.chat.people.change_key(customer.id, account.id)), 201


@x_chat.post("/x-chat/reaction")
def react() -> ResponseReturnValue:
    """Let the customer react to a message with `emoji`, or take the reaction away with `removed`."""
    sandbox, fields = the_sandbox(), body_fields()
    target, emoji = _event(sandbox, fields), str(fields.get("emoji") or "👍")
    removed = flag(fields, "removed", default=False)
    event = sandbox.chat.people.react(customer_of(target), target, emoji, removed=removed)
    return jsonify(event_id=event.sequence_id), 201


@x_chat.post("/x-chat/edit")
def edit() -> ResponseReturnValue:
    """Let the customer change the text of a message."""
    sandbox, fields = the_sandbox(), body_fields()
    event = sandbox.chat.people.edit(_own(sandbox, fields), str(fields.get("text") or ""))
    return jsonify(event_id=event.sequence_id), 201


@x_chat.post("/x-chat/deletion")
def delete() -> ResponseReturnValue:
    """Let the customer delete a message for both."""
    sandbox, fields = the_sandbox(), body_fields()
    return jsonify(event_id=sandbox.chat.people.delete(_own(sandbox, fields)).sequence_id), 201


@x_chat.post("/x-chat/unknown-event")
def unknown_event() -> ResponseReturnValue:
    """Send an event of a kind that nobody knows."""
    sandbox, fields = the_sandbox(), body_fields()
    account, customer = account_in(fields), customer_in(fields)
    return jsonify(event_id=sandbox.chat.people.send_unknown(customer.id, account.id).sequence_id), 201


@x_chat.get("/x-chat/events")
def events() -> ResponseReturnValue:
    """List the stored events of a conversation as X has them: ciphertext."""
    sandbox, fields = the_sandbox(), dict(request.args)
    account, customer = account_in(fields), customer_in(fields)
    conversation = sandbox.chat.conversations.between(account.id, customer.id)
    stored = sandbox.chat.conversations.events(conversation.id) if conversation else []
    return jsonify(events=[vars(event) for event in stored])


@x_chat.get("/x-chat/media/<event_id>")
def media(event_id: str) -> ResponseReturnValue:
    """Return the file of a message, decrypted with the customer's keys."""
    sandbox = the_sandbox()
    found = sandbox.chat.phone.file(_event(sandbox, {"event_id": event_id}))
    if found is None:
        raise Refusal("the message has no file that can be decrypted", 404)
    data, mime = found
    return Response(data, mimetype=mime)


def write(sandbox: Sandbox, account: User, customer: User, fields: dict[str, Any], delivery: Dispatch) -> Any:
    """Let a customer write in an encrypted conversation; returns the message as the phone shows it."""
    spoiled = str(fields.get("spoiled") or "")
    if spoiled not in ("", *SPOILED):
        raise Refusal(f"spoiled must be one of {', '.join(SPOILED)}")
    reply_to = _event(sandbox, {"event_id": fields["reply_to"]}) if fields.get("reply_to") else None
    quick_reply = fields.get("quick_reply")
    if quick_reply is not None and not isinstance(quick_reply, dict):
        raise Refusal("quick_reply must be an object")
    if flag(fields, "message_request", default=False):
        sandbox.chat.conversations.hide(sandbox.chat.conversations.open(account.id, customer.id), True)
    event = sandbox.chat.people.write(
        customer.id,
        account.id,
        str(fields.get("text") or ""),
        file=_file(fields),
        reply_to=reply_to,
        quick_reply=quick_reply,
        spoiled=spoiled,
        dispatch=delivery,
    )
    return _shown(sandbox, account, customer, event)


def native_message(sandbox: Sandbox, account: User, customer: User, text: str) -> Any:
    """Let the brand write in X's own app; returns the message as the phone shows it."""
    if not sandbox.chat.devices.has(account.id):
        raise Refusal("the sandbox has no private keys of this account", 409)
    event = sandbox.chat.people.write(account.id, customer.id, text)
    return _shown(sandbox, account, customer, event)


def delivery_of(fields: dict[str, Any]) -> Dispatch:
    """Return how the fields of a request want its event delivered."""
    return Dispatch(
        times=integer(fields, "repeat_delivery", 1),
        swap=flag(fields, "swap", default=False),
        deliver=flag(fields, "deliver", default=True),
    )


def read(sandbox: Sandbox, account: User, customer: User) -> None:
    """Let the customer read all messages of the brand. X tells nobody of it."""
    conversation = sandbox.chat.conversations.between(account.id, customer.id)
    events = sandbox.chat.conversations.events(conversation.id) if conversation else []
    if conversation and events:
        sandbox.chat.conversations.read_up_to(conversation.id, customer.id, events[-1].sequence_id)


def give_keys(sandbox: Sandbox, user: User) -> None:
    """Give a user keys. The first ones of the demo account always have the same version."""
    first = user.id == demo.V2_ACCOUNT_ID and sandbox.chat.keys.newest(user.id) is None
    sandbox.chat.devices.make(user.id, demo.V2_CHAT_KEY_VERSION if first else "")
    if user.business:
        sandbox.chat.devices.write_key_file(user.id)


def _state(sandbox: Sandbox, account: User, customer: User) -> dict[str, Any]:
    newest = sandbox.chat.keys.newest(account.id)
    return {
        "on": sandbox.chat.is_encrypted(account.id, customer.id),
        "key_version": newest.version if newest else None,
        "key_file": _key_file(sandbox, account),
    }


def _key_file(sandbox: Sandbox, user: User) -> str | None:
    """Return the path of a user's key file, from the working folder if it lies in there; None if there is none."""
    path = sandbox.chat.devices.key_file(user.id)
    if not path.exists():
        return None
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _shown(sandbox: Sandbox, account: User, customer: User, event: ChatEvent) -> Any:
    entries = sandbox.chat.phone.entries(account.id, customer.id)
    return next(entry for entry in entries if entry["id"] == event.sequence_id)


def _file(fields: dict[str, Any]) -> File | None:
    if "media_file" not in request.files:
        return None
    uploaded = request.files["media_file"]
    name = uploaded.filename or ""
    return File(uploaded.stream.read(), "" if flag(fields, "nameless", default=False) else name)


def _event(sandbox: Sandbox, fields: dict[str, Any]) -> ChatEvent:
    event = sandbox.chat.conversations.get(str(fields.get("event_id")))
    if event is None:
        raise Refusal("event_id: there is no such encrypted message", 404)
    return event


def _own(sandbox: Sandbox, fields: dict[str, Any]) -> ChatEvent:
    event = _event(sandbox, fields)
    if event.by_account:
        raise Refusal("event_id: a customer can change its own messages only")
    return event


def customer_of(event: ChatEvent) -> str:
    """Return the id of the customer in the conversation of an event."""
    return event.recipient_id if event.by_account else event.sender_id
