"""The message log for an operator: a list, newest first, and the journey of one message. Never a text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from twitter_connector.bootstrap import Services
from twitter_connector.model.message_log import STATES
from twitter_connector.model.period import begin_of, end_of
from twitter_connector.queue.message_log import LogFilter

from .access import internal
from .context import services
from .problems import problem

bp = Blueprint("messages", __name__)

LIMIT_MAX = 500


class MessageListSchema(Schema):
    """Which messages, how many of them, and after which one."""

    class Meta:
        unknown = RAISE

    customer_id = fields.String(load_default=None)
    account_id = fields.String(load_default=None)
    id = fields.String(load_default=None)
    since = fields.String(load_default=None)
    until = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    limit = fields.Integer(load_default=100, validate=validate.Range(min=1, max=LIMIT_MAX))
    after = fields.String(load_default=None)


@bp.get("/messages")
@internal
def list_messages() -> Response:
    """List the newest first. `next` is what to give as `after` for the following page; null on the last."""
    svc, query = services(), MessageListSchema().load(request.args.to_dict())
    wanted = _filter(svc, query)
    if query["id"]:
        message = svc.message_log.find(query["id"])
        fits = message is not None and wanted.fits(message)
        return jsonify({"items": [message.shown()] if message is not None and fits else [], "next": None})
    try:
        page, after = svc.message_log.page(wanted, query["limit"], query["after"])
    except ValueError:
        raise ValidationError({"after": ["Give what `next` said."]}) from None
    return jsonify({"items": [message.shown() for message in page], "next": after})


@bp.get("/messages/<any_id>")
@internal
def show_message(any_id: str) -> Response:
    """Show one message with its journey, by X's id, CIM's, or the dead letter's."""
    svc = services()
    message = svc.message_log.find(any_id)
    if message is not None:
        return jsonify(message.with_journey())
    days = svc.settings.message_log_days
    kept = f"keeps messages for {days} days" if days else "is off (MESSAGE_LOG_DAYS is 0)"
    return problem(
        404,
        f"The message log has no message with this id of X, of CIM or of a dead letter. It {kept}. "
        "GET /messages?customer_id=&since=&until= lists what came from a customer.",
        kind="unknown-message",
    )


def _filter(svc: Services, query: dict[str, Any]) -> LogFilter:
    customer: str | None = query["customer_id"]
    customers = None if not customer else svc.message_log.customers(customer)
    return LogFilter(
        account_id=query["account_id"],
        customer_ids=None if customers is None else frozenset(customers),
        since=_moment(query, "since", begin_of, svc.clock()),
        until=_moment(query, "until", end_of, svc.clock()),
        state=query["state"],
    )


def _moment(
    query: dict[str, Any], name: str, read: Callable[[str, datetime], datetime], now: datetime
) -> datetime | None:
    try:
        return read(query[name], now) if query[name] else None
    except ValueError as error:
        raise ValidationError({name: [str(error)]}) from None
