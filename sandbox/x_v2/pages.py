"""Pagination tokens: opaque to the caller, a number to the sandbox."""

import base64
import binascii

from sandbox.x_v2.problems import invalid


def token_for(position: int) -> str:
    """Return the token of a position; at least 16 characters, as X's."""
    return base64.b32encode(f"p{position:019d}".encode()).decode().rstrip("=")


def read_token(token: str) -> int:
    """Return the position of a token. Raises Problem 400."""
    try:
        return int(base64.b32decode(token + "=" * (-len(token) % 8)).decode().removeprefix("p"))
    except (binascii.Error, ValueError):
        message = f"The `pagination_token` query parameter value [{token}] is not valid"
        raise invalid(message, pagination_token=token) from None
