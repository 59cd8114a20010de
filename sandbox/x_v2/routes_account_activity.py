"""Routes of Account Activity v2, which X has marked deprecated."""

from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_v2.caller import APP, Caller
from sandbox.x_v2.endpoint import USER, blueprint, endpoint
from sandbox.x_v2.problems import refused

account_activity = blueprint("account_activity")

_BASE = "/2/account_activity"
_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read")


@account_activity.post(f"{_BASE}/webhooks/<webhook_id>/subscriptions/all")
@endpoint("v2/account_activity", *USER, scopes=_SCOPES)
def subscribe(caller: Caller, webhook_id: str) -> ResponseReturnValue:
    """Subscribe the owner of the token."""
    sandbox = the_sandbox()
    webhook = sandbox.v2.webhooks.get(caller.app.id, webhook_id)
    sandbox.v2.account_activity.add(caller.app, webhook.id, caller.account.id)
    return jsonify(data={"subscribed": True})


@account_activity.get(f"{_BASE}/webhooks/<webhook_id>/subscriptions/all")
@endpoint("v2/account_activity", *USER, scopes=_SCOPES)
def is_subscribed(caller: Caller, webhook_id: str) -> ResponseReturnValue:
    """Say whether the owner of the token is subscribed."""
    sandbox = the_sandbox()
    webhook = sandbox.v2.webhooks.get(caller.app.id, webhook_id)
    if not sandbox.v2.account_activity.has(webhook.id, caller.account.id):
        raise refused("SubscriptionNotFound", "Subscription not found", 404)
    return jsonify(data={"subscribed": True})


@account_activity.get(f"{_BASE}/webhooks/<webhook_id>/subscriptions/all/list")
@endpoint("v2/account_activity", APP)
def list_subscriptions(caller: Caller, webhook_id: str) -> ResponseReturnValue:
    """List the users subscribed to a webhook."""
    sandbox = the_sandbox()
    webhook = sandbox.v2.webhooks.get(caller.app.id, webhook_id)
    entries = [entry for entry in sandbox.v2.account_activity.of_app(caller.app) if entry.webhook_id == webhook.id]
    return jsonify(
        data={
            "application_id": caller.app.id,
            "webhook_id": webhook.id,
            "webhook_url": webhook.url,
            "subscriptions": [{"user_id": entry.user_id} for entry in entries],
        }
    )


@account_activity.delete(f"{_BASE}/webhooks/<webhook_id>/subscriptions/<user_id>/all")
@endpoint("v2/account_activity", APP)
def unsubscribe(caller: Caller, webhook_id: str, user_id: str) -> ResponseReturnValue:
    """Unsubscribe a user."""
    sandbox = the_sandbox()
    webhook = sandbox.v2.webhooks.get(caller.app.id, webhook_id)
    sandbox.v2.account_activity.remove(webhook.id, user_id)
    return jsonify(data={"subscribed": False})


@account_activity.get(f"{_BASE}/subscriptions/count")
@endpoint("v2/account_activity", APP)
def count(caller: Caller) -> ResponseReturnValue:
    """Count the app's subscriptions. X writes numbers as strings here."""
    sandbox = the_sandbox()
    return jsonify(
        data={
            "account_name": caller.app.name,
            "provisioned_count": str(sandbox.settings.account_activity_limit),
            "subscriptions_count_all": str(len(sandbox.v2.account_activity.of_app(caller.app))),
            "subscriptions_count_direct_messages": "0",
        }
    )
