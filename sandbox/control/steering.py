"""Control API for turning the world: faults, settings, raw events, checks, revoked access, a fresh start."""

import json
from datetime import UTC, datetime
from typing import Any

import requests
from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox import demo
from sandbox.control.asking import Refusal, account_in, asked, blueprint
from sandbox.people import new_token
from sandbox.twitter.bodies import encode
from sandbox.twitter.crc import challenge, try_challenge
from sandbox.twitter.delivery import post_event
from sandbox.twitter.webhooks import Subscription
from sandbox.world import the_world
from sandbox.x_v2.webhooks import V2Webhook

steering = blueprint("steering")

_RAW_EVENT_SECONDS = 30.0


@steering.get("/faults")
def faults() -> ResponseReturnValue:
    """List all faults with how often each has hit."""
    return jsonify(faults=[fault.document() for fault in the_world().faults.all()])


@steering.post("/faults")
def add_fault() -> ResponseReturnValue:
    """Put a fault in force."""
    try:
        fault = the_world().faults.add(asked())
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return jsonify(fault.document()), 201


@steering.delete("/faults")
def lift_faults() -> ResponseReturnValue:
    """Lift all faults and let go what they hold."""
    the_world().faults.lift()
    return "", 204


@steering.delete("/faults/<fault_id>")
def lift_fault(fault_id: str) -> ResponseReturnValue:
    """Lift one fault."""
    if not the_world().faults.lift(fault_id):
        raise Refusal("there is no such fault", 404)
    return "", 204


@steering.get("/settings")
def settings() -> ResponseReturnValue:
    """Show what can be turned."""
    return jsonify(vars(the_world().settings))


@steering.post("/settings")
def change_settings() -> ResponseReturnValue:
    """Turn some of it."""
    try:
        the_world().settings.change(asked())
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return jsonify(vars(the_world().settings))


@steering.post("/reset")
def reset() -> ResponseReturnValue:
    """Go back to the first start."""
    the_world().reset()
    return "", 204


@steering.post("/events")
def raw_event() -> ResponseReturnValue:
    """Post any body to the webhook of an account and give the connector's answer. `spoil` signs it wrongly."""
    world, fields = the_world(), asked()
    account = account_in(fields)
    token = world.directory.token_of(account.id)
    if token is None:
        raise Refusal("the account has no app")
    app = world.directory.apps[token.app_id]
    if "raw" in fields:
        body = str(fields["raw"]).encode()
    else:
        body = (
            encode(fields["body"]) if isinstance(fields.get("body"), dict) else json.dumps(fields.get("body")).encode()
        )
    urls = [webhook.url for webhook in world.webhooks.of_environment(app, token.environment)]
    urls += [webhook.url for webhook in world.v2.webhooks.of_app(app)]
    url = str(fields.get("url") or (urls[0] if urls else f"{world.connector.url}/webhook/twitter/{account.id}"))
    signature = fields.get("signature")
    if fields.get("spoil"):
        signature = "sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    with requests.Session() as session:
        session.trust_env = False
        outcome = post_event(session, url, app.consumer_secret, body, _RAW_EVENT_SECONDS, signature=signature)
    return jsonify(status=outcome)


@steering.post("/ccm/configuration")
def save_configuration() -> ResponseReturnValue:
    """Change what CCM tells of an account's credentials when it is asked; it pushes nothing."""
    world, fields = the_world(), asked()
    account = account_in(fields)
    values = fields.get("values") or {}
    if not isinstance(values, dict):
        raise Refusal("values must be an object")
    try:
        world.configurations.change(account.id, str(fields.get("state", "saved")), values)
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return "", 204


@steering.post("/crc")
def check_webhook() -> ResponseReturnValue:
    """Challenge an account's webhook now, as Twitter does from time to time; or declare it invalid."""
    world, fields = the_world(), asked()
    account = account_in(fields)
    shown = []
    for webhook in world.webhooks.listening_to(account.id):
        if fields.get("invalidate"):
            objection = "declared invalid"
        else:
            problem = challenge(webhook.url, world.directory.apps[webhook.app_id].consumer_secret)
            objection = problem.message if problem else ""
        world.webhooks.validate(webhook, not objection)
        shown.append(webhook.shown() | {"objection": objection or None})
    token = world.directory.token_of(account.id)
    for v2_webhook in world.v2.webhooks.of_app(world.directory.apps[token.app_id]) if token else ():
        shown.append(_check_v2(v2_webhook, invalidate=bool(fields.get("invalidate"))))
    world.feed.tell("people", {})
    return jsonify(webhooks=shown)


def _check_v2(webhook: V2Webhook, *, invalidate: bool) -> dict[str, Any]:
    world = the_world()
    if invalidate:
        world.v2.webhooks.set_valid(webhook, False)
        return webhook.shown() | {"objection": "declared invalid"}
    failure = try_challenge(webhook.url, world.directory.apps[webhook.app_id].consumer_secret)
    if failure is None or failure.final:
        world.v2.webhooks.set_valid(webhook, failure is None)
    return webhook.shown() | {"objection": failure.text if failure else None}


@steering.post("/authorise")
def authorise() -> ResponseReturnValue:
    """Let an account give the app a new token in place of the old one, and give the new register body."""
    world = the_world()
    account = account_in(asked())
    old = world.directory.token_of(account.id)
    if old is None:
        raise Refusal("the account has no token")
    old.revoked = True
    world.directory.add_token(old)
    world.directory.add_token(new_token(account.id, old.app_id, old.environment))
    return jsonify(demo.register_body(world.directory, account.id, world.options.connector_url))


@steering.post("/revoke")
def revoke() -> ResponseReturnValue:
    """Let an account take the app's access away: its token dies, its subscriptions end, the app is told."""
    world = the_world()
    account = account_in(asked())
    token = world.directory.token_of(account.id)
    if token is None:
        raise Refusal("the account has no token")
    token.revoked = True
    world.directory.add_token(token)
    listeners = world.webhooks.listening_to(account.id)
    for subscription in world.webhooks.subscriptions(world.directory.apps[token.app_id]):
        if subscription.user_id == account.id:
            world.webhooks.unsubscribe(Subscription(**vars(subscription)))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    world.activity.revoke(account.id, token.app_id, now, listeners)
    world.v2.grants.revoke_user(account.id, token.app_id)
    world.v2_activity.revoke(account.id, token.app_id, now)
    world.feed.tell("people", {})
    return jsonify(revoked=token.token.partition("-")[0])
