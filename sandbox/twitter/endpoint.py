"""Common parts of all v1.1 routes: authentication, limits and error bodies. Routes raise TwitterError."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.errors import TwitterError, error
from sandbox.twitter.oauth import Caller, authenticate

USER = "user"
APP = "app"


def endpoint(name: str, *kinds: str) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., Any]]:
    """Allow a route these kinds of authorization and count its calls under this name.

    The route gets the Caller as first argument. Other kinds are refused with 32, like a bad signature.
    """

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(**path: str) -> ResponseReturnValue:
            sandbox = the_sandbox()
            caller: Caller = authenticate(request, sandbox.directory)
            if caller.app.api == "v2":
                raise error(453)
            if (APP if caller.user is None else USER) not in kinds:
                raise error(261 if name == "webhooks/register" else 32)
            g.limit_headers, refusal = sandbox.limits.count(name, caller.key, caller.user is None)
            if refusal:
                raise refusal
            return view(caller, **path)

        return guarded

    return decorate


def blueprint(name: str) -> Blueprint:
    """Return a blueprint that answers errors as API v1.1 does and adds the limit headers."""
    made = Blueprint(name, __name__)

    @made.errorhandler(TwitterError)
    def refused(problem: TwitterError) -> ResponseReturnValue:
        answer = jsonify(problem.body())
        answer.status_code = problem.status
        return answer

    @made.after_request
    def add_limits(response: Response) -> Response:
        response.headers.update(g.get("limit_headers", {}))
        return response

    return made
