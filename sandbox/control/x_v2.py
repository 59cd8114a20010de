"""Control API for X API v2: grants, credit, streams, events of any type, recorded requests."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control.request_fields import Refusal, account_in, blueprint, body_fields, query_integer
from sandbox.people import App, User
from sandbox.state import the_sandbox
from sandbox.x_v2.grants import POST_SCOPES, SCOPES, Grant

x_v2 = blueprint("x_v2")

_REFUSALS = ("credits-depleted", "credits", "usage-capped", "user-not-enrolled")


@x_v2.post("/oauth2/grant")
def give_grant() -> ResponseReturnValue:
    """Let an account authorize its app without the page, and give the register attributes of OAuth 2.0."""
    fields = body_fields()
    account = account_in(fields)
    scopes = fields.get("scopes") or list(SCOPES)
    known = (*SCOPES, *POST_SCOPES)
    if not isinstance(scopes, list) or not set(scopes) <= set(known):
        raise Refusal(f"scopes must be a list of {', '.join(known)}")
    app = _app(account)
    return jsonify(_attributes(app, the_sandbox().v2.grants.give(app.id, account.id, scopes))), 201


@x_v2.get("/oauth2/grants")
def grants() -> ResponseReturnValue:
    """Show the grants of an account without their tokens: how often each was refreshed, and whether it is revoked."""
    account = account_in(dict(request.args))
    shown = [
        {
            "id": grant.id,
            "scopes": grant.scopes,
            "refreshed": len(grant.used_refresh_tokens),
            "revoked": grant.revoked,
            "access_until": grant.access_until,
            "refresh_until": grant.refresh_until,
        }
        for grant in the_sandbox().v2.grants.of_user(account.id)
    ]
    return jsonify(grants=shown)


@x_v2.post("/oauth2/expire")
def expire() -> ResponseReturnValue:
    """Let the access tokens of an account end now."""
    the_sandbox().v2.grants.expire_access(account_in(body_fields()).id)
    return "", 204


@x_v2.post("/credits")
def set_credits() -> ResponseReturnValue:
    """Give the app of an account a credit in USD; null lifts the limit. `refusal` names the problem without credit."""
    fields = body_fields()
    account, usd = account_in(fields), fields.get("usd")
    refusal = str(fields.get("refusal", "credits-depleted"))
    if usd is not None and (isinstance(usd, bool) or not isinstance(usd, int | float)):
        raise Refusal("usd must be a number or null")
    if refusal not in _REFUSALS:
        raise Refusal(f"refusal must be one of {', '.join(_REFUSALS)}")
    the_sandbox().v2.credits.set_balance(_app(account).id, None if usd is None else float(usd), refusal)
    return "", 204


@x_v2.get("/usage")
def usage() -> ResponseReturnValue:
    """Show what X has billed for an account."""
    account = account_in(dict(request.args))
    return jsonify(the_sandbox().v2.credits.usage(_app(account).id, account.id))


@x_v2.get("/streams")
def streams() -> ResponseReturnValue:
    """List the stream connections of all apps, ended ones too."""
    connections = the_sandbox().v2.streams.of_app(None, active=False)
    return jsonify(connections=[{**connection.shown(), "app_id": connection.app_id} for connection in connections])


@x_v2.post("/streams/close")
def close_streams() -> ResponseReturnValue:
    """End every open stream connection, as X does now and then."""
    sandbox = the_sandbox()
    open_ones = sandbox.v2.streams.of_app(None)
    for connection in open_ones:
        sandbox.v2.streams.close(connection, "operational disconnect")
    return jsonify(closed=len(open_ones))


@x_v2.post("/activity")
def publish() -> ResponseReturnValue:
    """Send an event of any type to the subscriptions of an account; answers how many there are."""
    sandbox, fields = the_sandbox(), body_fields()
    account, payload = account_in(fields), fields.get("payload") or {}
    if not isinstance(payload, dict):
        raise Refusal("payload must be an object")
    seed = str(fields.get("seed") or sandbox.ids.next())
    sent = sandbox.v2_activity.publish(account.id, str(fields.get("event_type")), payload, seed)
    return jsonify(subscriptions=sent)


@x_v2.get("/x/webhooks")
def webhooks() -> ResponseReturnValue:
    """List webhooks and subscriptions of API v2 of the app of an account."""
    sandbox = the_sandbox()
    app = _app(account_in(dict(request.args)))
    return jsonify(
        webhooks=[webhook.shown() for webhook in sandbox.v2.webhooks.of_app(app)],
        subscriptions=[entry.shown() for entry in sandbox.v2.subscriptions.of_app(app)],
        account_activity=[vars(entry) for entry in sandbox.v2.account_activity.of_app(app)],
    )


@x_v2.get("/requests/recorded")
def recorded() -> ResponseReturnValue:
    """List requests to API v2 with query and body, without credentials, for checks against the OpenAPI document."""
    return jsonify(requests=the_sandbox().recorder.since(query_integer("since"), request.args.get("path")))


def _app(account: User) -> App:
    directory = the_sandbox().directory
    token = directory.token_of(account.id)
    if token is None:
        raise Refusal("the account has no app")
    return directory.apps[token.app_id]


def _attributes(app: App, grant: Grant) -> dict[str, Any]:
    attributes = {
        "CLIENT-ID": app.client_id,
        "CLIENT-SECRET": app.client_secret,
        "OAUTH2-ACCESS-TOKEN": grant.access_token,
        "OAUTH2-REFRESH-TOKEN": grant.refresh_token,
    }
    return {name: value for name, value in attributes.items() if value}
