"""What the routes of X Chat read from requests: ids of conversations, names of fields, page sizes."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_chat.library import LibraryMissing
from sandbox.x_chat.records import ChatConversation
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.problems import Problem, invalid, not_found, plain

_PATH_ID = re.compile(r"[0-9]{1,19}|[0-9]{1,19}-[0-9]{1,19}|g[0-9]{1,19}")


def needs_library(view: Callable[..., ResponseReturnValue]) -> Callable[..., Any]:
    """Answer 503 with a plain reason where the library of X Chat is missing."""

    @wraps(view)
    def guarded(*arguments: Any, **path: str) -> ResponseReturnValue:
        try:
            return view(*arguments, **path)
        except LibraryMissing as missing:
            raise plain(503, str(missing)) from None

    return guarded


def other_party(caller: Caller, path_id: str) -> str:
    """Return the other participant of a conversation: `path_id` is that user's id, or both ids.

    Raises Problem 400 for another form, and 404 for a conversation of others or of a group.
    """
    if not _PATH_ID.fullmatch(path_id):
        raise invalid(f"The `id` path parameter value [{path_id}] is not valid", id=path_id)
    mine = caller.account.id
    parties = path_id.split("-")
    if len(parties) == 2 and mine in parties:
        parties.remove(mine)
    if len(parties) != 1 or parties[0] == mine or parties[0] not in the_sandbox().directory.users:
        raise Problem(404, not_found("chat_conversation", "id", path_id))
    return parties[0]


def conversation_of(caller: Caller, path_id: str) -> ChatConversation:
    """Return an existing conversation of the caller. Raises Problem 400 or 404."""
    found = the_sandbox().chat.conversations.between(caller.account.id, other_party(caller, path_id))
    if found is None:
        raise Problem(404, not_found("chat_conversation", "id", path_id))
    return found


def chosen_fields(name: str, known: tuple[str, ...]) -> frozenset[str]:
    """Return the fields that the query asks for; all of them without the parameter. Raises Problem 400."""
    if name not in request.args:
        return frozenset(known)
    values = frozenset(request.args[name].split(","))
    for value in sorted(values - set(known)):
        message = f"The `{name}` query parameter value [{value}] is not one of [{','.join(known)}]"
        raise invalid(message, **{name.replace(".", "__"): value})
    return values


def page_size() -> int:
    """Return `max_results`. Raises Problem 400."""
    count = request.args.get("max_results", "10")
    if not count.isdigit() or not 1 <= int(count) <= 100:
        raise invalid(f"The `max_results` query parameter value [{count}] is not between 1 and 100", max_results=count)
    return int(count)
