"""Dead letters for an operator: list, show, replay, discard. Never their texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction
from twitter_connector.queue.replay import replay

from .access import internal
from .context import services
from .problems import problem
from .request_body import INTERNAL_BODY_MAX_BYTES, json_body

bp = Blueprint("dead_letters", __name__)

LIMIT_MAX = 500
# One call replays at most so many, so that it ends; `remaining` tells whether to call again.
REPLAY_MAX = 1000

_directions = {"inbound": Direction.IN, "outbound": Direction.OUT, "in": Direction.IN, "out": Direction.OUT}


class DeadLetterFilterSchema(Schema):
    """Which dead letters. An empty filter fits all."""

    class Meta:
        unknown = RAISE

    direction = fields.String(load_default=None, validate=validate.OneOf(list(_directions)))
    account_id = fields.String(load_default=None)
    customer_id = fields.String(load_default=None)
    reason = fields.String(load_default=None)


class DeadLetterListSchema(DeadLetterFilterSchema):
    """Which dead letters, how many of them, and after which one."""

    limit = fields.Integer(load_default=100, validate=validate.Range(min=1, max=LIMIT_MAX))
    after = fields.String(load_default=None)


@bp.get("/dead-letters")
@internal
def list_dead_letters() -> Response:
    """List the newest first. `next` is what to give as `after` for the following page; null on the last."""
    query = DeadLetterListSchema().load(request.args.to_dict())
    letters = _matching(query)
    if query["after"]:
        place = _place(query["after"])
        letters = (x for x in letters if (epoch_ms(x.failed_at), x.id) < place)
    page = list(islice(letters, query["limit"] + 1))
    items, more = page[: query["limit"]], len(page) > query["limit"]
    return jsonify({"items": [letter.shown() for letter in items], "next": _mark(items[-1]) if more else None})


@bp.get("/dead-letters/<letter_id>")
@internal
def show_dead_letter(letter_id: str) -> Response:
    letter = services().dead_letters.get(letter_id)
    return jsonify(letter.shown()) if letter else _unknown()


@bp.post("/dead-letters/<letter_id>/replay")
@internal
def replay_one(letter_id: str) -> Response:
    svc = services()
    letter = svc.dead_letters.get(letter_id)
    if letter is None:
        return _unknown()
    if not replay([letter], svc.lanes):
        return _unknown()  # somebody else was quicker
    return _accepted({"replayed": 1})


@bp.post("/dead-letters/replay")
@internal
def replay_matching() -> Response:
    """Replay those that fit the filter in the body ({} stands for all), oldest first, so that order is kept."""
    body = json_body(INTERNAL_BODY_MAX_BYTES)
    if not isinstance(body, dict):
        raise ValidationError({"_schema": ["A JSON object is needed; {} replays everything."]})
    query = DeadLetterFilterSchema().load(body)
    svc = services()
    letters = sorted(_matching(query), key=lambda x: (x.accepted_at, x.entry_id))
    replayed = replay(letters[:REPLAY_MAX], svc.lanes)
    return _accepted({"replayed": replayed, "remaining": max(0, len(letters) - REPLAY_MAX)})


@bp.delete("/dead-letters/<letter_id>")
@internal
def discard(letter_id: str) -> Response:
    return Response(status=204) if services().dead_letters.discard(letter_id) else _unknown()


def _matching(query: dict[str, Any]) -> Iterator[DeadLetter]:
    direction = _directions[query["direction"]] if query["direction"] else None
    return services().dead_letters.newest(direction, query["account_id"], query["reason"], query["customer_id"])


def _mark(letter: DeadLetter) -> str:
    """Return the place of a letter in the list. It stays valid after the letter has left the list."""
    return f"{epoch_ms(letter.failed_at)}.{letter.id}"


def _place(mark: str) -> tuple[int, str]:
    """Return moment and id of the letter that a page follows. mark: its place, or its id while it is in the list."""
    moment_ms, dot, letter_id = mark.partition(".")
    if dot and moment_ms.isascii() and moment_ms.isdecimal():
        return int(moment_ms), letter_id
    letter = services().dead_letters.get(mark)
    if letter is None:
        raise ValidationError({"after": ["It names no dead letter of the list. Give the value of `next`."]})
    return epoch_ms(letter.failed_at), letter.id


def _accepted(body: dict[str, int]) -> Response:
    answer = jsonify(body)
    answer.status_code = 202
    return answer


def _unknown() -> Response:
    return problem(
        404,
        "There is no dead letter with this id. It may have been replayed or discarded. GET /dead-letters lists them.",
        kind="unknown-dead-letter",
    )
