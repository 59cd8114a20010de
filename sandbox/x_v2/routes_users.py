"""Routes that look users up in API v2."""

import re

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.people import User
from sandbox.state import the_sandbox
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import ANY, USER, blueprint, endpoint
from sandbox.x_v2.problems import invalid, not_found
from sandbox.x_v2.users import shown_user

users = blueprint("users")

_USER_NAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_SCOPES = ("tweet.read", "users.read")


@users.get("/2/users/me")
@endpoint("users/me", *USER, scopes=_SCOPES, billed=True)
def me(caller: Caller) -> ResponseReturnValue:
    """Show the owner of the token."""
    return _answer(caller, caller.account, billed=False)


@users.get("/2/users/by/username/<name>")
@endpoint("users/by_username", *ANY, scopes=_SCOPES, billed=True)
def by_username(caller: Caller, name: str) -> ResponseReturnValue:
    """Show a user by name. An unknown one is 200 with `errors` and no `data`."""
    if not _USER_NAME.fullmatch(name):
        message = f"The `username` query parameter value [{name}] does not match ^[A-Za-z0-9_]{{1,15}}$"
        raise invalid(message, username=name)
    user = the_sandbox().directory.user_named(name)
    return _answer(caller, user) if user else jsonify(errors=[not_found("user", "username", name)])


@users.get("/2/users/<user_id>")
@endpoint("users/by_id", *ANY, scopes=_SCOPES, billed=True)
def by_id(caller: Caller, user_id: str) -> ResponseReturnValue:
    """Show a user by id. An unknown one is 200 with `errors` and no `data`."""
    if not re.fullmatch(r"[0-9]{1,19}", user_id):
        raise invalid(f"The `id` query parameter value [{user_id}] does not match ^[0-9]{{1,19}}$", id=user_id)
    user = the_sandbox().directory.users.get(user_id)
    return _answer(caller, user) if user else jsonify(errors=[not_found("user", "id", user_id)])


def _answer(caller: Caller, user: User, *, billed: bool = True) -> ResponseReturnValue:
    sandbox = the_sandbox()
    shown = shown_user(user, request.args.get("user.fields", ""))
    if billed:
        account_id = caller.user.id if caller.user else ""
        sandbox.v2.credits.charge(caller.app.id, "user_read", account_id, user.id)
    return jsonify(data=shown)
