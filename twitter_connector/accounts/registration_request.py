"""The register-and-subscribe request, with the keys of the configuration guide. Strict: a person reads the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from twitter_connector.cim.channel_configuration import WAYS_IN
from twitter_connector.cim.envelope import secret
from twitter_connector.model.account import AAA, INBOUND, POLL, POSTS, V1, V2, XAA, Account, Credentials
from twitter_connector.model.post import MODES, OFF

from .webhook_url import MAX_CHARS, BadWebhookUrl, account_id_in

_OAUTH1 = {"access_token": "ACCESS-TOKEN", "access_token_secret": "ACCESS-TOKEN-SECRET"}
_OAUTH2 = {
    "client_id": "CLIENT-ID",
    "client_secret": "CLIENT-SECRET",
    "oauth2_refresh_token": "OAUTH2-REFRESH-TOKEN",
    "oauth2_access_token": "OAUTH2-ACCESS-TOKEN",
}


@dataclass(frozen=True)
class Registration:
    """What an operator asks for. account_id: the one that the webhook's URL ends in; "" without a URL, which stands for
    the owner of the access token. flavour, settings: see Account."""

    account_id: str
    credentials: Credentials
    webhook_url: str
    flavour: str = V2
    settings: Mapping[str, str] = field(default_factory=dict)

    def account(self) -> Account:
        """Return the account as it is to be, without names."""
        return Account(
            self.account_id, self.credentials, self.webhook_url, flavour=self.flavour, settings=self.settings
        )


class RegistrationSchema(Schema):
    """The body of the registration. public_url: what WEBHOOK-URL must begin with; None for anything."""

    class Meta:
        # Refuse a misspelt key, which would silently have no effect.
        unknown = RAISE

    def __init__(self, public_url: str | None) -> None:
        super().__init__()
        self._public_url = public_url

    api_key = fields.String(required=True, data_key="API-KEY", validate=secret)
    api_key_secret = fields.String(required=True, data_key="API-KEY-SECRET", validate=secret)
    access_token = fields.String(load_default="", data_key="ACCESS-TOKEN", validate=secret)
    access_token_secret = fields.String(load_default="", data_key="ACCESS-TOKEN-SECRET", validate=secret)
    client_id = fields.String(load_default=None, allow_none=True, data_key="CLIENT-ID", validate=secret)
    client_secret = fields.String(load_default=None, allow_none=True, data_key="CLIENT-SECRET", validate=secret)
    oauth2_refresh_token = fields.String(
        load_default=None, allow_none=True, data_key="OAUTH2-REFRESH-TOKEN", validate=secret
    )
    oauth2_access_token = fields.String(
        load_default=None, allow_none=True, data_key="OAUTH2-ACCESS-TOKEN", validate=secret
    )
    bearer_token = fields.String(load_default=None, allow_none=True, data_key="BEARER-TOKEN", validate=secret)
    webhook_url = fields.Method(
        # apispec cannot tell the default of a method.
        load_default=None,
        data_key="WEBHOOK-URL",
        deserialize="_url_and_id",
        metadata={"default": None},
    )
    environment = fields.String(
        load_default=None,
        allow_none=True,
        data_key="ENVIRONMENT-NAME",
        validate=validate.Regexp(r"^[A-Za-z0-9_\-]{0,64}$", error="Letters, digits, _ and - only."),
    )
    inbound = fields.String(
        load_default=None,
        allow_none=True,
        data_key="INBOUND",
        validate=validate.OneOf(("", *WAYS_IN), error="One of xaa, aaa, stream and poll."),
    )

    posts = fields.String(
        load_default=None,
        allow_none=True,
        data_key="POSTS",
        validate=validate.OneOf(("", *MODES), error="One of off, mentions, replies and all."),
    )

    def _url_and_id(self, value: object) -> tuple[str, str]:
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_CHARS:
            raise ValidationError(f"A URL of 1 to {MAX_CHARS} characters is needed.")
        try:
            return value, account_id_in(value, self._public_url)
        except BadWebhookUrl as error:
            raise ValidationError(str(error)) from None

    @validates_schema(skip_on_field_errors=False)
    def _fits_together(self, data: Mapping[str, Any], **_: Any) -> None:
        _require_tokens(data)
        with_url = data.get("webhook_url") is not None or "webhook_url" not in data
        if data.get("environment"):
            if data.get("inbound"):
                raise ValidationError(
                    {"INBOUND": ["Only X API v2 has this key. Leave out ENVIRONMENT-NAME, or this key."]}
                )
            if not with_url:
                raise ValidationError({"WEBHOOK-URL": ["API v1.1 brings events over a webhook only."]})
        elif data.get("inbound") in (XAA, AAA) and not with_url:
            raise ValidationError({"WEBHOOK-URL": ["`xaa` and `aaa` need it. Add it, or choose `poll` or `stream`."]})

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Registration:
        (url, account_id), environment = data.pop("webhook_url") or ("", ""), data.pop("environment")
        inbound, posts = data.pop("inbound") or (XAA if url else POLL), data.pop("posts") or OFF
        chosen = {} if posts == OFF else {POSTS: posts}
        if environment:
            return Registration(account_id, _credentials(data), url, V1, {"environment": environment, **chosen})
        # What needs no webhook has none: the URL only names the account then.
        needed = url if inbound in (XAA, AAA) else ""
        return Registration(account_id, _credentials(data), needed, V2, {INBOUND: inbound, **chosen})


def _credentials(data: dict[str, Any]) -> Credentials:
    refresh_token, access_token = data.pop("oauth2_refresh_token") or "", data.pop("oauth2_access_token") or ""
    client = {name: data.pop(name) or "" for name in ("client_id", "client_secret")}
    return Credentials(**data, **client).seeded(refresh_token, access_token)


def _require_tokens(data: Mapping[str, Any]) -> None:
    """Raise ValidationError unless there are the tokens of OAuth 1.0a, or, for API v2, those of OAuth 2.0."""
    given = {key for field, key in _OAUTH2.items() if data.get(field)}
    errors: dict[str, list[str]] = {}
    if data.get("environment"):
        errors = {key: ["Only X API v2 has this key. Leave out ENVIRONMENT-NAME, or this key."] for key in given}
    elif given - {"CLIENT-ID"} and not data.get("client_id"):
        errors["CLIENT-ID"] = [f"{min(given)} needs the client id of the app."]
    elif data.get("oauth2_access_token") and not data.get("oauth2_refresh_token"):
        errors["OAUTH2-REFRESH-TOKEN"] = ["The access token ends after two hours. Add the refresh token."]
    missing = [key for field, key in _OAUTH1.items() if data.get(field) == ""]
    # Either both or none of the two, and none only with a grant.
    if missing and (len(missing) == 1 or data.get("environment") or not data.get("oauth2_refresh_token")):
        errors |= {key: ["Missing data for required field."] for key in missing}
    if errors:
        raise ValidationError({**errors})


def load_registration(data: object, public_url: str | None = None) -> Registration:
    """Return the request. Raises marshmallow's ValidationError naming every bad field, never its value.

    public_url: what WEBHOOK-URL must begin with; None for anything.
    """
    if not isinstance(data, dict):
        raise ValidationError({"_schema": ["A JSON object with the keys of the configuration guide is needed."]})
    stripped = {k: v.strip() if isinstance(v, str) else v for k, v in data.items()}
    request: Registration = RegistrationSchema(public_url).load(stripped)
    return request
