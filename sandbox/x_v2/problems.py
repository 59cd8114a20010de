"""The error bodies of X API v2."""

from typing import Any

TWITTER = "https://api.twitter.com/2/problems/"
X = "https://api.x.com/2/problems/"
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
NO_PERMISSION = "You do not have permission to DM one or more participants."
POST_TOO_LONG = (
    "Your Tweet text is too long. For more information on how Twitter determines text length see "
    "https://github.com/twitter/twitter-text."
)
POST_DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
POST_NOT_VISIBLE = "You attempted to reply to a Tweet that is deleted or not visible to you."
POST_NOT_SUMMONED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author "
    "of the post you are replying to."
)
MEDIA_NOT_PERMITTED = "You are not permitted to attach this media to a DM event."


class Problem(Exception):
    """Raised to answer a request with an error. A body of None is an answer without a body."""

    def __init__(self, status: int, body: dict[str, Any] | str | None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def plain(status: int, detail: str = "") -> Problem:
    """Return an `about:blank` problem."""
    title = _TITLES.get(status, "Error")
    return Problem(status, {"title": title, "detail": detail or title, "type": "about:blank", "status": status})


def invalid(message: str, **parameters: str) -> Problem:
    """Return the answer to a request with a wrong parameter or body. Dots in names are written as `__`."""
    named = {name.replace("__", "."): [value] for name, value in parameters.items()}
    return Problem(
        400,
        {
            "errors": [{**({"parameters": named} if named else {}), "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{TWITTER}invalid-request",
        },
    )


def refused(reason: str, text: str, status: int = 400) -> Problem:
    """Return the answer that has a reason such as CrcValidationFailed in front of its message."""
    problem = invalid(f"{reason}: {text}")
    problem.status = status
    return problem


def not_found(kind: str, parameter: str, value: str) -> dict[str, Any]:
    """Return a resource-not-found problem: the body of a 404, or an entry of `errors` beside data."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{TWITTER}resource-not-found",
    }


def unsupported(given: str, supported: list[str]) -> Problem:
    """Return the answer to a kind of authentication that the endpoint does not take."""
    return Problem(
        403,
        {
            "title": "Unsupported Authentication",
            "detail": f"Authenticating with {given} is forbidden for this endpoint.  "
            f"Supported authentication types are [{', '.join(supported)}].",
            "type": f"{TWITTER}unsupported-authentication",
            "status": 403,
        },
    )
