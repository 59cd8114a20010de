"""Which flavour of the API serves an account."""

from __future__ import annotations

from collections.abc import Callable

from twitter_connector.model.account import Account, Credentials

from .http import TwitterHttp
from .v1.messages import TwitterV1


class Flavours:
    """Makes gateways: cheap objects around one shared connection pool.

    budget: told account id, endpoint, limit, remaining and reset (epoch seconds) where an answer says them.
    """

    def __init__(self, http: TwitterHttp, api_url: str, budget: Callable[[str, str, int, int, int], None]) -> None:
        self._http = http
        self._budget = budget
        self._api_url = api_url

    def for_account(self, account: Account) -> TwitterV1:
        return TwitterV1(self._http, self._api_url, account.credentials, account.environment, account.id, self._budget)

    def for_registration(self, credentials: Credentials, environment: str | None, account_id: str = "") -> TwitterV1:
        return TwitterV1(self._http, self._api_url, credentials, environment, account_id)
