"""Routes that look Direct Messages of API v2 up: newest first, both directions, of the last 30 days."""

import re
import time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.dm import Dm
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.dm_events import DmEvents, asked_for
from sandbox.x_v2.endpoint import USER, blueprint, endpoint
from sandbox.x_v2.pages import read_token, token_for
from sandbox.x_v2.problems import Problem, invalid, not_found

lookups = blueprint("lookups")

_SCOPES = ("dm.read", "tweet.read", "users.read")
_TYPES = {"MessageCreate", "ParticipantsJoin", "ParticipantsLeave"}
_THIRTY_DAYS_MS = 30 * 24 * 3600 * 1000
_CONVERSATION = re.compile(r"[0-9]{1,19}-[0-9]{1,19}|[0-9]{15,19}")


@lookups.get("/2/dm_events")
@endpoint("v2/dm/events", *USER, scopes=_SCOPES, billed=True)
def dm_events(caller: Caller) -> ResponseReturnValue:
    """List the messages of the token's owner."""
    the_sandbox().v2.looked_up_at[caller.account.id] = time.time()
    return _page(caller, the_sandbox().mailbox.of_user(caller.account.id))


@lookups.get("/2/dm_events/<event_id>")
@endpoint("v2/dm/event", *USER, scopes=_SCOPES, billed=True)
def dm_event(caller: Caller, event_id: str) -> ResponseReturnValue:
    """Show one message of the token's owner."""
    sandbox = the_sandbox()
    dm = sandbox.mailbox.get(event_id)
    if dm is None or caller.account.id not in {dm.sender_id, dm.recipient_id}:
        raise Problem(404, not_found("dm_event", "id", event_id))
    sandbox.v2.credits.charge(caller.app.id, "dm_read", caller.account.id, dm.id)
    body = _shown([dm])
    return jsonify({**body, "data": body["data"][0]})


@lookups.get("/2/dm_conversations/with/<participant_id>/dm_events")
@endpoint("v2/dm/conversation", *USER, scopes=_SCOPES, billed=True)
def with_participant(caller: Caller, participant_id: str) -> ResponseReturnValue:
    """List the messages between the token's owner and a user."""
    return _page(caller, the_sandbox().mailbox.between(caller.account.id, participant_id))


@lookups.get("/2/dm_conversations/<conversation>/dm_events")
@endpoint("v2/dm/conversation", *USER, scopes=_SCOPES, billed=True)
def in_conversation(caller: Caller, conversation: str) -> ResponseReturnValue:
    """List the messages of a conversation."""
    if not _CONVERSATION.fullmatch(conversation):
        raise invalid(f"The `id` path parameter value [{conversation}] is not valid", id=conversation)
    one, _, other = conversation.partition("-")
    if caller.account.id not in {one, other}:
        raise Problem(404, not_found("dm_conversation", "id", conversation))
    return _page(caller, the_sandbox().mailbox.between(one, other))


def _page(caller: Caller, dms: list[Dm]) -> ResponseReturnValue:
    sandbox = the_sandbox()
    count = request.args.get("max_results", "100")
    if not count.isdigit() or not 1 <= int(count) <= 100:
        raise invalid(f"The `max_results` query parameter value [{count}] is not between 1 and 100", max_results=count)
    types = set(filter(None, request.args.get("event_types", "").split(",")))
    if types - _TYPES:
        raise invalid("The `event_types` query parameter is not valid", event_types=",".join(sorted(types)))
    oldest = time.time() * 1000 - _THIRTY_DAYS_MS
    matching = [dm for dm in reversed(dms) if int(dm.created_timestamp) >= oldest]
    if types and "MessageCreate" not in types:
        matching = []
    if token := request.args.get("pagination_token"):
        below = read_token(token)
        matching = [dm for dm in matching if int(dm.id) < below]
    page = matching[: int(count)]
    sandbox.v2.credits.charge(caller.app.id, "dm_read", caller.account.id, *(dm.id for dm in page))
    body = _partial(page)
    body["meta"] = {"result_count": len(body.get("data", ()))}
    if len(matching) > len(page):
        body["meta"]["next_token"] = token_for(int(page[-1].id))
    if token:
        body["meta"]["previous_token"] = token_for(int(page[0].id) + 1 if page else 0)
    return jsonify(body)


def _partial(page: list[Dm]) -> dict[str, Any]:
    """Return the page, with the partial error that the settings ask for."""
    kind = the_sandbox().settings.lookup_partial_error
    if not page or kind == "none":
        return _shown(page)
    if kind == "event":
        return {**_shown(page[1:]), "errors": [not_found("dm_event", "id", page[0].id)]}
    body = _shown(page)
    body.get("includes", {}).pop("users", None)
    return {**body, "errors": [not_found("user", "sender_id", page[0].sender_id)]}


def _shown(page: list[Dm]) -> dict[str, Any]:
    sandbox = the_sandbox()
    asked = asked_for(dict(request.args), sender_id_known=sandbox.settings.lookup_sender_id)
    return DmEvents(sandbox.directory, sandbox.message_context).page(page, asked)
