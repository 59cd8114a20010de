"""What every Twitter route has in common: who may call, how often, and how errors look.

The routes themselves raise TwitterError and never build an error body.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.twitter.errors import TwitterError, error
from sandbox.twitter.oauth import Caller, authenticate
from sandbox.world import the_world

USER = "user"
APP = "app"


def endpoint(name: str, *kinds: str) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., Any]]:
    """Let a route be called with the given kinds of authorisation, counted under the given name.

    The route gets the Caller first. A kind that is not allowed is refused with 32, as a bad signature is.
    """

    def decorate(view: Callable[..., ResponseReturnValue]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(**path: str) -> ResponseReturnValue:
            world = the_world()
            caller: Caller = authenticate(request, world.directory)
            if caller.app.api == "v2":
                raise error(453)
            if (APP if caller.user is None else USER) not in kinds:
                raise error(261 if name == "webhooks/register" else 32)
            g.limit_headers, refusal = world.limits.count(name, caller.key, caller.user is None)
            if refusal:
                raise refusal
            return view(caller, **path)

        return guarded

    return decorate


def blueprint(name: str) -> Blueprint:
    """Make a blueprint that answers errors in Twitter's words and tells the limits on every answer."""
    made = Blueprint(name, __name__)

    @made.errorhandler(TwitterError)
    def refused(problem: TwitterError) -> ResponseReturnValue:
        answer = jsonify(problem.body())
        answer.status_code = problem.status
        return answer

    @made.after_request
    def tell_limits(response: Response) -> Response:
        response.headers.update(g.get("limit_headers", {}))
        return response

    return made
