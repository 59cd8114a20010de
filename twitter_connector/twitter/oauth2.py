"""OAuth 2.0 with PKCE: the link on which a user authorizes the app, and the tokens that follow.

https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote, urlencode

from twitter_connector.errors import CredentialsRejected, Endpoint, ServiceUnavailable
from twitter_connector.model.account import Credentials
from twitter_connector.model.json_fields import integer_of
from twitter_connector.model.oauth2 import POST_SCOPES, TokenPair
from twitter_connector.net.answers import NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from .http import REJECTED_PAUSE, classify

SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read", "media.write", "offline.access")
SECONDS = 15.0
# X answers so to a used or ended refresh token, and to a bad code.
_ENDED = ("invalid_grant", "invalid_request")
_CLIENT_REFUSED = ("invalid_client", "unauthorized_client")
_X_API, _X_SITE = "https://api.x.com", "https://x.com"


class OAuth2:
    """Raises CredentialsRejected(oauth2_grant_ended) if the grant is over, CredentialsRejected(oauth2_client_refused)
    if the client id or secret is wrong, otherwise what twitter/http.classify returns."""

    def __init__(self, http_client: HttpClient, base_url: str, clock: Callable[[], datetime]) -> None:
        self._http_client = http_client
        self._base = base_url
        self._clock = clock

    def link(self, client_id: str, redirect_uri: str, state: str, verifier: str, *, posts: bool = False) -> str:
        """Return the address on which the account's owner authorizes the app. posts: also for public posts."""
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join((*SCOPES, *POST_SCOPES) if posts else SCOPES),
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
        }
        site = _X_SITE if self._base == _X_API else self._base
        return f"{site}/i/oauth2/authorize?{urlencode(query, quote_via=quote)}"

    def redeem(self, credentials: Credentials, code: str, redirect_uri: str, verifier: str) -> TokenPair:
        """Return the pair for a code, which lives 30 seconds."""
        form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        return self._pair(credentials, {"grant_type": "authorization_code", **form})

    def refresh(self, credentials: Credentials) -> TokenPair:
        """Return the next pair. The refresh token is used up then, and using it again may end the grant."""
        form = {"grant_type": "refresh_token", "refresh_token": credentials.oauth2_refresh_token}
        return self._pair(credentials, form)

    def _pair(self, credentials: Credentials, form: dict[str, str]) -> TokenPair:
        confidential = bool(credentials.client_secret)
        basic = (quote(credentials.client_id, safe=""), quote(credentials.client_secret, safe=""))
        data = form if confidential else {**form, "client_id": credentials.client_id}
        try:
            answer = self._http_client.exchange(
                "POST",
                f"{self._base}/2/oauth2/token",
                seconds=SECONDS,
                data=data,
                **({"auth": basic} if confidential else {}),
            )
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("twitter_no_answer", f"X gave no token: {error}.") from error
        body = answer.json()
        fields = body if isinstance(body, Mapping) else {}
        if answer.status in (400, 401) and fields.get("error") in _ENDED:
            raise _ended(self._clock(), answer.status)
        if answer.status == 401 or (answer.status == 400 and fields.get("error") in _CLIENT_REFUSED):
            raise _client_refused(self._clock(), answer.status)
        if answer.status == 400 and not isinstance(fields.get("error"), str):
            raise ServiceUnavailable("twitter_odd_answer", "X's refusal of a token gives no reason. Check X_API_URL.")
        failure = classify(answer, self._clock(), acts=False)
        if failure is not None:
            raise failure
        access, refresh = fields.get("access_token"), fields.get("refresh_token")
        if not isinstance(access, str) or not isinstance(refresh, str) or not access or not refresh:
            raise ServiceUnavailable("twitter_odd_answer", "X's answer to a token request has no tokens.")
        seconds = integer_of(fields.get("expires_in")) or 0
        scopes = fields.get("scope")
        return TokenPair(
            access,
            refresh,
            seconds if seconds > 0 else 7200,
            scopes=scopes if isinstance(scopes, str) else "",
        )


def _ended(now: datetime, status: int) -> CredentialsRejected:
    return CredentialsRejected(
        "oauth2_grant_ended",
        "X does not accept the account's OAuth 2.0 refresh token any more. Authorize the app again with "
        f"`twitter-connector authorize` (HTTP {status}).",
        endpoint=Endpoint.CREDENTIALS,
        ours=True,
        until=now + REJECTED_PAUSE,
        status=status,
    )


def _client_refused(now: datetime, status: int) -> CredentialsRejected:
    return CredentialsRejected(
        "oauth2_client_refused",
        "X does not accept the app's OAuth 2.0 client. Check CLIENT-ID and CLIENT-SECRET, then register the account "
        f"again (HTTP {status}).",
        endpoint=Endpoint.CREDENTIALS,
        ours=True,
        until=now + REJECTED_PAUSE,
        status=status,
    )
