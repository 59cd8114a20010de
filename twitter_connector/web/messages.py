"""The message log and the accounts' histories for an operator: what came, and what happened meanwhile. Never a text."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import ValidationError, fields, validate

from twitter_connector.bootstrap import Services
from twitter_connector.model.account_history import concerning
from twitter_connector.model.message_log import STATES
from twitter_connector.queue.message_log import LogFilter

from .access import internal
from .context import services
from .period import PeriodSchema, period_of
from .problems import problem

bp = Blueprint("messages", __name__)

LIMIT_MAX = 500


class MessageListSchema(PeriodSchema):
    """Which messages, how many of them, and after which one."""

    customer_id = fields.String(load_default=None)
    account_id = fields.String(load_default=None)
    id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    limit = fields.Integer(load_default=100, validate=validate.Range(min=1, max=LIMIT_MAX))
    after = fields.String(load_default=None)


@bp.get("/messages")
@internal
def list_messages() -> Response:
    """List the newest first. `next` is what to give as `after` for the following page; null on the last."""
    svc, query = services(), MessageListSchema().load(request.args.to_dict())
    log_filter = _filter(svc, query)
    if query["id"]:
        message = svc.message_log.find(query["id"])
        fits = message is not None and log_filter.fits(message)
        return jsonify({"items": [message.shown()] if message is not None and fits else [], "next": None})
    try:
        page, after = svc.message_log.page(log_filter, query["limit"], query["after"])
    except ValueError:
        raise ValidationError({"after": ["Give what `next` said."]}) from None
    return jsonify({"items": [message.shown() for message in page], "next": after})


@bp.get("/accounts/<account_id>/history")
@internal
def show_account_history(account_id: str) -> Response:
    """List what happened to an account, oldest first. Also of one that is not registered any more."""
    svc = services()
    since, until = period_of(PeriodSchema().load(request.args.to_dict()), svc.clock())
    svc.history.flush()
    return jsonify({"items": [event.shown() for event in concerning(svc.history.all(account_id), since, until)]})


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
        f"The message log has no message with this id (X's, CIM's, or a dead letter's). It {kept}. "
        "GET /messages?customer_id=&since=&until= lists what came from a customer.",
        kind="unknown-message",
    )


def _filter(svc: Services, query: dict[str, Any]) -> LogFilter:
    customer: str | None = query["customer_id"]
    customers = None if not customer else svc.message_log.customers(customer)
    since, until = period_of(query, svc.clock())
    return LogFilter(
        account_id=query["account_id"],
        customer_ids=None if customers is None else frozenset(customers),
        since=since,
        until=until,
        state=query["state"],
    )
