"""The tokens of an OAuth 2.0 grant, and what an account's status says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from .account import POSTS, Account

# X ends a grant whose refresh token was not used for six months.
GRANT_LASTS = timedelta(days=180)
# Names in the account status: the end of the access token, the last refresh, the next try.
UNTIL, REFRESHED_AT, NEXT_AT = "oauth2_until", "oauth2_refreshed_at", "oauth2_next_at"
# Since when X refuses the refresh token; 0 if it does not.
ENDED_AT = "oauth2_ended_at"


@dataclass(frozen=True)
class TokenPair:
    """What X gives for a code or a refresh token. seconds: how long the access token lasts. until: its end in epoch
    milliseconds, 0 if it is not known. scopes: with blanks between them; "" if X did not name them."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    seconds: int = 7200
    until: int = 0
    scopes: str = field(default="", compare=False)


# What an account with nothing but an OAuth 2.0 grant needs for public posts, besides the scopes of Direct Messages.
POST_SCOPES = ("tweet.write", "tweet.moderate.write", "like.write")
# A setting of accounts: the scopes of the grant, with blanks between them, as far as X named them.
SCOPES = "oauth2_scopes"


def scopes_lacking(account: Account) -> str:
    """Return a sentence about the scopes that an account lacks for the posts that it takes in; "" if it lacks none."""
    granted = account.settings.get(SCOPES, "").split()
    if POSTS not in account.settings or account.credentials.access_token or not granted:
        return ""
    lacking = [scope for scope in POST_SCOPES if scope not in granted]
    if not lacking:
        return ""
    return (
        f"The account's OAuth 2.0 token lacks {', '.join(lacking)} for public posts. Run `twitter-connector authorize "
        f"--posts {account.id}`."
    )
