"""The error bodies of X API v2, and the names by which a fault chooses one."""

from typing import Any

from sandbox.twitter.errors import error

_TWITTER = "https://api.twitter.com/2/problems/"
_X = "https://api.x.com/2/problems/"
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
            "type": f"{_TWITTER}invalid-request",
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
        "type": f"{_TWITTER}resource-not-found",
    }


def unsupported(given: str, supported: list[str]) -> Problem:
    """Return the answer to a kind of authentication that the endpoint does not take."""
    return Problem(
        403,
        {
            "title": "Unsupported Authentication",
            "detail": f"Authenticating with {given} is forbidden for this endpoint.  "
            f"Supported authentication types are [{', '.join(supported)}].",
            "type": f"{_TWITTER}unsupported-authentication",
            "status": 403,
        },
    )


def _client_forbidden(reason: str, detail: str, **more: str) -> dict[str, Any]:
    return {
        "title": "Client Forbidden",
        **more,
        "reason": reason,
        "detail": detail,
        "registration_url": "https://console.x.com",
        "status": 403,
        "type": f"{_X}client-forbidden",
    }


# Name -> status and body; a text is an HTML body.
CATALOGUE: dict[str, tuple[int, dict[str, Any] | str | None]] = {
    "invalid-request": (400, invalid("The request is not valid").body),
    "unauthorized": (401, plain(401).body),
    "credits-depleted": (
        402,
        {"detail": "credits depleted", "status": 402, "title": "Payment Required", "type": f"{_X}credits-depleted"},
    ),
    "credits": (
        402,
        {
            "title": "CreditsDepleted",
            "detail": "Your enrolled account does not have any credits to fulfill this request.",
            "type": f"{_TWITTER}credits",
        },
    ),
    "usage-capped": (
        429,
        {
            "account_id": "1000000000000000001",
            "product_name": "standard-basic",
            "title": "UsageCapExceeded",
            "period": "Monthly",
            "scope": "Product",
            "detail": "Usage cap exceeded: Monthly product cap",
            "type": f"{_TWITTER}usage-capped",
        },
    ),
    "streaming-connection": (
        429,
        {
            "title": "ConnectionException",
            "detail": "This stream is currently at the maximum allowed connection limit.",
            "connection_issue": "TooManyConnections",
            "type": f"{_TWITTER}streaming-connection",
        },
    ),
    "too-many-requests": (429, plain(429).body),
    "rate-limit-88": (429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}),
    "no-permission-to-dm": (403, plain(403, NO_PERMISSION).body),
    "media-not-permitted": (403, plain(403, MEDIA_NOT_PERMITTED).body),
    "oauth1-permissions": (
        403,
        {
            "title": "Forbidden",
            "detail": "Your client app is not configured with the appropriate oauth1 app permissions for this "
            "endpoint.",
            "type": f"{_TWITTER}oauth1-permissions",
            "status": 403,
        },
    ),
    "unsupported-authentication": (
        403,
        unsupported("OAuth 1.0a User Context", ["OAuth 2.0 User Context"]).body,
    ),
    "client-not-enrolled": (
        403,
        _client_forbidden(
            "client-not-enrolled",
            "When authenticating requests to the X API v2 endpoints, you must use keys and tokens from an X developer "
            "App that is attached to a Project.",
            required_enrollment="Appropriate Level of API Access",
        ),
    ),
    "user-not-enrolled": (
        403,
        _client_forbidden(
            "user-not-enrolled",
            "This request is billed to the authenticated user. Create a developer account at the Developer Console and "
            "enroll it in Pay-per-use.",
            required_enrollment="Pay-per-use",
        ),
    ),
    "limited-v1": (403, error(453).body()),
    "resource-not-found": (404, not_found("user", "id", "0")),
    "no-endpoint": (404, None),
    "over-capacity": (503, {"errors": [{"code": 130, "message": "Over capacity"}]}),
    "service-unavailable": (503, plain(503).body),
    "internal-error": (
        500,
        {"title": "Internal Error", "detail": "Internal error", "type": f"{_X}internal-error", "status": 500},
    ),
    "html": (503, "<!DOCTYPE html><html><head><title>X</title></head><body>Something went wrong.</body></html>"),
    "html-200": (200, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"),
    "no-data-200": (200, {}),
}


def problem(name: str) -> Problem:
    """Return the problem of this name of the catalogue. Raises KeyError."""
    status, body = CATALOGUE[name]
    return Problem(status, body)
