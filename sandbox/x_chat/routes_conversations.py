"""Routes of encrypted conversations: list, history, keys, messages, deletions, typing indicator and read mark."""

from itertools import pairwise
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_chat.encoding import conversation_token, encoded_event, encoded_key_change, read_signature
from sandbox.x_chat.posting import AT_ONCE
from sandbox.x_chat.records import ChatConversation, ChatEvent
from sandbox.x_chat.request_values import chosen_fields, conversation_of, needs_library, other_party, page_size
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.pages import read_token, token_for
from sandbox.x_v2.problems import invalid, plain
from sandbox.x_v2.times import iso
from sandbox.x_v2.users import shown_user

chats = blueprint("chats")

_PATH = "/2/chat/conversations"
_READ = ("dm.read", "users.read")
_WRITE = ("tweet.read", "users.read", "dm.write")
_EVENT_FIELDS = (
    "conversation_id",
    "conversation_token",
    "created_at",
    "encoded_event",
    "id",
    "is_trusted",
    "message_event_signature",
    "previous_id",
    "sender_id",
)
_CONVERSATION_FIELDS = (
    "created_at",
    "group_avatar_url",
    "group_name",
    "id",
    "is_muted",
    "message_ttl_ms",
    "screen_capture_blocking_enabled",
    "screen_capture_detection_enabled",
    "type",
    "updated_at",
)
_EXPANSIONS = ("admin_ids", "member_ids", "participant_ids")


@chats.get(_PATH)
@endpoint("v2/chat/conversations", *USER, scopes=_READ, billed=True)
def conversations(caller: Caller) -> ResponseReturnValue:
    """List the conversations of the primary inbox, the latest first."""
    every = the_sandbox().chat.conversations.of_user(caller.account.id)
    listed = [one for one in every if not one.hidden]
    page, meta = _page(listed)
    requests = len(listed) < len(every)
    return jsonify({**_conversations(page), "meta": {**meta, "has_message_requests": requests}})


@chats.get(f"{_PATH}/<path_id>")
@endpoint("v2/chat/conversation", *USER, scopes=_READ, billed=True)
def one_conversation(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Show a conversation."""
    body = _conversations([conversation_of(caller, path_id)])
    return jsonify({**body, "data": body["data"][0]})


@chats.get(f"{_PATH}/<path_id>/events")
@endpoint("v2/chat/events", *USER, scopes=_READ, billed=True)
def events(caller: Caller, path_id: str) -> ResponseReturnValue:
    """List the events of a conversation, the newest first, and beside them the changes of its key."""
    sandbox = the_sandbox()
    fields = chosen_fields("chat_message_event.fields", _EVENT_FIELDS)
    conversation = conversation_of(caller, path_id)
    every = sandbox.chat.conversations.events(conversation.id)
    previous = {event.sequence_id: before.sequence_id for before, event in pairwise(every)}
    page, meta = _page(list(reversed(every)))
    versions = {event.key_version for event in page}
    changes = sandbox.chat.conversations.key_changes(conversation.id)
    meta["conversation_key_events"] = [
        encoded_key_change(change, caller.account.id)
        for change in changes
        if change.version in versions or change is changes[-1]
    ]
    shown = [_event(event, previous.get(event.sequence_id), fields) for event in page]
    return jsonify({**({"data": shown} if shown else {}), "meta": meta})


@chats.post(f"{_PATH}/<path_id>/keys")
@endpoint("v2/chat/keys", *USER, scopes=_WRITE, billed=True)
def add_keys(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Give a conversation a new key."""
    required = {"conversation_key_version", "conversation_participant_keys"}
    body = body_of(required | {"action_signatures", "base64_encoded_key_rotation"}, required)
    change = the_sandbox().chat.posting.change_key(caller.account.id, other_party(caller, path_id), body)
    return jsonify(
        data={"conversation_id": change.conversation_id.replace(":", "-"), "sequence_id": change.sequence_id}
    )


@chats.post(f"{_PATH}/<path_id>/messages")
@endpoint("v2/chat/send", *USER, scopes=_WRITE, billed=True)
@needs_library
def send(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Send an encrypted message. The same body again sends nothing and gets the same answer."""
    required = {"message_id", "encoded_message_create_event"}
    body = body_of(required | {"encoded_message_event_signature", "conversation_token"}, required)
    sandbox = the_sandbox()
    event = sandbox.chat.posting.message(caller.account.id, other_party(caller, path_id), body, AT_ONCE)
    sandbox.v2.credits.charge(caller.app.id, "dm_sent", caller.account.id, event.sequence_id)
    return jsonify(data={"encoded_message_event": encoded_event(event)}), 201


@chats.post(f"{_PATH}/<path_id>/messages/delete")
@endpoint("v2/chat/delete", *USER, scopes=_WRITE)
@needs_library
def delete(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Delete messages of the caller."""
    required = {"sequence_ids", "delete_message_action", "action_signatures"}
    body = body_of(required | {"media_hash_keys"}, required)
    the_sandbox().chat.posting.deletion(caller.account.id, other_party(caller, path_id), body, AT_ONCE)
    return jsonify(data={"deleted": True})


@chats.post(f"{_PATH}/<path_id>/typing")
@endpoint("v2/chat/typing", *USER, scopes=_WRITE)
def typing(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Show the other participant that the caller is typing."""
    conversation = conversation_of(caller, path_id)
    (other_id,) = set(conversation.parties) - {caller.account.id}
    place = {"side": "phone", "account_id": caller.account.id, "customer_id": other_id}
    the_sandbox().feed.publish("typing", place)
    return jsonify(data={"success": True})


@chats.post(f"{_PATH}/<path_id>/read")
@endpoint("v2/chat/read", *USER, scopes=_WRITE)
def read(caller: Caller, path_id: str) -> ResponseReturnValue:
    """Mark the other participant's messages up to one of them as read."""
    sequence_id = body_of({"seen_until_sequence_id"}, {"seen_until_sequence_id"})["seen_until_sequence_id"]
    conversation = conversation_of(caller, path_id)
    if not isinstance(sequence_id, str) or not sequence_id.isdigit():
        raise invalid("$.seen_until_sequence_id: must be the sequence id of a message")
    the_sandbox().chat.conversations.read_up_to(conversation.id, caller.account.id, sequence_id)
    return jsonify(data={"success": True})


@chats.post(f"{_PATH}/group")
@chats.post(f"{_PATH}/group/initialize")
@endpoint("v2/chat/group", *USER, scopes=("dm.write",))
def group(caller: Caller) -> ResponseReturnValue:
    """Refuse to create a group: the sandbox has one-to-one conversations only."""
    raise plain(403, "You are not permitted to create a group conversation.")


def _page(entries: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return a page of the entries and its meta object."""
    size, token = page_size(), request.args.get("pagination_token")
    start = read_token(token) if token else 0
    page = entries[start : start + size]
    meta: dict[str, Any] = {"result_count": len(page), "has_more": start + size < len(entries)}
    if meta["has_more"]:
        meta["next_token"] = token_for(start + size)
    return page, meta


def _conversations(page: list[ChatConversation]) -> dict[str, Any]:
    sandbox = the_sandbox()
    fields = chosen_fields("chat_conversation.fields", _CONVERSATION_FIELDS)
    expansions = chosen_fields("expansions", _EXPANSIONS) if "expansions" in request.args else frozenset()
    data = []
    for conversation in page:
        known = {
            "id": conversation.path_id,
            "type": "direct",
            "is_muted": False,
            "created_at": iso(conversation.made_at),
            "updated_at": iso(sandbox.chat.conversations.updated_at(conversation)),
        }
        shown = {name: value for name, value in known.items() if name in fields or name == "id"}
        data.append({**shown, "participant_ids": conversation.parties})
    body: dict[str, Any] = {"data": data} if data else {}
    if "participant_ids" in expansions and page:
        users = {user_id: sandbox.directory.users[user_id] for one in page for user_id in one.parties}
        asked = request.args.get("user.fields", "")
        body["includes"] = {"users": [shown_user(user, asked) for user in users.values()]}
    return body


def _event(event: ChatEvent, previous_id: str | None, fields: frozenset[str]) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": event.sequence_id,
        "conversation_id": event.conversation_id.replace(":", "-"),
        "conversation_token": conversation_token(event.conversation_id),
        "created_at": iso(int(event.created_at_msec) / 1000),
        "encoded_event": encoded_event(event),
        "is_trusted": True,
        "message_event_signature": vars(read_signature(event.signature)) if event.signature else None,
        "previous_id": previous_id,
        "sender_id": event.sender_id,
    }
    return {name: value for name, value in known.items() if value is not None and (name in fields or name == "id")}
