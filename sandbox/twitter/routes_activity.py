"""Routes of the Account Activity API, premium: webhooks of an environment and the users subscribed to it."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.people import App
from sandbox.state import the_sandbox
from sandbox.twitter.crc import challenge
from sandbox.twitter.endpoint import APP, USER, blueprint, endpoint
from sandbox.twitter.errors import error, missing
from sandbox.twitter.oauth import Caller
from sandbox.twitter.webhooks import Subscription, meets_rules

activity = blueprint("activity")

_ALL = "/1.1/account_activity/all"
_PROVISIONED = "250"


@activity.post(f"{_ALL}/<env>/webhooks.json")
@endpoint("webhooks/register", USER)
def register(caller: Caller, env: str) -> ResponseReturnValue:
    """Challenge a URL and make it the environment's webhook. The challenge runs before the answer."""
    _known(caller.app, env)
    webhooks = the_sandbox().webhooks
    url = request.args.get("url") or request.form.get("url")
    if not url:
        raise missing("url")
    if not meets_rules(url):
        raise error(214)
    webhooks.room_for(caller.app, env)
    if objection := challenge(url, caller.app.consumer_secret):
        raise objection
    return jsonify(webhooks.add(caller.app, env, url).shown())


@activity.get(f"{_ALL}/<env>/webhooks.json")
@endpoint("webhooks/list", USER, APP)
def list_webhooks(caller: Caller, env: str) -> ResponseReturnValue:
    """List the webhooks of one environment."""
    _known(caller.app, env)
    return jsonify([webhook.shown() for webhook in the_sandbox().webhooks.of_environment(caller.app, env)])


@activity.get(f"{_ALL}/webhooks.json")
@endpoint("webhooks/list_all", USER, APP)
def list_environments(caller: Caller) -> ResponseReturnValue:
    """List the webhooks of all environments of the app."""
    webhooks = the_sandbox().webhooks
    environments: list[dict[str, Any]] = [
        {
            "environment_name": env,
            "webhooks": [webhook.shown() for webhook in webhooks.of_environment(caller.app, env)],
        }
        for env in caller.app.environments
    ]
    return jsonify(environments=environments)


@activity.put(f"{_ALL}/<env>/webhooks/<webhook_id>.json")
@endpoint("webhooks/check", USER, APP)
def check_webhook(caller: Caller, env: str, webhook_id: str) -> ResponseReturnValue:
    """Challenge a webhook again; the outcome decides whether it is valid."""
    _known(caller.app, env)
    webhooks = the_sandbox().webhooks
    webhook = webhooks.get(caller.app, env, webhook_id)
    objection = challenge(webhook.url, caller.app.consumer_secret)
    webhooks.validate(webhook, objection is None)
    if objection:
        raise objection
    return "", 204


@activity.delete(f"{_ALL}/<env>/webhooks/<webhook_id>.json")
@endpoint("webhooks/delete", USER)
def delete_webhook(caller: Caller, env: str, webhook_id: str) -> ResponseReturnValue:
    """Delete a webhook; subscriptions go with it."""
    _known(caller.app, env)
    webhooks = the_sandbox().webhooks
    webhooks.remove(webhooks.get(caller.app, env, webhook_id))
    return "", 204


@activity.post(f"{_ALL}/<env>/subscriptions.json")
@endpoint("subscriptions/add", USER)
def subscribe(caller: Caller, env: str) -> ResponseReturnValue:
    """Subscribe the owner of the token."""
    sandbox = the_sandbox()
    _known(caller.app, env)
    if not sandbox.webhooks.of_environment(caller.app, env):
        raise error(34)
    if not caller.account.business:
        raise error(348)
    sandbox.webhooks.subscribe(Subscription(caller.app.id, env, caller.account.id))
    return "", 204


@activity.get(f"{_ALL}/<env>/subscriptions.json")
@endpoint("subscriptions/check", USER)
def check_subscription(caller: Caller, env: str) -> ResponseReturnValue:
    """Say whether the owner of the token is subscribed."""
    _known(caller.app, env)
    if not the_sandbox().webhooks.subscribed(Subscription(caller.app.id, env, caller.account.id)):
        raise error(34)
    return "", 204


@activity.get(f"{_ALL}/<env>/subscriptions/list.json")
@endpoint("subscriptions/list", APP)
def list_subscriptions(caller: Caller, env: str) -> ResponseReturnValue:
    """List the users subscribed in an environment."""
    _known(caller.app, env)
    subscriptions = [entry for entry in the_sandbox().webhooks.subscriptions(caller.app) if entry.environment == env]
    users = [{"user_id": entry.user_id} for entry in subscriptions]
    return jsonify(environment=env, application_id=caller.app.id, subscriptions=users)


@activity.get(f"{_ALL}/subscriptions/count.json")
@activity.get(f"{_ALL}/count.json")
@endpoint("subscriptions/count", APP)
def count_subscriptions(caller: Caller) -> ResponseReturnValue:
    """Count the app's subscriptions; counts are strings at Twitter."""
    count = len(the_sandbox().webhooks.subscriptions(caller.app))
    return jsonify(account_name=caller.app.name, subscriptions_count=str(count), provisioned_count=_PROVISIONED)


@activity.delete(f"{_ALL}/<env>/subscriptions/<user_id>.json")
@endpoint("subscriptions/remove", APP)
def unsubscribe_user(caller: Caller, env: str, user_id: str) -> ResponseReturnValue:
    """Unsubscribe any user, by the app."""
    _known(caller.app, env)
    the_sandbox().webhooks.unsubscribe(Subscription(caller.app.id, env, user_id))
    return "", 204


@activity.delete(f"{_ALL}/<env>/subscriptions.json")
@endpoint("subscriptions/remove", USER)
def unsubscribe_self(caller: Caller, env: str) -> ResponseReturnValue:
    """Unsubscribe the owner of the token: deprecated, still there."""
    _known(caller.app, env)
    the_sandbox().webhooks.unsubscribe(Subscription(caller.app.id, env, caller.account.id))
    return "", 204


def _known(app: App, env: str) -> None:
    """Raise error 34 for an environment the app does not have. Capitals matter."""
    if env not in app.environments:
        raise error(34)
