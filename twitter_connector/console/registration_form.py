"""The fields of the register page: what is wrong with them, and what they change of an account in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import Registration, load_registration
from twitter_connector.model.account import AAA, INBOUND, POLL, STREAM, XAA, Account, Credentials
from twitter_connector.model.post import MODES, OFF
from twitter_connector.model.subscription import ChallengeAnswer
from twitter_connector.web.context import services

# The keys of the configuration guide, in its order.
APP = ("API-KEY", "API-KEY-SECRET")
TOKENS = ("ACCESS-TOKEN", "ACCESS-TOKEN-SECRET")
GRANT = ("CLIENT-ID", "CLIENT-SECRET", "OAUTH2-REFRESH-TOKEN", "OAUTH2-ACCESS-TOKEN")
# Fields that the page may show again. The others are secrets, or as good as one.
SHOWN = ("WEBHOOK-URL", "ENVIRONMENT-NAME", "INBOUND", "POSTS")
FIELDS = (*APP, *TOKENS, *SHOWN, "BEARER-TOKEN", *GRANT)
CHOICES = {"INBOUND": ("", XAA, AAA, STREAM, POLL), "POSTS": ("", *MODES)}
_MISSING = "Missing data for required field."


@dataclass(frozen=True)
class Form:
    """What was typed. account: the registered account that the page is about; None for a new one.

    values: by field; what is left empty comes from the account. errors: sentences by field. registration: None with
    errors. tried: how the address answered our own challenge; None if that was not tried.
    """

    account: Account | None
    values: Mapping[str, str]
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    registration: Registration | None = None
    tried: ChallengeAnswer | None = None
    failed: str = ""

    @property
    def missing(self) -> list[str]:
        """The required fields that are empty: no error while somebody types."""
        return [name for name, sentences in self.errors.items() if sentences == [_MISSING]]

    @property
    def wrong(self) -> dict[str, list[str]]:
        """The sentences about the fields that have something wrong in them."""
        return {name: sentences for name, sentences in self.errors.items() if sentences != [_MISSING]}

    @property
    def in_force(self) -> Account | None:
        """The registered account that this registration replaces."""
        if self.account is not None or self.registration is None or not self.registration.account_id:
            return self.account
        return services().accounts.get(self.registration.account_id, max_age=0)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Return (what, as it is, as it would be) of what differs from the account in force. No secret is shown."""
        known, new = self.in_force, self.registration
        if known is None or new is None:
            return []
        rows = [
            (name, was, now)
            for (name, was), now in zip(_shown(known), (v for _, v in _shown(new.account())), strict=True)
        ]
        differ = [(name, was or "none", now or "none") for name, was, now in rows if was != now]
        before, after = _secrets(known.credentials), _secrets(new.credentials)
        return [
            *differ,
            *((name, *_in_words(before[name], after[name])) for name in before if before[name] != after[name]),
        ]


def typed() -> Form:
    """Return the form as it was sent."""
    account_id = request.form.get("account_id", "")
    account = services().accounts.get(account_id, max_age=0) if account_id else None
    values = {name: value for name in FIELDS if (value := request.form.get(name, "").strip())}
    return checked(account, values)


def checked(account: Account | None, values: Mapping[str, str]) -> Form:
    """Return the form with what is wrong in it."""
    whole = {**(_stored(account) if account is not None else {}), **values}
    try:
        registration = load_registration(whole, services().settings.public_url)
    except ValidationError as error:
        return Form(account, values, dict(error.normalized_messages()))  # type: ignore[no-untyped-call]
    if account is not None and registration.account_id not in ("", account.id):
        sentence = f"It must end in {account.id}: this page is about that account."
        return Form(account, values, {"WEBHOOK-URL": [sentence]})
    return Form(account, values, registration=registration)


def about(account: Account | None) -> Form:
    """Return the form as the page shows it first: with the settings of the account, and no secret."""
    if account is None:
        return Form(None, {})
    return Form(account, {name: value for name, value in _shown(account) if value and name in SHOWN})


def _shown(account: Account) -> list[tuple[str, str]]:
    posts = account.posts
    return [
        ("API", account.api),
        ("WEBHOOK-URL", account.webhook_url),
        ("ENVIRONMENT-NAME", account.settings.get("environment", "")),
        ("INBOUND", account.settings.get(INBOUND, "")),
        ("POSTS", "" if posts == OFF else posts),
    ]


def _stored(account: Account) -> dict[str, str]:
    """Return the secrets of an account by field, for those that are left empty."""
    return {name: value for name, value in _secrets(account.credentials).items() if value}


def _secrets(credentials: Credentials) -> dict[str, str]:
    return {
        "API-KEY": credentials.api_key,
        "API-KEY-SECRET": credentials.api_key_secret,
        "ACCESS-TOKEN": credentials.access_token,
        "ACCESS-TOKEN-SECRET": credentials.access_token_secret,
        "BEARER-TOKEN": credentials.bearer_token or "",
        "CLIENT-ID": credentials.client_id,
        "CLIENT-SECRET": credentials.client_secret,
        # The registration goes on with the newest pair of a grant that it knows by its first token.
        "OAUTH2-REFRESH-TOKEN": credentials.oauth2_seed,
    }


def _in_words(before: str, after: str) -> tuple[str, str]:
    return ("set" if before else "none", ("another one" if before else "set") if after else "none")
