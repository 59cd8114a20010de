"""The names by which a fault, or the credit of an app, chooses an error body of X API v2."""

from typing import Any

from sandbox.twitter.errors import error
from sandbox.x_v2.problems import (
    MEDIA_NOT_PERMITTED,
    NO_PERMISSION,
    POST_DUPLICATE,
    POST_NOT_SUMMONED,
    TWITTER,
    Problem,
    X,
    invalid,
    not_found,
    plain,
    unsupported,
)


def _client_forbidden(reason: str, detail: str, **more: str) -> dict[str, Any]:
    return {
        "title": "Client Forbidden",
        **more,
        "reason": reason,
        "detail": detail,
        "registration_url": "https://console.x.com",
        "status": 403,
        "type": f"{X}client-forbidden",
    }


# Name -> status and body; a text is an HTML body.
CATALOGUE: dict[str, tuple[int, dict[str, Any] | str | None]] = {
    "invalid-request": (400, invalid("The request is not valid").body),
    "unauthorized": (401, plain(401).body),
    "credits-depleted": (
        402,
        {"detail": "credits depleted", "status": 402, "title": "Payment Required", "type": f"{X}credits-depleted"},
    ),
    "credits": (
        402,
        {
            "title": "CreditsDepleted",
            "detail": "Your enrolled account does not have any credits to fulfill this request.",
            "type": f"{TWITTER}credits",
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
            "type": f"{TWITTER}usage-capped",
        },
    ),
    "streaming-connection": (
        429,
        {
            "title": "ConnectionException",
            "detail": "This stream is currently at the maximum allowed connection limit.",
            "connection_issue": "TooManyConnections",
            "type": f"{TWITTER}streaming-connection",
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
            "type": f"{TWITTER}oauth1-permissions",
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
    # Likes of self-serve apps since April 2026, and what else a plan has not.
    "not-in-plan": (
        403,
        _client_forbidden(
            "client-not-enrolled",
            "This endpoint is not part of your access level.",
            required_enrollment="Enterprise",
        ),
    ),
    "post-not-summoned": (403, plain(403, POST_NOT_SUMMONED).body),
    "post-duplicate": (403, plain(403, POST_DUPLICATE).body),
    "limited-v1": (403, error(453).body()),
    "resource-not-found": (404, not_found("user", "id", "0")),
    "no-endpoint": (404, None),
    "over-capacity": (503, {"errors": [{"code": 130, "message": "Over capacity"}]}),
    "service-unavailable": (503, plain(503).body),
    "internal-error": (
        500,
        {"title": "Internal Error", "detail": "Internal error", "type": f"{X}internal-error", "status": 500},
    ),
    "html": (503, "<!DOCTYPE html><html><head><title>X</title></head><body>Something went wrong.</body></html>"),
    "html-200": (200, "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"),
    "no-data-200": (200, {}),
}


def problem(name: str) -> Problem:
    """Return the problem of this name of the catalogue. Raises KeyError."""
    status, body = CATALOGUE[name]
    return Problem(status, body)
