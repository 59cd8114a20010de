"""Errors of API v1.1: status, code and message, as in the API reference and in captures."""

from typing import Any


class TwitterError(Exception):
    """Raised to answer a request with an error; `endpoint.py` turns it into the body."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        """Return the v1.1 body."""
        return {"errors": [{"code": self.code, "message": self.message}]}


class UploadError(TwitterError):
    """Raised by media upload, whose errors have a body of their own."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(status, None, message)

    def body(self) -> dict[str, Any]:
        return {"request": "/1.1/media/upload.json", "error": self.message}


_KNOWN = {
    17: (404, "No user matches for specified terms."),
    32: (401, "Could not authenticate you."),
    34: (404, "Sorry, that page does not exist."),
    50: (404, "User not found."),
    63: (403, "User has been suspended."),
    64: (403, "Your account is suspended and is not permitted to access this feature."),
    87: (403, "Client is not permitted to perform this action."),
    88: (429, "Rate limit exceeded"),
    89: (401, "Invalid or expired token"),
    93: (403, "This application is not allowed to access or delete your direct messages."),
    99: (403, "Unable to verify your credentials"),
    108: (404, "Cannot find specified user."),
    130: (503, "Over capacity"),
    131: (500, "Internal error"),
    135: (401, "Could not authenticate you (timestamp out of bounds)"),
    150: (403, "You cannot send messages to users who are not following you."),
    151: (403, "There was an error sending your message."),
    170: (403, "Missing required parameter: grant_type"),
    200: (403, "Forbidden"),
    214: (403, "Webhook URL does not meet the requirements."),
    215: (400, "Bad Authentication data"),
    226: (
        403,
        "This request looks like it might be automated. To protect our users from spam and other malicious "
        "activity, we can't complete this action right now.",
    ),
    261: (403, "Application cannot perform write actions."),
    324: (400, "The validation of media ids failed."),
    325: (400, "A media id was not found."),
    326: (403, "To protect our users from spam and other malicious activity, this account is temporarily locked."),
    348: (403, "Client application is not permitted to access this user's webhook subscriptions."),
    349: (403, "You cannot send messages to this user."),
    354: (403, "The text of your direct message is over the max character limit."),
    355: (409, "Subscription already exists."),
    389: (403, "You cannot send messages to users you have blocked."),
    453: (
        403,
        "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints (e.g. media post, "
        "oauth) only. If you need access to this endpoint, you may need a different access level. You can learn more "
        "here: https://developer.x.com/en/portal/product",
    ),
    476: (403, "Sender is not verified to send message requests"),
}
WRONG_WEBHOOK = "Webhook does not exist or is associated with a different Twitter application."


def error(code: int, message: str | None = None, status: int | None = None) -> TwitterError:
    """Return the error of a code; message and status replace the usual ones."""
    known_status, known_message = _KNOWN[code]
    return TwitterError(status or known_status, code, message or known_message)


def invalid(message: str) -> TwitterError:
    """Return the error for a request that is not valid."""
    return TwitterError(400, 214, message)


def missing(parameter: str) -> TwitterError:
    """Return the error for a missing parameter."""
    return TwitterError(400, 38, f"{parameter} parameter is missing.")


def knows(code: int) -> bool:
    """Whether this code is known."""
    return code in _KNOWN
