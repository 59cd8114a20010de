"""Control API for records: messages at X, messages at CCM, requests, webhook deliveries."""

from dataclasses import asdict
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control.request_fields import blueprint, query_integer
from sandbox.state import the_sandbox

records = blueprint("records")

_WAIT_MAX_SECONDS = 20


@records.get("/ccm/messages")
def ccm_messages() -> ResponseReturnValue:
    """List requests to CCM after `since`, refused ones included."""
    account_id, customer_id = request.args.get("account_id"), request.args.get("customer_id")
    body_type = request.args.get("type")
    messages = [
        vars(received)
        for received in the_sandbox().inbox.since(query_integer("since"))
        if account_id in (None, received.account_id)
        and customer_id in (None, received.customer_id)
        and body_type in (None, received.type)
    ]
    return jsonify(messages=messages)


@records.get("/twitter/messages")
def twitter_messages() -> ResponseReturnValue:
    """List messages at X in the order of their ids, after the id in `since`."""
    mailbox = the_sandbox().mailbox
    since = query_integer("since")
    account_id, customer_id = request.args.get("account_id"), request.args.get("customer_id")
    if account_id and customer_id:
        dms = mailbox.between(account_id, customer_id)
    elif account_id or customer_id:
        dms = mailbox.of_user(account_id or customer_id or "")
    else:
        dms = mailbox.all()
    sender_id = request.args.get("sender_id")
    shown: list[dict[str, Any]] = [
        mailbox.show(dm) for dm in dms if int(dm.id) > since and sender_id in (None, dm.sender_id)
    ]
    return jsonify(messages=shown)


@records.get("/requests")
def requests() -> ResponseReturnValue:
    """List requests to X, CCM and the file engine."""
    entries = the_sandbox().log.entries(request.args.get("family"), request.args.get("path"), query_integer("since"))
    return jsonify(requests=entries)


@records.get("/webhook-deliveries")
def deliveries() -> ResponseReturnValue:
    """List deliveries to webhooks with every try. `wait` returns when the delivery of `event_id` has ended."""
    event_id, status, sender = request.args.get("event_id"), request.args.get("status"), the_sandbox().sender
    if event_id:
        sender.wait_for_end(event_id, min(query_integer("wait"), _WAIT_MAX_SECONDS))
    since = query_integer("since")
    deliveries = [
        asdict(delivery)
        for delivery in (sender.deliveries.of_event(event_id) if event_id else sender.deliveries.all())
        if delivery.seq > since and status in (None, delivery.status)
    ]
    return jsonify(deliveries=deliveries)
