"""Control API for looking: what Twitter stores, what CCM received, what was asked, what was delivered."""

from dataclasses import asdict
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control.asking import blueprint, number_in
from sandbox.world import the_world

records = blueprint("records")

_WAIT_MAX_SECONDS = 20


@records.get("/ccm/messages")
def ccm_messages() -> ResponseReturnValue:
    """List requests to CCM after `since`, refused ones too."""
    wanted_account, wanted_customer = request.args.get("account_id"), request.args.get("customer_id")
    wanted_type = request.args.get("type")
    found = [
        asdict(received)
        for received in the_world().inbox.since(number_in("since"))
        if wanted_account in (None, received.account_id)
        and wanted_customer in (None, received.customer_id)
        and wanted_type in (None, received.type)
    ]
    return jsonify(messages=found)


@records.get("/twitter/messages")
def twitter_messages() -> ResponseReturnValue:
    """List messages at Twitter in the order of their ids, after the id in `since`."""
    mailbox = the_world().mailbox
    since = number_in("since")
    account_id, customer_id = request.args.get("account_id"), request.args.get("customer_id")
    if account_id and customer_id:
        found = mailbox.between(account_id, customer_id)
    elif account_id or customer_id:
        found = mailbox.of_user(account_id or customer_id or "")
    else:
        found = mailbox.all()
    sender_id = request.args.get("sender_id")
    shown: list[dict[str, Any]] = [
        mailbox.show(dm) for dm in found if int(dm.id) > since and sender_id in (None, dm.sender_id)
    ]
    return jsonify(messages=shown)


@records.get("/requests")
def requests() -> ResponseReturnValue:
    """List what was asked of Twitter, CCM and the file engine."""
    found = the_world().log.entries(request.args.get("family"), request.args.get("path"), number_in("since"))
    return jsonify(requests=found)


@records.get("/webhook-deliveries")
def deliveries() -> ResponseReturnValue:
    """List events on their way to webhooks, with every try; with `wait`, when that of `event_id` has ended."""
    event_id, status = request.args.get("event_id"), request.args.get("status")
    if event_id:
        the_world().sender.wait_for_end(event_id, min(number_in("wait"), _WAIT_MAX_SECONDS))
    since = number_in("since")
    found = [
        asdict(delivery)
        for delivery in list(the_world().sender.deliveries)
        if delivery.seq > since and event_id in (None, delivery.event_id) and status in (None, delivery.status)
    ]
    return jsonify(deliveries=found)
