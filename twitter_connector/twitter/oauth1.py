"""The Authorization header of calls in an account's name: OAuth 1.0a or OAuth 2.0. Sends nothing itself."""

from __future__ import annotations

import requests
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


def user_auth(credentials: Credentials, *, oauth2: bool = False) -> AuthBase:
    """Return what `requests` takes as `auth` to call in the account's name: OAuth 1.0a if the account has it, otherwise
    OAuth 2.0. oauth2: prefer OAuth 2.0."""
    if credentials.oauth2_access_token and (oauth2 or not credentials.access_token):
        return UserBearer(credentials.oauth2_access_token)
    signed: AuthBase = signature(credentials)
    return signed


def signature(credentials: Credentials) -> OAuth1:
    """Return what `requests` takes as `auth`: HMAC-SHA1 over the URL, the query and a form, if there is one. JSON and
    multipart bodies are not signed. https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
    """
    return OAuth1(
        credentials.api_key,
        credentials.api_key_secret,
        credentials.access_token,
        credentials.access_token_secret,
    )
