"""The tokens of an OAuth 2.0 grant."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TokenPair:
    """What X gives for a code or a refresh token. seconds: how long the access token lasts. until: its end in epoch
    milliseconds, 0 if it is not known."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    seconds: int = 7200
    until: int = 0
