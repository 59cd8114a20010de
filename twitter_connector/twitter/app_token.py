"""The app's own bearer token, which X gives for key and secret.

https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only
"""

from __future__ import annotations

from twitter_connector.errors import ConnectorError, CredentialsRejected, Endpoint
from twitter_connector.model.account import Credentials

from .http import TwitterHttp
from .token_owner import NOT_OFFERED


def app_token(http: TwitterHttp, base_url: str, credentials: Credentials) -> str:
    """Return the bearer token of the credentials, or a new one from X; "" where X gives none to this app."""
    if credentials.bearer_token:
        return credentials.bearer_token
    form = {"grant_type": "client_credentials"}
    try:
        body = http.basic(
            "POST", f"{base_url}/oauth2/token", credentials, endpoint=Endpoint.REGISTRATION, data=form
        ).json()
    except ConnectorError as error:
        if not isinstance(error, CredentialsRejected) and error.status not in NOT_OFFERED:
            raise
        return ""
    token = body.get("access_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else ""
