"""The Authorization header of calls in an account's name: OAuth 1.0a or OAuth 2.0. Sends nothing itself."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from oauthlib.common import generate_nonce, generate_timestamp
from oauthlib.oauth1.rfc5849 import signature as rfc5849
from oauthlib.oauth1.rfc5849.utils import escape
from requests.auth import AuthBase

from twitter_connector.model.account import Credentials

_FORM = "application/x-www-form-urlencoded"


class UserBearer(AuthBase):
    """The Authorization header of an OAuth 2.0 user token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Secrets(NamedTuple):
    client_secret: str
    resource_owner_secret: str


class Signature(AuthBase):
    """The Authorization header of OAuth 1.0a: HMAC-SHA1 over the URL, the query and a form, if there is one.

    JSON and multipart bodies are not signed. oauthlib's own client reads and writes each request several times, which
    costs four times as much (docs/decisions/0021).
    https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
    """

    def __init__(self, credentials: Credentials) -> None:
        self._secrets = _Secrets(credentials.api_key_secret, credentials.access_token_secret)
        self._same = [
            ("oauth_consumer_key", credentials.api_key),
            ("oauth_token", credentials.access_token),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_version", "1.0"),
        ]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        assert request.url is not None
        assert request.method is not None
        form = request.body if request.headers.get("Content-Type", "") == _FORM else ""
        form = form.decode() if isinstance(form, bytes) else form
        ours = [*self._same, ("oauth_nonce", generate_nonce()), ("oauth_timestamp", generate_timestamp())]
        signed = [*ours, *rfc5849.collect_parameters(urlsplit(request.url).query, form or [])]
        text = rfc5849.signature_base_string(
            request.method, rfc5849.base_string_uri(request.url), rfc5849.normalize_parameters(signed)
        )
        ours.append(("oauth_signature", rfc5849.sign_hmac_sha1_with_client(text, self._secrets)))
        request.headers["Authorization"] = "OAuth " + ", ".join(f'{name}="{escape(value)}"' for name, value in ours)
        return request


def user_auth(credentials: Credentials, *, oauth2: bool = False) -> AuthBase:
    """Return what `requests` takes as `auth` to call in the account's name: OAuth 1.0a if the account has it, otherwise
    OAuth 2.0. oauth2: prefer OAuth 2.0."""
    if credentials.oauth2_access_token and (oauth2 or not credentials.access_token):
        return UserBearer(credentials.oauth2_access_token)
    return Signature(credentials)
