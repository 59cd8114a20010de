"""Control API for faults and settings, raw events, challenges, revoked access, and the reset."""

import json
from datetime import UTC, datetime
from typing import Any

import requests
from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox import demo
from sandbox.control.request_fields import Refusal, account_in, blueprint, body_fields
from sandbox.people import Token, new_token
from sandbox.state import the_sandbox
from sandbox.twitter.bodies import encode
from sandbox.twitter.crc import challenge, try_challenge
from sandbox.twitter.delivery import post_event
from sandbox.twitter.webhooks import Subscription
from sandbox.x_v2.webhooks import V2Webhook

faults_and_settings = blueprint("faults_and_settings")

_RAW_EVENT_SECONDS = 30.0


@faults_and_settings.get("/faults")
def faults() -> ResponseReturnValue:
    """List all faults with their hits."""
    return jsonify(faults=[fault.document() for fault in the_sandbox().faults.all()])


@faults_and_settings.post("/faults")
def add_fault() -> ResponseReturnValue:
    """Add a fault."""
    try:
        fault = the_sandbox().faults.add(body_fields())
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return jsonify(fault.document()), 201


@faults_and_settings.delete("/faults")
def lift_faults() -> ResponseReturnValue:
    """Delete all faults; requests that wait in them go on."""
    the_sandbox().switches.restore()
    the_sandbox().faults.lift()
    return "", 204


@faults_and_settings.delete("/faults/<fault_id>")
def lift_fault(fault_id: str) -> ResponseReturnValue:
    """Delete one fault."""
    if not the_sandbox().faults.lift(fault_id):
        raise Refusal("there is no such fault", 404)
    return "", 204


@faults_and_settings.get("/settings")
def settings() -> ResponseReturnValue:
    """Show all settings."""
    return jsonify(vars(the_sandbox().settings))


@faults_and_settings.post("/settings")
def change_settings() -> ResponseReturnValue:
    """Change some settings."""
    try:
        the_sandbox().settings.change(body_fields())
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return jsonify(vars(the_sandbox().settings))


@faults_and_settings.post("/reset")
def reset() -> ResponseReturnValue:
    """Return to the state of the first start."""
    the_sandbox().reset()
    return "", 204


@faults_and_settings.post("/events")
def raw_event() -> ResponseReturnValue:
    """Post any body to the webhook of an account and return the connector's status. `spoil` signs it wrongly."""
    sandbox, fields = the_sandbox(), body_fields()
    account = account_in(fields)
    token = sandbox.directory.token_of(account.id)
    if token is None:
        raise Refusal("the account has no app")
    app = sandbox.directory.apps[token.app_id]
    if "raw" in fields:
        body = str(fields["raw"]).encode()
    else:
        body = (
            encode(fields["body"]) if isinstance(fields.get("body"), dict) else json.dumps(fields.get("body")).encode()
        )
    urls = [webhook.url for webhook in sandbox.webhooks.of_environment(app, token.environment)]
    urls += [webhook.url for webhook in sandbox.v2.webhooks.of_app(app)]
    url = str(fields.get("url") or (urls[0] if urls else f"{sandbox.connector.url}/webhook/twitter/{account.id}"))
    signature = fields.get("signature")
    if fields.get("spoil"):
        signature = "sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    with requests.Session() as session:
        session.trust_env = False
        outcome = post_event(session, url, app.consumer_secret, body, _RAW_EVENT_SECONDS, signature=signature)
    return jsonify(status=outcome)


@faults_and_settings.post("/ccm/configuration")
def save_configuration() -> ResponseReturnValue:
    """Change what CCM returns as an account's configuration. Nothing is pushed."""
    sandbox, fields = the_sandbox(), body_fields()
    account = account_in(fields)
    values = fields.get("values") or {}
    if not isinstance(values, dict):
        raise Refusal("values must be an object")
    try:
        sandbox.configurations.change(account.id, str(fields.get("state", "saved")), values)
    except ValueError as problem:
        raise Refusal(str(problem)) from None
    return "", 204


@faults_and_settings.post("/crc")
def check_webhook() -> ResponseReturnValue:
    """Challenge an account's webhooks now, or declare them invalid."""
    sandbox, fields = the_sandbox(), body_fields()
    account = account_in(fields)
    shown = []
    for webhook in sandbox.webhooks.listening_to(account.id):
        if fields.get("invalidate"):
            objection = "declared invalid"
        else:
            problem = challenge(webhook.url, sandbox.directory.apps[webhook.app_id].consumer_secret)
            objection = problem.message if problem else ""
        sandbox.webhooks.validate(webhook, not objection)
        shown.append(webhook.shown() | {"objection": objection or None})
    token = sandbox.directory.token_of(account.id)
    for v2_webhook in sandbox.v2.webhooks.of_app(sandbox.directory.apps[token.app_id]) if token else ():
        shown.append(_check_v2(v2_webhook, invalidate=bool(fields.get("invalidate"))))
    sandbox.feed.publish("people", {})
    return jsonify(webhooks=shown)


def _check_v2(webhook: V2Webhook, *, invalidate: bool) -> dict[str, Any]:
    sandbox = the_sandbox()
    if invalidate:
        sandbox.v2.webhooks.set_valid(webhook, False)
        return webhook.shown() | {"objection": "declared invalid"}
    failure = try_challenge(webhook.url, sandbox.directory.apps[webhook.app_id].consumer_secret)
    if failure is None or failure.final:
        sandbox.v2.webhooks.set_valid(webhook, failure is None)
    return webhook.shown() | {"objection": failure.text if failure else None}


@faults_and_settings.post("/authorise")
def authorise() -> ResponseReturnValue:
    """Replace the token of an account and return the new register body."""
    sandbox = the_sandbox()
    account = account_in(body_fields())
    old = _revoked_token(account.id)
    sandbox.directory.add_token(new_token(account.id, old.app_id, old.environment))
    return jsonify(demo.register_body(sandbox.directory, account.id, sandbox.options.connector_url))


def _revoked_token(account_id: str) -> Token:
    """Revoke the account's token and return it. Raises Refusal if the account has none."""
    directory = the_sandbox().directory
    token = directory.token_of(account_id)
    if token is None:
        raise Refusal("the account has no token")
    token.revoked = True
    directory.add_token(token)
    return token


@faults_and_settings.post("/revoke")
def revoke() -> ResponseReturnValue:
    """Let an account revoke the app's access: its tokens and subscriptions end, and the app gets an event."""
    sandbox = the_sandbox()
    account = account_in(body_fields())
    token = _revoked_token(account.id)
    listeners = sandbox.webhooks.listening_to(account.id)
    for subscription in sandbox.webhooks.subscriptions(sandbox.directory.apps[token.app_id]):
        if subscription.user_id == account.id:
            sandbox.webhooks.unsubscribe(Subscription(**vars(subscription)))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    sandbox.activity.revoke(account.id, token.app_id, now, listeners)
    sandbox.v2.grants.revoke_user(account.id, token.app_id)
    sandbox.v2_activity.revoke(account.id, token.app_id, now)
    sandbox.feed.publish("people", {})
    return jsonify(revoked=token.token.partition("-")[0])
