"""Control API for accounts and customers: list, create, register, refuse messages."""

import threading
import time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import demo
from sandbox.ccm.connector import Unreachable
from sandbox.control.request_fields import Refusal, account_in, blueprint, body_fields, customer_in, query_integer
from sandbox.people import User, new_app, new_token
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter import errors

people = blueprint("people")

_adding = threading.Lock()


@people.get("/demo")
def demo_credentials() -> ResponseReturnValue:
    """Return the register body of the v1.1 demo account."""
    return jsonify(_register_body(the_sandbox(), demo.ACCOUNT_ID))


@people.get("/demos")
def all_demo_credentials() -> ResponseReturnValue:
    """Return the register bodies of both demo accounts."""
    sandbox = the_sandbox()
    return jsonify(
        {"v2": _register_body(sandbox, demo.V2_ACCOUNT_ID), "v1.1": _register_body(sandbox, demo.ACCOUNT_ID)}
    )


@people.get("/people")
def list_people() -> ResponseReturnValue:
    """List accounts and customers, the first `limit` of each."""
    sandbox = the_sandbox()
    limit = query_integer("limit", 1_000_000)
    return jsonify(
        accounts=[
            {**_shown(account), "api": _api(sandbox, account.id), "registered": _registered(sandbox, account.id)}
            for account in sandbox.directory.accounts()[:limit]
        ],
        customers=[
            {**_shown(customer), "refuses": customer.refuses} for customer in sandbox.directory.customers()[:limit]
        ],
        demo={
            "account_id": demo.ACCOUNT_ID,
            "v2_account_id": demo.V2_ACCOUNT_ID,
            "customer_id": demo.CUSTOMER_ID,
        },
    )


@people.post("/accounts")
def add_account() -> ResponseReturnValue:
    """Create a business account and return its register body."""
    sandbox, fields = the_sandbox(), body_fields()
    directory = sandbox.directory
    with _adding:
        user_id = str(fields.get("id") or _free_id(sandbox))
        screen_name = str(fields.get("screen_name") or f"brand{len(directory.users)}")
        _must_be_new(sandbox, user_id, screen_name)
        api = str(fields.get("api") or "v1.1")
        if api not in {"v1.1", "v2"}:
            raise Refusal('api must be "v1.1" or "v2"')
        environment = str(fields.get("environment") or ("sandbox" if api == "v1.1" else ""))
        partner = fields.get("share_app_with")
        if partner is None:
            app = new_app(sandbox.ids.next(), f"{screen_name} care", environment, api, _developer(sandbox, fields))
        else:
            app = directory.apps[_token_of(sandbox, str(partner)).app_id]
            if fields.get("environment") is None:
                environment = _token_of(sandbox, str(partner)).environment
            elif environment not in app.environments:
                app.environments = [*app.environments, environment]
        directory.add_app(app)
        name = str(fields.get("name") or screen_name.capitalize())
        directory.add_users([User(user_id, name, screen_name, _now_ms(), business=True)])
        directory.add_token(new_token(user_id, app.id, environment))
    sandbox.feed.publish("people", {})
    return jsonify(_register_body(sandbox, user_id)), 201


@people.get("/accounts/<account_id>")
def account(account_id: str) -> ResponseReturnValue:
    """Return the register body of any account. `api` chooses the API; the default is the API of its app."""
    return jsonify(_register_body(the_sandbox(), account_id, request.args.get("api", "")))


@people.post("/customers")
def add_customers() -> ResponseReturnValue:
    """Create one customer, or `count` of them at once."""
    sandbox, fields = the_sandbox(), body_fields()
    count = fields.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= 100_000:
        raise Refusal("count must be between 1 and 100000")
    with _adding:
        made = []
        for _ in range(count):
            user_id = str(fields.get("id") or _free_id(sandbox))
            screen_name = str(fields.get("screen_name") or f"c{user_id[-14:]}")
            _must_be_new(sandbox, user_id, screen_name)
            name = str(fields.get("name") or f"Customer {user_id[-6:]}")
            made.append(User(user_id, name, screen_name, _now_ms()))
            sandbox.directory.add_users(made[-1:])
    sandbox.feed.publish("people", {})
    return jsonify(customers=[_shown(customer) for customer in made]), 201


@people.post("/customer/refuse")
def refuse() -> ResponseReturnValue:
    """Let a customer refuse messages with an error code of X; null accepts them again."""
    sandbox, fields = the_sandbox(), body_fields()
    customer, code = customer_in(fields), fields.get("code")
    if code is not None and not (isinstance(code, int) and errors.knows(code)):
        raise Refusal("code must be an error code of X or null")
    customer.refuses = code
    sandbox.directory.add_users([customer])
    return jsonify(_shown(customer) | {"refuses": code})


@people.post("/register")
def register() -> ResponseReturnValue:
    """Post the register body of an account to the connector and return its answer."""
    sandbox, fields = the_sandbox(), body_fields()
    body = _register_body(sandbox, account_in(fields).id, str(fields.get("api") or ""))
    more = fields.get("attributes") or {}
    if not isinstance(more, dict):
        raise Refusal("attributes must be an object")
    body = {name: value for name, value in {**body, **more}.items() if value is not None}
    try:
        answer = sandbox.connector.register(body)
    except Unreachable as problem:
        raise Refusal(f"the connector could not be reached: {problem}", 502) from None
    sandbox.feed.publish("people", {})
    try:
        answered: Any = answer.json()
    except ValueError:
        answered = answer.text[:500]
    return jsonify(status=answer.status_code, body=answered)


def _developer(sandbox: Sandbox, fields: dict[str, Any]) -> str:
    """Return the developer account of a new app: that of another account's app, or "" for one of its own."""
    partner = fields.get("share_developer_with")
    return "" if partner is None else sandbox.directory.apps[_token_of(sandbox, str(partner)).app_id].developer_id


def _register_body(sandbox: Sandbox, account_id: str, api: str = "") -> dict[str, str]:
    try:
        return demo.register_body(sandbox.directory, account_id, sandbox.options.connector_url, api)
    except LookupError as problem:
        raise Refusal(str(problem), 404) from None


def _token_of(sandbox: Sandbox, account_id: str) -> Any:
    token = sandbox.directory.token_of(account_id)
    if token is None:
        raise Refusal(f"share_app_with: there is no account {account_id}", 404)
    return token


def _registered(sandbox: Sandbox, account_id: str) -> bool:
    return any(webhook.valid for webhook in sandbox.webhooks.listening_to(account_id)) or sandbox.v2.reaches(account_id)


def _app_id(sandbox: Sandbox, account_id: str) -> str:
    token = sandbox.directory.token_of(account_id)
    return token.app_id if token else ""


def _api(sandbox: Sandbox, account_id: str) -> str:
    app = sandbox.directory.apps.get(_app_id(sandbox, account_id))
    return app.api if app else ""


def _shown(user: User) -> dict[str, Any]:
    return {"id": user.id, "name": user.name, "screen_name": user.screen_name}


def _must_be_new(sandbox: Sandbox, user_id: str, screen_name: str) -> None:
    if not user_id.isdigit():
        raise Refusal("id must be digits")
    if user_id in sandbox.directory.users or sandbox.directory.user_named(screen_name):
        raise Refusal(f"{user_id} or @{screen_name} exists already", 409)


def _free_id(sandbox: Sandbox) -> str:
    return sandbox.ids.next()


def _now_ms() -> str:
    return str(int(time.time() * 1000))
