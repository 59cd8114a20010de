"""Whose an access token is. Asks; decides nothing about whether that is the account it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twitter_connector.errors import ConnectorError
from twitter_connector.model.event import id_text
from twitter_connector.net.answers import Answer

# Statuses of an address that is not there, or not for this app.
NOT_OFFERED = frozenset({403, 404, 405, 410, 501})
# Codes that speak of the token or the account and not of the address: 64 suspended, 326 locked, else not accepted.
_ACCOUNT_REFUSED = (32, 64, 89, 99, 135, 215, 326)


def owner_of(access_token: str, ask: Callable[[str], Answer]) -> tuple[str, str, str]:
    """Return id, screen name and name of the account of an access token. ask: GET with the token's signature.

    Not every plan has the addresses that tell. Where none of them does, the id is the one the token begins with, and
    "" where it begins with none; the names are "" then. Raises what `ask` raises where that is an answer.
    https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens
    """
    user = _offered(ask, "/1.1/account/verify_credentials.json", unless=())
    owner = id_text(user.get("id_str")) or id_text(user.get("id"))
    if owner:
        return owner, str(user.get("screen_name") or ""), str(user.get("name") or "")
    data = _offered(ask, "/2/users/me", unless=_ACCOUNT_REFUSED).get("data")
    if isinstance(data, dict) and (owner := id_text(data.get("id"))):
        return owner, str(data.get("username") or ""), str(data.get("name") or "")
    return named_in(access_token), "", ""


def named_in(access_token: str) -> str:
    """Return the account id that an OAuth 1.0a access token begins with, "" where it begins with none."""
    owner, hyphen, _ = access_token.partition("-")
    return id_text(owner) if hyphen else ""


def _offered(ask: Callable[[str], Answer], path: str, *, unless: tuple[int, ...]) -> dict[str, Any]:
    """Return the JSON object at an address, {} where it is not there for us. unless: codes that are an answer."""
    try:
        body = ask(path).json()
    except ConnectorError as error:
        # The credentials may be sound all the same.
        if error.status not in NOT_OFFERED or error.code in unless:
            raise
        return {}
    return body if isinstance(body, dict) else {}
