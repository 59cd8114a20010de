"""Control API for people: who there is, new accounts and customers, how to register them, whom they refuse."""

import threading
import time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox import demo
from sandbox.ccm.connector import Unreachable
from sandbox.control.asking import Refusal, account_in, asked, blueprint, customer_in, number_in
from sandbox.people import User, new_app, new_token
from sandbox.twitter import errors
from sandbox.world import World, the_world

people = blueprint("people")

_adding = threading.Lock()


@people.get("/demo")
def demo_credentials() -> ResponseReturnValue:
    """Give the register body of the demo account."""
    return jsonify(_register_body(the_world(), demo.ACCOUNT_ID))


@people.get("/demos")
def all_demo_credentials() -> ResponseReturnValue:
    """Give the register bodies of both demo accounts: the one of API v2, and the one of API v1.1."""
    world = the_world()
    return jsonify({"v2": _register_body(world, demo.V2_ACCOUNT_ID), "v1.1": _register_body(world, demo.ACCOUNT_ID)})


@people.get("/people")
def everybody() -> ResponseReturnValue:
    """List accounts and customers, the first `limit` of each."""
    world = the_world()
    limit = number_in("limit", 1_000_000)
    return jsonify(
        accounts=[
            {**_shown(account), "api": _api(world, account.id), "registered": _registered(world, account.id)}
            for account in world.directory.accounts()[:limit]
        ],
        customers=[
            {**_shown(customer), "refuses": customer.refuses} for customer in world.directory.customers()[:limit]
        ],
        demo={
            "account_id": demo.ACCOUNT_ID,
            "v2_account_id": demo.V2_ACCOUNT_ID,
            "customer_id": demo.CUSTOMER_ID,
        },
    )


@people.post("/accounts")
def add_account() -> ResponseReturnValue:
    """Create a business account and give its register body."""
    world, fields = the_world(), asked()
    directory = world.directory
    with _adding:
        user_id = str(fields.get("id") or _free_id(world))
        screen_name = str(fields.get("screen_name") or f"brand{len(directory.users)}")
        _must_be_new(world, user_id, screen_name)
        api = str(fields.get("api") or "v1.1")
        if api not in {"v1.1", "v2"}:
            raise Refusal('api must be "v1.1" or "v2"')
        environment = str(fields.get("environment") or ("sandbox" if api == "v1.1" else ""))
        partner = fields.get("share_app_with")
        if partner is None:
            app = new_app(world.ids.next(), f"{screen_name} care", environment, api, _developer(world, fields))
        else:
            app = directory.apps[_token_of(world, str(partner)).app_id]
            if fields.get("environment") is None:
                environment = _token_of(world, str(partner)).environment
            elif environment not in app.environments:
                app.environments = [*app.environments, environment]
        directory.add_app(app)
        name = str(fields.get("name") or screen_name.capitalize())
        directory.add_users([User(user_id, name, screen_name, _now_ms(), business=True)])
        directory.add_token(new_token(user_id, app.id, environment))
    world.feed.tell("people", {})
    return jsonify(_register_body(world, user_id)), 201


@people.get("/accounts/<account_id>")
def account(account_id: str) -> ResponseReturnValue:
    """Give the register body of any account; `api` asks for the one of an API that is not its app's own."""
    return jsonify(_register_body(the_world(), account_id, request.args.get("api", "")))


@people.post("/customers")
def add_customers() -> ResponseReturnValue:
    """Create one customer, or `count` of them at once."""
    world, fields = the_world(), asked()
    count = fields.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= 100_000:
        raise Refusal("count must be between 1 and 100000")
    with _adding:
        made = []
        for _ in range(count):
            user_id = str(fields.get("id") or _free_id(world))
            screen_name = str(fields.get("screen_name") or f"c{user_id[-14:]}")
            _must_be_new(world, user_id, screen_name)
            name = str(fields.get("name") or f"Customer {user_id[-6:]}")
            made.append(User(user_id, name, screen_name, _now_ms()))
            world.directory.add_users(made[-1:])
    world.feed.tell("people", {})
    return jsonify(customers=[_shown(customer) for customer in made]), 201


@people.post("/customer/refuse")
def refuse() -> ResponseReturnValue:
    """Let a customer refuse messages with an error code of Twitter; null lets them through again."""
    world, fields = the_world(), asked()
    customer, code = customer_in(fields), fields.get("code")
    if code is not None and not (isinstance(code, int) and errors.knows(code)):
        raise Refusal("code must be an error code of Twitter or null")
    customer.refuses = code
    world.directory.add_users([customer])
    return jsonify(_shown(customer) | {"refuses": code})


@people.post("/register")
def register() -> ResponseReturnValue:
    """Post the register body of an account to the connector, as an operator does, and pass its answer on."""
    world, fields = the_world(), asked()
    body = _register_body(world, account_in(fields).id, str(fields.get("api") or ""))
    more = fields.get("attributes") or {}
    if not isinstance(more, dict):
        raise Refusal("attributes must be an object")
    body = {name: value for name, value in {**body, **more}.items() if value is not None}
    try:
        answer = world.connector.register(body)
    except Unreachable as problem:
        raise Refusal(f"the connector could not be reached: {problem}", 502) from None
    world.feed.tell("people", {})
    try:
        told: Any = answer.json()
    except ValueError:
        told = answer.text[:500]
    return jsonify(status=answer.status_code, body=told)


def _developer(world: World, fields: dict[str, Any]) -> str:
    """Return the developer account of a new app: that of another account's app, or "" for one of its own."""
    partner = fields.get("share_developer_with")
    return "" if partner is None else world.directory.apps[_token_of(world, str(partner)).app_id].developer_id


def _register_body(world: World, account_id: str, api: str = "") -> dict[str, str]:
    try:
        return demo.register_body(world.directory, account_id, world.options.connector_url, api)
    except LookupError as problem:
        raise Refusal(str(problem), 404) from None


def _token_of(world: World, account_id: str) -> Any:
    token = world.directory.token_of(account_id)
    if token is None:
        raise Refusal(f"share_app_with: there is no account {account_id}", 404)
    return token


def _registered(world: World, account_id: str) -> bool:
    return any(webhook.valid for webhook in world.webhooks.listening_to(account_id)) or world.v2.reaches(account_id)


def _app_id(world: World, account_id: str) -> str:
    token = world.directory.token_of(account_id)
    return token.app_id if token else ""


def _api(world: World, account_id: str) -> str:
    app = world.directory.apps.get(_app_id(world, account_id))
    return app.api if app else ""


def _shown(user: User) -> dict[str, Any]:
    return {"id": user.id, "name": user.name, "screen_name": user.screen_name}


def _must_be_new(world: World, user_id: str, screen_name: str) -> None:
    if not user_id.isdigit():
        raise Refusal("id must be digits")
    if user_id in world.directory.users or world.directory.user_named(screen_name):
        raise Refusal(f"{user_id} or @{screen_name} exists already", 409)


def _free_id(world: World) -> str:
    return world.ids.next()


def _now_ms() -> str:
    return str(int(time.time() * 1000))
