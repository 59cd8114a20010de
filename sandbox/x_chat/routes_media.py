"""Routes of encrypted files: initialize, append, finalize, download. All bytes are ciphertext."""

from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_chat import wire
from sandbox.x_chat.records import conversation_id
from sandbox.x_chat.request_values import other_party
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import Problem, invalid, not_found

chat_media = blueprint("chat_media")

_PATH = "/2/chat/media/upload"
_SCOPES = ("media.write",)
_LAST_SEGMENT = 999


@chat_media.post(f"{_PATH}/initialize")
@endpoint("v2/chat/media/initialize", *USER, scopes=_SCOPES, billed=True)
def initialize(caller: Caller) -> ResponseReturnValue:
    """Begin an upload."""
    fields = {"conversation_id", "total_bytes"}
    body = body_of(fields, fields)
    conversation = _conversation(caller, body)
    if not isinstance(body["total_bytes"], int):
        raise invalid("$.total_bytes: is not an integer")
    session_id, hash_key = the_sandbox().chat.media.begin(caller.account.id, conversation, body["total_bytes"])
    shown = {"session_id": session_id, "media_hash_key": hash_key, "conversation_id": conversation.replace(":", "-")}
    return jsonify(data=shown)


@chat_media.post(f"{_PATH}/<session_id>/append")
@endpoint("v2/chat/media/append", *USER, scopes=_SCOPES)
def append(caller: Caller, session_id: str) -> ResponseReturnValue:
    """Add a segment: Base64 in JSON, or bytes in a form."""
    names = {"conversation_id", "media_hash_key", "segment_index"}
    body = body_of(names | {"media"}, names | {"media"}) if request.is_json else dict(request.form)
    for name in names:
        if name not in body:
            raise invalid(f"$.{name}: is missing but it is required")
    _conversation(caller, body)
    index = str(body["segment_index"])
    if not index.isdigit() or int(index) > _LAST_SEGMENT:
        raise invalid(f"$.segment_index: must be between 0 and {_LAST_SEGMENT}")
    sandbox = the_sandbox()
    sandbox.chat.media.append(caller.account.id, session_id, str(body["media_hash_key"]), int(index), _bytes(body))
    return jsonify(data={})


@chat_media.post(f"{_PATH}/<session_id>/finalize")
@endpoint("v2/chat/media/finalize", *USER, scopes=_SCOPES)
def finalize(caller: Caller, session_id: str) -> ResponseReturnValue:
    """End an upload."""
    names = {"conversation_id", "media_hash_key", "num_parts"}
    body = body_of(names | {"message_id", "ttl_msec"}, names)
    _conversation(caller, body)
    if not isinstance(body["num_parts"], str) or not body["num_parts"].isdigit():
        raise invalid("$.num_parts: must be a number as text")
    media, parts = the_sandbox().chat.media, int(body["num_parts"])
    media.finish(caller.account.id, session_id, str(body["media_hash_key"]), parts)
    return jsonify(data={"success": True})


@chat_media.get("/2/chat/media/<path_id>/<hash_key>")
@endpoint("v2/chat/media/download", *USER, scopes=_SCOPES)
def download(caller: Caller, path_id: str, hash_key: str) -> ResponseReturnValue:
    """Return the ciphertext of a file."""
    conversation = conversation_id(caller.account.id, other_party(caller, path_id))
    data = the_sandbox().chat.media.read(conversation, hash_key)
    if data is None:
        raise Problem(404, not_found("chat_media", "media_hash_key", hash_key))
    return Response(data, mimetype="application/octet-stream")


def _conversation(caller: Caller, body: dict[str, Any]) -> str:
    """Return the conversation that a body names, in either form. Raises Problem 400 or 404."""
    path_id = str(body["conversation_id"]).replace(":", "-")
    return conversation_id(caller.account.id, other_party(caller, path_id))


def _bytes(body: dict[str, Any]) -> bytes:
    if "media" in request.files:
        data: bytes = request.files["media"].read()
        return data
    try:
        return wire.decoded(str(body["media"]))
    except (KeyError, wire.Malformed):
        raise invalid("$.media: is missing, or is no Base64") from None
