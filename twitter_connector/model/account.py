"""A Twitter account that belongs to the brand, and what lets us act for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

# The flavours of X's API that an account can speak, as they are stored, and as our answers name them.
V1, V2 = "v1", "v2"
_API_NAMES = {V1: "v1.1", V2: "v2"}
# How events come in: by webhook from the X Activity API or Account Activity, over a stream, or by asking for them.
XAA, AAA, STREAM, POLL = "xaa", "aaa", "stream", "poll"
INBOUND = "inbound"


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

    flavour: which of X's APIs the account speaks. settings: what that flavour needs to know beside the credentials.
    webhook_url: the URL the operator asked for; empty where nobody registered the account, which then only sends with
    the credentials CCM has for it. webhook: what Twitter has registered (it may belong to another
    account, since one webhook may serve several).
    app_id: Twitter's id of our own app, by which echoes of other apps are told apart; empty where not known.
    attention: why a person is needed, in one sentence; empty while all is well.
    retired_secrets: consumer secrets that were valid until lately, for events signed before a rotation.
    retired_until: when those end; None while the newest secret has not been seen to work.
    """

    id: str
    credentials: Credentials
    webhook_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    screen_name: str = ""
    name: str = ""
    webhook: Webhook | None = None
    subscribed: bool = False
    attention: str = ""
    app_id: str = ""
    registered_at: datetime | None = None
    retired_secrets: tuple[str, ...] = field(default=(), repr=False)
    retired_until: datetime | None = None
    flavour: str = V1

    @property
    def api(self) -> str:
        """The name of the account's API as our answers show it."""
        return _API_NAMES.get(self.flavour, self.flavour)

    @property
    def inbound(self) -> str:
        """How the account's events come in: XAA, AAA, STREAM or POLL."""
        return self.settings.get(INBOUND) or (AAA if self.flavour == V1 else XAA)

    @property
    def sends_only(self) -> bool:
        """Whether nobody registered the account: we made nothing for it at X, and do not read its messages."""
        return not self.webhook_url and self.inbound not in (STREAM, POLL)

    @property
    def consumer_secrets(self) -> tuple[str, ...]:
        """The secrets a signature may be made with, newest first."""
        return (self.credentials.api_key_secret, *self.retired_secrets)

    def rekeyed(self, credentials: Credentials) -> Account:
        """Return the account with other credentials. A consumer secret that they replace goes on verifying what
        Twitter signed with it, until the new one has been seen to work; see Accounts.proved."""
        former = self.credentials
        # Another key may be another app's, whose id is to be asked for anew.
        app_id = self.app_id if credentials.api_key == former.api_key else ""
        account = replace(self, credentials=credentials, app_id=app_id)
        if credentials.api_key_secret == former.api_key_secret:
            return account
        # If the former one was never seen to work, it may have been mistyped, and Twitter still sign with the one
        # before it: the last in line, which stays until its successor has proved itself.
        proved_last = self.retired_secrets[-1:] if self.retired_until is None else ()
        retired = (former.api_key_secret, *proved_last)
        return replace(
            account,
            retired_secrets=tuple(s for s in dict.fromkeys(retired) if s != credentials.api_key_secret),
            retired_until=None,
        )

    def shares_app(self, other: Account) -> bool:
        """Say whether both belong to one developer's app, so that what the one's secret signed may speak for the
        other. While an app's keys are being rotated, its accounts have different ones for a time."""
        return (
            self.credentials.api_key == other.credentials.api_key
            or (self.app_id != "" and self.app_id == other.app_id)
            or not set(self.consumer_secrets).isdisjoint(other.consumer_secrets)
            or (self.webhook is not None and other.webhook is not None and self.webhook.id == other.webhook.id)
        )
