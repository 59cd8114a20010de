"""What every route of API v2 has in common: who may call, limits, credit, and how errors look."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_v2.caller import APP, OAUTH1, OAUTH2, identify
from sandbox.x_v2.problems import Problem, invalid, plain, unsupported

USER = (OAUTH1, OAUTH2)
ANY = (APP, OAUTH1, OAUTH2)
__all__ = ["ANY", "APP", "OAUTH1", "OAUTH2", "USER", "answer_problem", "blueprint", "body_of", "endpoint"]


def endpoint(
    name: str, *kinds: str, scopes: tuple[str, ...] = (), billed: bool = False
) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., Any]]:
    """Let a route be called with these kinds of authentication, counted under this name.

    The route gets the Caller first. scopes: those an OAuth 2.0 user token needs. billed: refused without credit.
    """

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(**path: str) -> ResponseReturnValue:
            sandbox = the_sandbox()
            caller = identify(request, sandbox.directory, sandbox.v2.grants)
            if caller.kind not in kinds:
                raise unsupported(caller.kind, list(kinds))
            if caller.kind == OAUTH2 and not caller.scopes.issuperset(scopes):
                raise plain(403)
            user_id = caller.user.id if caller.user else ""
            g.v2_limit_headers, allowed = sandbox.v2.limits.count(name, user_id, caller.app.id)
            if not allowed:
                raise plain(429)
            if billed and (refusal := sandbox.v2.credits.refusal(caller.app.id)):
                raise refusal
            return view(caller, **path)

        return guarded

    return decorate


def blueprint(name: str) -> Blueprint:
    """Make a blueprint that answers problems and shows the limits on every answer."""
    made = Blueprint(f"v2_{name}", __name__)
    made.register_error_handler(Problem, answer_problem)

    @made.after_request
    def show_limits(response: Response) -> Response:
        response.headers.update(g.get("v2_limit_headers", {}))
        return response

    return made


def answer_problem(problem: Problem) -> ResponseReturnValue:
    """Return the response for a problem."""
    if problem.body is None or isinstance(problem.body, str):
        return Response(problem.body, status=problem.status, mimetype="text/html")
    answer = jsonify(problem.body)
    answer.mimetype = "application/problem+json"
    answer.status_code = problem.status
    return answer


def body_of(allowed: set[str], required: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    """Return the JSON object of the request. Raises Problem 400 for another property, or for one that is missing."""
    payload = request.get_json(silent=True) if request.is_json else None
    if not isinstance(payload, dict):
        raise invalid("The request body is not a JSON object")
    for name in payload:
        if name not in allowed:
            raise invalid(f"$.{name}: is not defined in the schema and the schema does not allow additional properties")
    for name in sorted(required):
        if name not in payload:
            raise invalid(f"$.{name}: is missing but it is required")
    return payload
