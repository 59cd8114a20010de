"""Routes of OAuth 2.0: the page on which a user authorizes an app, and the tokens that follow from it."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote, urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

from sandbox.people import App
from sandbox.state import the_sandbox
from sandbox.x_v2.caller import client_token
from sandbox.x_v2.grants import POST_SCOPES, SCOPES, Grant, GrantRefused

oauth2 = Blueprint("v2_oauth2", __name__)

_ASKED = ("client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Authorize {{ app.name }}</title><link rel="stylesheet" href="/static/style.css"></head>
<body class="authorize"><main>
<h1>{{ app.name }} wants to access your X account</h1>
<form method="post" action="/i/oauth2/authorize">
<p><label>Signed in as <select name="account_id">
{% for user in users %}<option value="{{ user.id }}">{{ user.name }} (@{{ user.screen_name }})</option>{% endfor %}
</select></label></p>
<p>Things this app can do:</p><ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
{% for name, value in asked.items() %}<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<p><button name="decision" value="allow">Authorize app</button> <button name="decision" value="deny">Cancel</button></p>
</form></main></body></html>"""


@oauth2.get("/i/oauth2/authorize")
@oauth2.get("/2/oauth2/authorize")
def page() -> ResponseReturnValue:
    """Show what the app asks for and let one of its accounts decide."""
    sandbox = the_sandbox()
    app = sandbox.directory.app_with_client_id(request.args.get("client_id", ""))
    problem = _complaint(app, request.args)
    if app is None or problem:
        return Response(f"Something went wrong. {problem}\n", status=400, mimetype="text/plain")
    users = [user for user in sandbox.directory.accounts() if _app_of(user.id) == app.id]
    asked = {name: request.args.get(name, "") for name in _ASKED}
    shown = render_template_string(_PAGE, app=app, users=users, scopes=asked["scope"].split(), asked=asked)
    return Response(shown, mimetype="text/html", headers={"Cache-Control": "no-store"})


@oauth2.post("/i/oauth2/authorize")
def decide() -> ResponseReturnValue:
    """Send the user back to the app, with a code or with `error=access_denied`."""
    sandbox, form = the_sandbox(), request.form
    app = sandbox.directory.app_with_client_id(form.get("client_id", ""))
    problem = _complaint(app, form)
    if app is None or problem or form.get("account_id") not in sandbox.directory.users:
        return Response(f"Something went wrong. {problem}\n", status=400, mimetype="text/plain")
    answer = {"state": form["state"]}
    if form.get("decision", "allow") == "allow":
        answer["code"] = sandbox.v2.grants.code(
            app.id,
            form["account_id"],
            form["scope"].split(),
            form["redirect_uri"],
            form["code_challenge"],
            form.get("code_challenge_method", "plain"),
        )
    else:
        answer["error"] = "access_denied"
    joint = "&" if urlsplit(form["redirect_uri"]).query else "?"
    return redirect(f"{form['redirect_uri']}{joint}{urlencode(answer)}")


@oauth2.post("/2/oauth2/token")
def token() -> ResponseReturnValue:
    """Give tokens for a code, for a refresh token, or for the app's own credentials."""
    grants, form = the_sandbox().v2.grants, request.form
    app = _client()
    if app is None:
        body = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
        return jsonify(body), 401
    kind = form.get("grant_type")
    try:
        if kind == "authorization_code":
            redirect_uri, verifier = form.get("redirect_uri", ""), form.get("code_verifier", "")
            return _tokens(grants.redeem(app.id, form.get("code", ""), redirect_uri, verifier))
        if kind == "refresh_token":
            return _tokens(grants.refresh(app.id, form.get("refresh_token", "")))
    except GrantRefused as refusal:
        return jsonify(error=refusal.error, error_description=refusal.description), 400
    if kind == "client_credentials":
        return jsonify(token_type="bearer", access_token=client_token(app))
    return jsonify(error="unsupported_grant_type", error_description="The grant type is not supported."), 400


@oauth2.post("/2/oauth2/revoke")
def revoke() -> ResponseReturnValue:
    """End a grant by one of its tokens."""
    app = _client()
    if app is None:
        return jsonify(error="unauthorized_client"), 401
    the_sandbox().v2.grants.revoke_token(app.id, request.form.get("token", ""))
    return jsonify(revoked=True)


def _tokens(grant: Grant) -> ResponseReturnValue:
    body = {
        "token_type": "bearer",
        "expires_in": int(the_sandbox().settings.oauth2_access_seconds),
        "access_token": grant.access_token,
        "scope": " ".join(grant.scopes),
    }
    return jsonify({**body, **({"refresh_token": grant.refresh_token} if grant.refresh_token else {})})


def _client() -> App | None:
    """Return the app that asks: confidential clients by Basic authorization, public ones by `client_id`."""
    directory = the_sandbox().directory
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return directory.app_with_client_id(request.form.get("client_id", "")) if not scheme else None
    try:
        client_id, _, secret = base64.b64decode(rest, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    app = directory.app_with_client_id(unquote(client_id))
    return app if app is not None and app.client_secret == unquote(secret) else None


def _complaint(app: App | None, asked: Mapping[str, str]) -> str:
    """Return what is wrong with a request to authorize; "" for a good one."""
    if app is None:
        return "The client_id is not known."
    for name in ("redirect_uri", "state", "code_challenge", "scope"):
        if not asked.get(name):
            return f"{name} is missing."
    if asked.get("code_challenge_method", "plain") not in {"S256", "plain"}:
        return "code_challenge_method must be S256 or plain."
    if unknown := set(asked["scope"].split()) - {*SCOPES, *POST_SCOPES}:
        return f"Unknown scope: {', '.join(sorted(unknown))}."
    return ""


def _app_of(user_id: str) -> str:
    token = the_sandbox().directory.token_of(user_id)
    return token.app_id if token else ""
