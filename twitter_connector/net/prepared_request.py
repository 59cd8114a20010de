"""Requests as `requests` prepares them, without what it spends on cookies and on an address that it has seen."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import requests

URLS_MAX = 1024


class Request(requests.PreparedRequest):
    """One request."""

    def prepare_url(self, url: Any, params: Any) -> None:
        """Parse and check the address, once for each."""
        if params:
            super().prepare_url(url, params)
        else:
            self.url = _prepared(url)

    def prepare_auth(self, auth: Any, url: str = "") -> None:
        """Sign the request, or take a login out of the address."""
        if auth is not None or "@" in (self.url or ""):
            super().prepare_auth(auth, url)

    def prepare_cookies(self, cookies: Any) -> None:
        """Send no cookies."""


@lru_cache(URLS_MAX)
def _prepared(url: str) -> str | None:
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url
