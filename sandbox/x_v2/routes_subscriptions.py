"""Routes for subscriptions of the X Activity API: create, list, update, delete."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_v2.caller import APP, OAUTH1, OAUTH2, Caller
from sandbox.x_v2.endpoint import ANY, blueprint, body_of, endpoint
from sandbox.x_v2.pages import read_token, token_for
from sandbox.x_v2.problems import invalid, not_found, plain, unsupported
from sandbox.x_v2.subscriptions import EVENT_TYPES, PRIVATE

subscriptions = blueprint("subscriptions")

_PATH = "/2/activity/subscriptions"
_TAG_CHARACTERS = 200


@subscriptions.post(_PATH)
@endpoint("v2/activity/create", *ANY, billed=True)
def create(caller: Caller) -> ResponseReturnValue:
    """Subscribe to one event type of one user. The shape of the answer is a setting, since X's varies."""
    body = body_of({"event_type", "filter", "tag", "webhook_id"}, {"event_type", "filter"})
    event_type, filters = body["event_type"], body["filter"]
    if event_type not in EVENT_TYPES:
        raise invalid(f"$.event_type: does not have a value in the enumeration: {event_type}")
    if not isinstance(filters, dict) or set(filters) - {"user_id", "direction", "keyword"}:
        raise invalid("$.filter: is not defined in the schema")
    user_id = _user(caller, event_type, filters)
    tag, webhook_id = _tag(body), _webhook(caller, body)
    sandbox = the_sandbox()
    made = sandbox.v2.subscriptions.add(caller.app, user_id, event_type, filters, tag or "", webhook_id or "")
    shape, total = sandbox.settings.subscription_answer, len(sandbox.v2.subscriptions.of_app(caller.app))
    if shape == "empty":
        return "", 204
    data: Any = {"array": [made.shown()], "wrapped": {"subscription": made.shown()}}.get(shape, made.shown())
    return jsonify(data=data, meta={"total_subscriptions": total})


@subscriptions.get(_PATH)
@endpoint("v2/activity/list", *ANY)
def list_subscriptions(caller: Caller) -> ResponseReturnValue:
    """List the app's subscriptions, or with a user's token those of the user."""
    count = request.args.get("max_results", "1000")
    if not count.isdigit() or not 1 <= int(count) <= 1000:
        raise invalid(f"The `max_results` query parameter value [{count}] is not valid", max_results=count)
    subscriptions = the_sandbox().v2.subscriptions.of_app(caller.app)
    if caller.user is not None:
        subscriptions = [subscription for subscription in subscriptions if subscription.user_id == caller.account.id]
    total, start = len(subscriptions), 0
    if token := request.args.get("pagination_token"):
        start = read_token(token)
    page = subscriptions[start : start + int(count)]
    meta: dict[str, Any] = {"total_subscriptions": total, "result_count": len(page)}
    if start + len(page) < total:
        meta["next_token"] = token_for(start + len(page))
    return jsonify(data=[subscription.shown() for subscription in page], meta=meta)


@subscriptions.put(f"{_PATH}/<subscription_id>")
@endpoint("v2/activity/update", APP)
def update(caller: Caller, subscription_id: str) -> ResponseReturnValue:
    """Change the tag or the webhook of a subscription."""
    body = body_of({"tag", "webhook_id"})
    store = the_sandbox().v2.subscriptions
    subscription = store.get(caller.app, subscription_id)
    if subscription is None:
        return jsonify(not_found("subscription", "subscription_id", subscription_id)), 404
    store.update(subscription, _tag(body), _webhook(caller, body))
    return jsonify(data={"subscription": subscription.shown(), "total_subscriptions": len(store.of_app(caller.app))})


@subscriptions.delete(f"{_PATH}/<subscription_id>")
@endpoint("v2/activity/delete", APP)
def delete(caller: Caller, subscription_id: str) -> ResponseReturnValue:
    """Delete a subscription."""
    store = the_sandbox().v2.subscriptions
    subscription = store.get(caller.app, subscription_id)
    if subscription is None:
        return jsonify(not_found("subscription", "subscription_id", subscription_id)), 404
    store.remove(subscription)
    return jsonify(data={"deleted": True}, meta={"total_subscriptions": len(store.of_app(caller.app))})


@subscriptions.delete(_PATH)
@endpoint("v2/activity/delete", APP)
def delete_several(caller: Caller) -> ResponseReturnValue:
    """Delete the subscriptions named by `ids`."""
    ids = [part for part in request.args.get("ids", "").split(",") if part]
    if not 1 <= len(ids) <= 100:
        raise invalid("The `ids` query parameter must have between 1 and 100 values", ids=request.args.get("ids", ""))
    store = the_sandbox().v2.subscriptions
    done, missing = [], []
    for subscription_id in ids:
        subscription = store.get(caller.app, subscription_id)
        if subscription is None:
            missing.append({"subscription_id": subscription_id, "message": "not found", "reason": "NotFound"})
            continue
        store.remove(subscription)
        done.append({"subscription_id": subscription_id, "deleted": True})
    body: dict[str, Any] = {"data": done, "meta": {"total_subscriptions": len(store.of_app(caller.app))}}
    return jsonify({**body, **({"errors": missing} if missing else {})})


def _user(caller: Caller, event_type: str, filters: dict[str, Any]) -> str:
    """Return the id of the user whose events are meant. Raises Problem where the caller may not have them."""
    settings = the_sandbox().settings
    if event_type in settings.subscription_refused_types:
        raise plain(403, f"You are not permitted to subscribe to {event_type}.")
    if event_type == "oauth.revoke":
        return ""
    user_id = filters.get("user_id")
    if not isinstance(user_id, str) or not user_id.isdigit():
        raise invalid("$.filter.user_id: is missing but it is required")
    if event_type.startswith(PRIVATE):
        if caller.kind == APP or (caller.kind == OAUTH1 and not settings.subscription_oauth1):
            raise unsupported(caller.kind, [OAUTH2])
        if caller.account.id != user_id:
            raise plain(403, "The user of the token is not the user of the filter.")
    return user_id


def _tag(body: dict[str, Any]) -> str | None:
    tag = body.get("tag")
    if tag is not None and (not isinstance(tag, str) or not 1 <= len(tag) <= _TAG_CHARACTERS):
        raise invalid("$.tag: must have between 1 and 200 characters")
    return tag


def _webhook(caller: Caller, body: dict[str, Any]) -> str | None:
    webhook_id = body.get("webhook_id")
    if webhook_id is None:
        return None
    return the_sandbox().v2.webhooks.get(caller.app.id, str(webhook_id)).id
