"""Reads the fields of control requests (JSON or form) and answers errors as JSON with `error`."""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.people import User
from sandbox.state import the_sandbox
from sandbox.x_chat.library import LibraryMissing
from sandbox.x_v2.problems import Problem


class Refusal(Exception):
    """Raised for a request that is not valid (400) or names something unknown (404)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def blueprint(name: str) -> Blueprint:
    """Return a blueprint of the control API. It refuses pages of other sites: the connector trusts what the sandbox
    sends, so such a page could write as an agent."""
    made = Blueprint(f"control_{name}", __name__, url_prefix="/_sandbox")

    @made.before_request
    def from_here() -> None:
        if request.host not in _own_hosts():
            raise Refusal("the Host header must name the sandbox's own address", 403)
        origin = request.headers.get("Origin")
        if origin is not None and origin not in _own_origins():
            raise Refusal("only the sandbox's own page may ask from a browser", 403)

    @made.errorhandler(Refusal)
    def refused(problem: Refusal) -> ResponseReturnValue:
        return jsonify(error=str(problem)), problem.status

    @made.errorhandler(Problem)
    def refused_by_x(problem: Problem) -> ResponseReturnValue:
        return jsonify(error=f"X refused: {problem.body}"), 409

    @made.errorhandler(LibraryMissing)
    def library_missing(problem: LibraryMissing) -> ResponseReturnValue:
        return jsonify(error=str(problem)), 503

    return made


def _own_hosts() -> set[str]:
    own = the_sandbox().options.base_url.partition("://")[2]
    port = own.rpartition(":")[2]
    return {own, *(f"{host}:{port}" for host in ("127.0.0.1", "[::1]", "localhost"))}


def _own_origins() -> set[str]:
    return {f"http://{host}" for host in _own_hosts()}


def body_fields() -> dict[str, Any]:
    """Return the fields of the body: a JSON object, or a form whose fields are text."""
    if request.mimetype in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return dict(request.form)
    payload = request.get_json(silent=True) if request.get_data() else {}
    if not isinstance(payload, dict):
        raise Refusal("the body must be a JSON object")
    return payload


def account_in(fields: dict[str, Any]) -> User:
    """Return the business account named by `account_id`."""
    return _user(fields, "account_id", business=True)


def customer_in(fields: dict[str, Any]) -> User:
    """Return the customer named by `customer_id`."""
    return _user(fields, "customer_id", business=False)


def _user(fields: dict[str, Any], name: str, business: bool) -> User:
    user_id = fields.get(name)
    if user_id is None:
        raise Refusal(f"{name} is missing")
    user = the_sandbox().directory.users.get(str(user_id))
    if user is None or user.business != business:
        raise Refusal(f"{name}: there is no {'account' if business else 'customer'} {user_id}", 404)
    return user


def integer(fields: dict[str, Any], name: str, default: int) -> int:
    """Return a whole number of the body; a form has it as text."""
    try:
        return int(fields.get(name, default))
    except (TypeError, ValueError):
        raise Refusal(f"{name} must be a whole number") from None


def query_integer(name: str, default: int = 0) -> int:
    """Return a whole number of the query."""
    return integer(dict(request.args), name, default)


def flag(fields: dict[str, Any], name: str, default: bool) -> bool:
    """Return a yes or no of the body; a form has it as text."""
    value = fields.get(name, default)
    return value.lower() == "true" if isinstance(value, str) else bool(value)
