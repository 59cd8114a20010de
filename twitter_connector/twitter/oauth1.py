"""OAuth 1.0a signatures in the Authorization header, as Twitter wants them. Sends nothing itself."""

from __future__ import annotations

from requests_oauthlib import OAuth1

from twitter_connector.model.account import Credentials


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
