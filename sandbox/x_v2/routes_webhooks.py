"""Routes for webhooks of API v2: create, list, validate, delete, replay."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.crc import CrcFailure, try_challenge
from sandbox.twitter.webhooks import meets_rules
from sandbox.x_v2.caller import APP, OAUTH1, Caller
from sandbox.x_v2.endpoint import blueprint, body_of, endpoint
from sandbox.x_v2.problems import Problem, invalid, refused

webhooks = blueprint("webhooks")

_FIELDS = {"created_at", "id", "url", "valid"}
_URL_CHARACTERS = 200


@webhooks.post("/2/webhooks")
@endpoint("v2/webhooks/create", APP, OAUTH1)
def create(caller: Caller) -> ResponseReturnValue:
    """Challenge a URL and register it. The challenge runs before the answer."""
    url = body_of({"url"}, {"url"})["url"]
    if not isinstance(url, str) or not 1 <= len(url) <= _URL_CHARACTERS or not meets_rules(url):
        raise refused("UrlValidationFailed", "The URL must be https, without a port, and public.")
    store = the_sandbox().v2.webhooks
    store.check_room(caller.app, url)
    if failure := try_challenge(url, caller.app.consumer_secret):
        raise _crc(failure)
    return jsonify(data=store.add(caller.app, url).shown())


@webhooks.get("/2/webhooks")
@endpoint("v2/webhooks/list", APP)
def list_webhooks(caller: Caller) -> ResponseReturnValue:
    """List the webhooks of the app."""
    sandbox = the_sandbox()
    fields = set(filter(None, request.args.get("webhook_config.fields", "").split(",")))
    if unknown := fields - _FIELDS:
        raise invalid(f"`webhook_config.fields` has unknown values: {sorted(unknown)}", webhook_config__fields="")
    shown = [hook.shown() for hook in sandbox.v2.webhooks.of_app(caller.app)]
    if not shown and not sandbox.settings.webhook_empty_data:
        return jsonify(meta={"result_count": 0})
    return jsonify(data=shown, meta={"result_count": len(shown)})


@webhooks.put("/2/webhooks/<webhook_id>")
@endpoint("v2/webhooks/validate", APP, OAUTH1)
def validate(caller: Caller, webhook_id: str) -> ResponseReturnValue:
    """Challenge a webhook. A wrong answer or a redirect makes it invalid; silence and errors leave it as it is."""
    store = the_sandbox().v2.webhooks
    webhook = store.get(caller.app.id, webhook_id)
    failure = try_challenge(webhook.url, caller.app.consumer_secret)
    if failure is None:
        store.set_valid(webhook, True)
        return jsonify(data={"valid": True})
    if failure.final:
        store.set_valid(webhook, False)
    raise _crc(failure)


@webhooks.delete("/2/webhooks/<webhook_id>")
@endpoint("v2/webhooks/delete", APP, OAUTH1)
def delete(caller: Caller, webhook_id: str) -> ResponseReturnValue:
    """Delete a webhook."""
    store = the_sandbox().v2.webhooks
    store.remove(store.get(caller.app.id, webhook_id))
    return jsonify(data={"deleted": True})


@webhooks.post("/2/webhooks/replay")
@endpoint("v2/webhooks/replay", APP)
def replay(caller: Caller) -> ResponseReturnValue:
    """Deliver the events of a time span again; a status event follows them."""
    fields = {"webhook_id", "from_date", "to_date"}
    body = body_of(fields, fields)
    sandbox = the_sandbox()
    webhook = sandbox.v2.webhooks.get(caller.app.id, str(body["webhook_id"]))
    return jsonify(data=sandbox.v2.replays.start(webhook, str(body["from_date"]), str(body["to_date"])))


def _crc(failure: CrcFailure) -> Problem:
    return refused("CrcValidationFailed", f"URL returned bad response during CRC with error: {failure.text}")
