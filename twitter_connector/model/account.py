"""A Twitter account that belongs to the brand, and what lets us act for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Credentials:
    """The four OAuth 1.0a values of the configuration guide. None of them appears in a repr."""

    api_key: str = field(repr=False)
    api_key_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    bearer_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Webhook:
    """A webhook as Twitter lists it."""

    id: str
    url: str
    valid: bool


@dataclass(frozen=True)
class Account:
    """What we know of one account.

    environment: the premium environment name; None stands for X API v2.
    webhook_url: the URL the operator asked for. webhook: what Twitter has registered (it may belong to another
    account of the same environment, since a webhook belongs to the environment).
    attention: why a person is needed, in one sentence; empty while all is well.
    retired_secrets: consumer secrets that were valid until lately, for events signed before a rotation.
    """

    id: str
    credentials: Credentials
    webhook_url: str
    environment: str | None = None
    screen_name: str = ""
    name: str = ""
    webhook: Webhook | None = None
    subscribed: bool = False
    attention: str = ""
    registered_at: datetime | None = None
    retired_secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def api(self) -> str:
        return "v1.1" if self.environment else "v2"

    @property
    def consumer_secrets(self) -> tuple[str, ...]:
        """The secrets a signature may be made with, newest first."""
        return (self.credentials.api_key_secret, *self.retired_secrets)
