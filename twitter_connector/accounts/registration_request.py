"""The register-and-subscribe request, with the keys of the configuration guide. Strict: a person reads the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from twitter_connector.cim.envelope import secret
from twitter_connector.model.account import V1, V2, Credentials


@dataclass(frozen=True)
class Registration:
    """What an operator asks for. flavour, settings: see Account."""

    credentials: Credentials
    webhook_url: str
    flavour: str = V2
    settings: Mapping[str, str] = field(default_factory=dict)


class _RegistrationSchema(Schema):
    class Meta:
        # A misspelt key is told at once instead of being silently without effect.
        unknown = RAISE

    api_key = fields.String(required=True, data_key="API-KEY", validate=secret)
    api_key_secret = fields.String(required=True, data_key="API-KEY-SECRET", validate=secret)
    access_token = fields.String(required=True, data_key="ACCESS-TOKEN", validate=secret)
    access_token_secret = fields.String(required=True, data_key="ACCESS-TOKEN-SECRET", validate=secret)
    bearer_token = fields.String(load_default=None, allow_none=True, data_key="BEARER-TOKEN", validate=secret)
    webhook_url = fields.String(required=True, data_key="WEBHOOK-URL", validate=validate.Length(min=1, max=200))
    environment = fields.String(
        load_default=None,
        allow_none=True,
        data_key="ENVIRONMENT-NAME",
        validate=validate.Regexp(r"^[A-Za-z0-9_\-]{0,64}$", error="Letters, digits, _ and - only."),
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Registration:
        url, environment = data.pop("webhook_url"), data.pop("environment")
        flavour, settings = (V1, {"environment": environment}) if environment else (V2, {})
        return Registration(Credentials(**data), url.strip(), flavour, settings)


_registration = _RegistrationSchema()


def load_registration(data: object) -> Registration:
    """Return the request. Raises marshmallow's ValidationError naming each bad field, never its value."""
    if not isinstance(data, dict):
        raise ValidationError({"_schema": ["A JSON object with the keys of the configuration guide is needed."]})
    stripped = {k: v.strip() if isinstance(v, str) else v for k, v in data.items()}
    loaded: Registration = _registration.load(stripped)
    return loaded
