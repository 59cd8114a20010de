"""Reads an account's configuration from CCM, pushed or pulled, in every spelling that its versions use.

Liberal in where the attributes lie and how they are named; strict in what a credential may look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError

from twitter_connector.model.post import MODES

from .envelope import identifier, secret

# No document names the wrapper of the attributes, so the known and the likely ones are accepted.
WRAPPERS = ("connectorConfigurations", "channelProviderConfigs", "configurations", "data")
# Attribute name, without case, `-` and `_` -> field. CCM's versions use two families of names.
_MEANINGS = {
    "apikey": "api_key",
    "consumerkey": "api_key",
    "apikeysecret": "api_key_secret",
    "consumersecret": "api_key_secret",
    "accesstoken": "access_token",
    "tokenkey": "access_token",
    "accesstokensecret": "access_token_secret",
    "tokensecret": "access_token_secret",
    "bearertoken": "bearer_token",
    "clientid": "client_id",
    "clientsecret": "client_secret",
    "oauth2refreshtoken": "oauth2_refresh_token",
    "oauth2accesstoken": "oauth2_access_token",
}


# How events come in.
WAYS_IN = ("xaa", "aaa", "stream", "poll")
_WISHES: dict[str, tuple[str, dict[str, str]]] = {
    "apiversion": ("api", {"1.1": "v1.1", "2": "v2", "v1.1": "v1.1", "v2": "v2"}),
    "inbound": ("inbound", {way: way for way in WAYS_IN}),
    "posts": ("posts", {mode: mode for mode in MODES}),
    # What the social connectors of the platform let agents do in public.
    **{
        name.replace("_", ""): (name, {"true": "true", "false": "false"})
        for name in (
            "like_support_sm",
            "hide_support_sm",
            "delete_support_sm",
            "comment_reply_support_sm",
            "private_reply_support_sm",
        )
    },
}
# CCM masks secrets with asterisks; some systems leave the ends readable (`ab****yz`). X's keys contain none.
_MASK = "*"


@dataclass(frozen=True)
class PushedConfiguration:
    """What CCM says of one account.

    values: field of Credentials -> value, of those that CCM does not mask. wishes: `api` ("v1.1" or "v2"), `inbound`
    (one of WAYS_IN), `posts` (see model/post) and what agents may do in public ("true" or "false"), as far as CCM says.
    """

    account_id: str
    values: Mapping[str, str] = field(repr=False)
    wishes: Mapping[str, str] = field(default_factory=dict)


def load_push(data: object) -> PushedConfiguration:
    """Return what a push to /connector-configurations tells. Raises ValidationError, never quoting a value."""
    if not isinstance(data, Mapping):
        raise ValidationError({"_schema": ["A JSON object with serviceIdentifier and connectorConfigurations."]})
    try:
        account_id = identifier(data.get("serviceIdentifier"))
    except ValidationError as error:
        raise ValidationError({"serviceIdentifier": error.messages}) from None
    attributes = next((data[name] for name in WRAPPERS if name in data), None)
    if attributes is None:
        raise ValidationError({WRAPPERS[0]: ["Missing data for required field."]})
    return PushedConfiguration(account_id, credentials_in(attributes), wishes_in(attributes))


def load_channel_type(data: object) -> str:
    """Return the channel type id of a POST to /channel-type-configurations. Raises ValidationError."""
    if not isinstance(data, Mapping):
        raise ValidationError({"_schema": ["A JSON object with channelTypeId."]})
    try:
        return identifier(data.get("channelTypeId"))
    except ValidationError as error:
        raise ValidationError({"channelTypeId": error.messages}) from None


def credentials_in(attributes: object) -> dict[str, str]:
    """Return field of Credentials -> value, as far as attributes tell: a list of {key, value}, or one mapping.

    An empty value, and a masked one, means "unchanged" and is left out. Raises ValidationError.
    """
    values: dict[str, tuple[str, str]] = {}
    errors: dict[str, list[str]] = {}
    for name, value in _pairs(attributes):
        meaning = _MEANINGS.get(_plain(name))
        if meaning is None or value is None:
            continue
        text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else None
        if text is None:
            errors[name] = ["Not a valid string."]
        elif text and _MASK not in text:
            try:
                secret(text)
            except ValidationError as error:
                errors[name] = list(error.messages)
            if values.setdefault(meaning, (text, name))[0] != text:
                errors[name] = [f"Says the same as {values[meaning][1]}, with a different value. Give one of them."]
    if errors:
        raise ValidationError(errors)
    return {meaning: text for meaning, (text, _) in values.items()}


def wishes_in(attributes: object) -> dict[str, str]:
    """Return how an account is to be served, as far as the attributes say: see PushedConfiguration.

    Raises ValidationError that names an attribute with an unknown value.
    """
    wishes: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for name, value in _pairs(attributes):
        meaning = _plain(name)
        if meaning not in _WISHES or value is None or value == "":
            continue
        wish, words = _WISHES[meaning]
        word = words.get(str(value).strip().lower()) if isinstance(value, str | bool) else None
        if word is None:
            errors[name] = [f"One of {', '.join(words)}."]
        else:
            wishes[wish] = word
    if errors:
        raise ValidationError(errors)
    return wishes


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").strip()


def _pairs(attributes: object) -> Iterable[tuple[str, Any]]:
    if isinstance(attributes, Mapping):
        # {"data": {"connectorConfigurations": [...]}}, or the attributes as plain members.
        inner = next((attributes[name] for name in WRAPPERS if name in attributes), None)
        return _pairs(inner) if inner is not None else ((str(k), v) for k, v in attributes.items())
    if isinstance(attributes, list):
        return (
            (str(row["key"]), row.get("value"))
            for row in attributes
            if isinstance(row, Mapping) and isinstance(row.get("key"), str)
        )
    return ()
