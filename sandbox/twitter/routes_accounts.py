"""Routes for app-only tokens and for users, as API v1.1 shows them."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.people import User
from sandbox.state import the_sandbox
from sandbox.twitter.bodies import PROFILE
from sandbox.twitter.endpoint import APP, USER, blueprint, endpoint
from sandbox.twitter.errors import error, missing
from sandbox.twitter.oauth import Caller, app_of_basic

accounts = blueprint("accounts")


@accounts.post("/oauth2/token")
def bearer_token() -> ResponseReturnValue:
    """Return the app-only token of an app."""
    app = app_of_basic(request, the_sandbox().directory)
    if request.form.get("grant_type") != "client_credentials":
        raise error(170)
    return jsonify(token_type="bearer", access_token=app.bearer_token)


@accounts.get("/1.1/account/verify_credentials.json")
@endpoint("verify_credentials", USER)
def verify_credentials(caller: Caller) -> ResponseReturnValue:
    """Show the owner of the token."""
    return jsonify(_v1_user(caller.account))


@accounts.get("/1.1/users/show.json")
@endpoint("users/show", USER, APP)
def show_user(caller: Caller) -> ResponseReturnValue:
    """Find a user by id or screen name."""
    directory = the_sandbox().directory
    if user_id := request.args.get("user_id"):
        user = directory.users.get(user_id)
    elif screen_name := request.args.get("screen_name"):
        user = directory.user_named(screen_name)
    else:
        raise missing("user_id or screen_name")
    if user is None:
        raise error(50)
    if user.refuses == 63:
        raise error(63)
    return jsonify(_v1_user(user))


def _v1_user(user: User) -> dict[str, Any]:
    return {
        "id": int(user.id),
        "id_str": user.id,
        "name": user.name,
        "screen_name": user.screen_name,
        "location": user.location or "",
        "description": user.description or "",
        **PROFILE,
        "suspended": False,
    }
