"""The Authorization header of calls in an account's name: OAuth 1.0a or OAuth 2.0. Sends nothing itself."""

from __future__ import annotations

from collections.abc import MutableMapping
from urllib.parse import urlsplit

import requests
from oauthlib.common import generate_nonce, generate_timestamp
from oauthlib.oauth1 import Client
from oauthlib.oauth1.rfc5849 import signature as rfc5849
from oauthlib.oauth1.rfc5849.utils import escape
from requests.auth import AuthBase
from requests_oauthlib import OAuth1

from twitter_connector.model.account import Credentials


class UserBearer(AuthBase):
    """The Authorization header of an OAuth 2.0 user token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Client(Client):  # type: ignore[misc]
    """Signs as oauthlib's own client does, which reads and writes each request several times and so costs four times as
    much (docs/decisions/0021).

    https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
    """

    def sign(
        self,
        uri: str,
        http_method: str = "GET",
        body: str | bytes | None = None,
        headers: MutableMapping[str, str] | None = None,
        realm: str | None = None,
    ) -> tuple[str, MutableMapping[str, str], str | bytes | None]:
        """Return the request as it is, with an Authorization header: HMAC-SHA1 over the URL, its query and the form."""
        ours = [
            ("oauth_consumer_key", self.client_key),
            ("oauth_token", self.resource_owner_key),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_version", "1.0"),
            ("oauth_nonce", generate_nonce()),
            ("oauth_timestamp", generate_timestamp()),
        ]
        form = body.decode() if isinstance(body, bytes) else body
        signed = [*ours, *rfc5849.collect_parameters(urlsplit(uri).query, form or [])]
        text = rfc5849.signature_base_string(
            http_method, rfc5849.base_string_uri(uri), rfc5849.normalize_parameters(signed)
        )
        ours.append(("oauth_signature", rfc5849.sign_hmac_sha1_with_client(text, self)))
        headers = {} if headers is None else headers
        headers["Authorization"] = "OAuth " + ", ".join(f'{name}="{escape(value)}"' for name, value in ours)
        return uri, headers, body


def oauth1(credentials: Credentials) -> AuthBase:
    """Return what `requests` takes as `auth` to sign with an account's OAuth 1.0a credentials."""
    auth: AuthBase = OAuth1(
        credentials.api_key,
        credentials.api_key_secret,
        credentials.access_token,
        credentials.access_token_secret,
        client_class=_Client,
    )
    return auth


def user_auth(credentials: Credentials, *, oauth2: bool = False) -> AuthBase:
    """Return what `requests` takes as `auth` to call in the account's name: OAuth 1.0a if the account has it, otherwise
    OAuth 2.0. oauth2: prefer OAuth 2.0."""
    if credentials.oauth2_access_token and (oauth2 or not credentials.access_token):
        return UserBearer(credentials.oauth2_access_token)
    return oauth1(credentials)
