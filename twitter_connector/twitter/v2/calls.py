"""How API v2 is called: in the name of the account, or with the app's bearer token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import Endpoint, Permanent
from twitter_connector.model.account import Account
from twitter_connector.net.answers import Answer

from ..app_token import app_token
from ..http import TwitterHttp, odd_answer


class V2Calls:
    """Calls for one account. token_url: where X gives out bearer tokens. Raises what twitter/http.classify returns."""

    def __init__(self, http: TwitterHttp, base_url: str, token_url: str, account: Account) -> None:
        self._http = http
        self._base = base_url
        self._token_url = token_url
        self._credentials = account.credentials
        self._token = ""

    @property
    def has_oauth2(self) -> bool:
        """Whether the account has an OAuth 2.0 token."""
        return bool(self._credentials.oauth2_access_token)

    def as_user(self, method: str, path: str, endpoint: Endpoint = Endpoint.REGISTRATION, **kwargs: Any) -> Answer:
        """Call in the name of the account."""
        return self._http.signed(method, f"{self._base}{path}", self._credentials, endpoint=endpoint, **kwargs)

    def as_app(self, method: str, path: str, **kwargs: Any) -> Answer:
        """Call with the app's bearer token. Raises Permanent(bearer_token_missing) if X gives the app none."""
        return self._http.bearer(method, f"{self._base}{path}", self.token(), endpoint=Endpoint.REGISTRATION, **kwargs)

    def token(self) -> str:
        """Return the app's bearer token, from the registration or from X."""
        self._token = self._token or app_token(self._http, self._token_url, self._credentials)
        if not self._token:
            raise Permanent(
                "bearer_token_missing",
                "X gives this app no bearer token for its key and secret. Put BEARER-TOKEN into the registration.",
                endpoint=Endpoint.REGISTRATION,
                status=403,
            )
        return self._token


def body_of(answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object of an answer, {} for an empty body. Raises ServiceUnavailable(twitter_odd_answer)."""
    if not answer.body.strip():
        return {}
    body = answer.json()
    if not isinstance(body, Mapping):
        raise odd_answer(
            "X's answer is not a JSON object. Check X_API_URL, and try again later.", Endpoint.REGISTRATION
        )
    return body
