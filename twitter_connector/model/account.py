"""An X account of the brand, with the credentials to act for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

# The flavours of X's API that an account can speak, as they are stored, and as our answers name them.
V1, V2 = "v1", "v2"
_API_NAMES = {V1: "v1.1", V2: "v2"}
# How events arrive: by webhook from the X Activity API or the Account Activity API, over a stream, or by polling.
XAA, AAA, STREAM, POLL = "xaa", "aaa", "stream", "poll"
INBOUND, POSTS = "inbound", "posts"
# A setting of accounts whose subscription at X allows long posts.
LONG_POSTS = "long_posts"


@dataclass(frozen=True)
class Credentials:
    """The four OAuth 1.0a values of the configuration guide, and the optional ones. None of them appears in a repr.

    client_id and client_secret: of the app's OAuth 2.0 client; oauth2_access_token and oauth2_refresh_token: the
    present pair. oauth2_seed: the refresh token that began the grant, as it was registered.
    """

    api_key: str = field(repr=False)
    api_key_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    client_id: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    oauth2_access_token: str = field(default="", repr=False)
    oauth2_refresh_token: str = field(default="", repr=False)
    oauth2_seed: str = field(default="", repr=False)

    def seeded(self, refresh_token: str, access_token: str = "") -> Credentials:
        """Return the credentials with a new OAuth 2.0 grant. The seed of the present grant changes nothing: its pair
        has been rotated since, and a used refresh token ends the grant."""
        if not refresh_token or refresh_token == self.oauth2_seed:
            return self
        return replace(
            self,
            oauth2_seed=refresh_token,
            oauth2_refresh_token=refresh_token,
            oauth2_access_token=access_token,
        )


@dataclass(frozen=True)
class Webhook:
    """A webhook as X lists it."""

    id: str
    url: str
    valid: bool


@dataclass(frozen=True)
class Remark:
    """What X did not do about an optional subscription. event: X's name of it. sentence: for a person. refused: X
    will refuse it again as long as nothing changes; otherwise the next check of the account may succeed."""

    event: str
    sentence: str
    refused: bool


@dataclass(frozen=True)
class Account:
    """One account.

    flavour: which of X's APIs the account speaks. settings: what that flavour needs besides the credentials.
    webhook_url: the URL that the operator registered; "" for a send-only account, which has CCM's credentials.
    webhook: the one registered at X. It may serve several accounts, and belong to another one.
    app_id: X's id of our app, to recognise messages that other apps sent; "" if unknown.
    attention: a sentence that says why a person is needed; "" if none is.
    remarks: on the optional subscriptions that X has not as they should be; messages come without them.
    retired_secrets: earlier consumer secrets, for events that X signed before a rotation.
    retired_until: when those end; None until X has used the newest secret.
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
    remarks: tuple[Remark, ...] = ()

    @property
    def api(self) -> str:
        """The name of the account's API as our answers show it."""
        return _API_NAMES.get(self.flavour, self.flavour)

    @property
    def inbound(self) -> str:
        """How the account's events arrive: XAA, AAA, STREAM or POLL."""
        return self.settings.get(INBOUND) or (AAA if self.flavour == V1 else XAA)

    @property
    def posts(self) -> str:
        """Which public posts become comments: one of post.MODES."""
        return self.settings.get(POSTS) or "off"

    @property
    def needs_webhook(self) -> bool:
        """True if the account's events arrive over a webhook."""
        return self.inbound in (XAA, AAA)

    @property
    def sends_only(self) -> bool:
        """True for a send-only account: nothing was created for it at X, and its messages are not read."""
        return self.needs_webhook and not self.webhook_url

    @property
    def app(self) -> str:
        """A digest of the app's key, which is equal for the accounts of one app and may be shown."""
        return hashlib.sha256(self.credentials.api_key.encode()).hexdigest()[:16]

    @property
    def consumer_secrets(self) -> tuple[str, ...]:
        """The consumer secrets that may have made a signature, newest first."""
        return (self.credentials.api_key_secret, *self.retired_secrets)

    def rekeyed(self, credentials: Credentials) -> Account:
        """Return the account with other credentials.

        The consumer secret that they replace stays valid for signatures until X has used the new one; see
        Accounts.proved.
        """
        former = self.credentials
        # Another key may belong to another app, so its id has to be requested again.
        app_id = self.app_id if credentials.api_key == former.api_key else ""
        account = replace(self, credentials=credentials, app_id=app_id)
        if credentials.api_key_secret == former.api_key_secret:
            return account
        # If X never used the replaced secret, it may have been mistyped, and X may still sign with the one
        # before it. That one is the last of the list and stays until X has used a newer one.
        proved_last = self.retired_secrets[-1:] if self.retired_until is None else ()
        retired = (former.api_key_secret, *proved_last)
        return replace(
            account,
            retired_secrets=tuple(s for s in dict.fromkeys(retired) if s != credentials.api_key_secret),
            retired_until=None,
        )

    def shares_app(self, other: Account) -> bool:
        """Return True if both accounts use the same developer app, so that the secret of one also signs for the other.

        During a rotation of an app's keys, its accounts have different keys for some time.
        """
        return (
            self.credentials.api_key == other.credentials.api_key
            or (self.app_id != "" and self.app_id == other.app_id)
            or not set(self.consumer_secrets).isdisjoint(other.consumer_secrets)
            or (self.webhook is not None and other.webhook is not None and self.webhook.id == other.webhook.id)
        )


def signature(consumer_secret: str, message: bytes) -> str:
    """Return how X, and our answer to its challenge, signs a message: `sha256=` and the Base64 HMAC-SHA256 of it.

    https://docs.x.com/x-api/webhooks/introduction
    """
    digest = hmac.digest(consumer_secret.encode(), message, hashlib.sha256)
    return f"sha256={base64.b64encode(digest).decode('ascii')}"
