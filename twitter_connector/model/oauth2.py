"""The tokens of an OAuth 2.0 grant, and what an account's status says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

# X ends a grant whose refresh token was not used for six months.
GRANT_LASTS = timedelta(days=180)
# Names in the account status: the end of the access token, the last refresh, the next try.
UNTIL, REFRESHED_AT, NEXT_AT = "oauth2_until", "oauth2_refreshed_at", "oauth2_next_at"
# Since when X refuses the refresh token; 0 if it does not.
ENDED_AT = "oauth2_ended_at"


@dataclass(frozen=True)
class TokenPair:
    """What X gives for a code or a refresh token. seconds: how long the access token lasts. until: its end in epoch
    milliseconds, 0 if it is not known."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    seconds: int = 7200
    until: int = 0
