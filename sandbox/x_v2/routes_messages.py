"""Routes that send and delete Direct Messages of API v2."""

import re
from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.errors import TwitterError
from sandbox.twitter.post import send
from sandbox.twitter.validation import TEXT_CHARACTERS, Draft
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.dm_events import conversation_id
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import MEDIA_NOT_PERMITTED, NO_PERMISSION, Problem, invalid, not_found, plain

messages = blueprint("messages")

_SCOPES = ("dm.write", "tweet.read", "users.read")
_ID = re.compile(r"[0-9]{1,19}")


@messages.post("/2/dm_conversations/with/<participant_id>/messages")
@endpoint("v2/dm/send", *USER, scopes=_SCOPES, billed=True)
def send_to(caller: Caller, participant_id: str) -> ResponseReturnValue:
    """Send a message to a user."""
    return _send(caller, participant_id)


@messages.post("/2/dm_conversations/<dm_conversation_id>/messages")
@endpoint("v2/dm/send", *USER, scopes=_SCOPES, billed=True)
def send_in(caller: Caller, dm_conversation_id: str) -> ResponseReturnValue:
    """Send a message in a one-to-one conversation."""
    parties = dm_conversation_id.split("-")
    if len(parties) != 2 or caller.account.id not in parties:
        raise plain(403, NO_PERMISSION)
    parties.remove(caller.account.id)
    return _send(caller, parties[0])


@messages.post("/2/dm_conversations")
@endpoint("v2/dm/send", *USER, scopes=_SCOPES, billed=True)
def create_group(caller: Caller) -> ResponseReturnValue:
    """Refuse to create a group: the sandbox has one-to-one conversations only."""
    fields = {"conversation_type", "participant_ids", "message"}
    body_of(fields, fields)
    raise plain(403, "You are not permitted to create a group conversation.")


@messages.delete("/2/dm_events/<event_id>")
@endpoint("v2/dm/delete", *USER, scopes=("dm.read", "dm.write"))
def delete(caller: Caller, event_id: str) -> ResponseReturnValue:
    """Delete one of the caller's own messages: answered, and without effect here."""
    dm = the_sandbox().mailbox.get(event_id)
    if dm is None or dm.sender_id != caller.account.id:
        raise Problem(404, not_found("dm_event", "id", event_id))
    return jsonify(data={"deleted": True})


def _send(caller: Caller, participant_id: str) -> ResponseReturnValue:
    sandbox = the_sandbox()
    text, media_id = _read(body_of({"text", "attachments"}))
    if not _ID.fullmatch(participant_id):
        raise invalid(f"The `participant_id` path parameter value [{participant_id}] does not match ^[0-9]{{1,19}}$")
    try:
        dm = send(sandbox, caller.account, Draft(participant_id, text, media_id), caller.app.id)
    except TwitterError as refusal:
        of_media = refusal.code in {324, 325}
        raise plain(403, MEDIA_NOT_PERMITTED if of_media else NO_PERMISSION) from None
    sandbox.v2.credits.charge(caller.app.id, "dm_sent", caller.account.id)
    together = conversation_id(caller.account.id, participant_id)
    return jsonify(data={"dm_conversation_id": together, "dm_event_id": dm.id}), 201


def _read(body: dict[str, Any]) -> tuple[str, str | None]:
    """Return text and media id. Raises Problem 400."""
    text, attachments = body.get("text"), body.get("attachments")
    if text is None and attachments is None:
        raise invalid("$: must have `text` or `attachments`")
    if text is not None and (not isinstance(text, str) or not text):
        raise invalid("$.text: must be at least 1 character long")
    if text is not None and len(text) > TEXT_CHARACTERS:
        raise invalid(f"$.text: must be at most {TEXT_CHARACTERS} characters long")
    if attachments is None:
        return text or "", None
    if not isinstance(attachments, list) or len(attachments) != 1:
        raise invalid("$.attachments: must have exactly 1 item")
    attachment = attachments[0]
    if not isinstance(attachment, dict) or set(attachment) != {"media_id"}:
        raise invalid("$.attachments[0]: must have `media_id` and nothing else")
    if not isinstance(attachment["media_id"], str) or not _ID.fullmatch(attachment["media_id"]):
        raise invalid("$.attachments[0].media_id: does not match the regex pattern ^[0-9]{1,19}$")
    return text or "", attachment["media_id"]
