"""Calls the connector by its URL, as CCM and an operator do."""

import threading
from typing import Any
from urllib.parse import quote

import requests

_ACCEPT_SECONDS = 10.0
_REGISTER_SECONDS = 60.0
_PROBE_SECONDS = 2.0


class Unreachable(Exception):
    """Raised when the connector did not answer; the text is the reason."""


class Connector:
    """Sends requests to the connector, with its token if there is one, over one connection per thread."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self._token = token
        self._local = threading.local()

    def send(self, path: str, message: Any) -> requests.Response:
        """Post a CIM message, as CCM does. Raises Unreachable."""
        return self._request("POST", path, _ACCEPT_SECONDS, json=message)

    def register(self, body: dict[str, str]) -> requests.Response:
        """Post a register body, as an operator does. Raises Unreachable."""
        return self._request("POST", "/webhook/twitter/register-and-subscribe", _REGISTER_SECONDS, json=body)

    def journey(self, any_id: str) -> dict[str, Any] | None:
        """Return what the connector's message log has about a message; None if it has nothing, or has no log."""
        body = self._read(f"/messages/{quote(any_id, safe='')}")
        return body if "journey" in body else None

    def pause(self, account_id: str) -> str:
        """Return why the connector sends nothing for an account now; "" if it sends."""
        pauses = self._read(f"/accounts/{quote(account_id, safe='')}").get("pauses") or {}
        return str(pauses["outbound"]["detail"]) if "outbound" in pauses else ""

    def alive(self) -> bool:
        """Whether the connector answers."""
        try:
            return self._request("GET", "/health/live", _PROBE_SECONDS).status_code < 500
        except Unreachable:
            return False

    def _read(self, path: str) -> dict[str, Any]:
        """Return the object at a path of the connector; an empty one if there is none."""
        try:
            answer = self._request("GET", path, _PROBE_SECONDS)
            body: Any = answer.json() if answer.status_code == 200 else None
        except (Unreachable, ValueError):
            return {}
        return body if isinstance(body, dict) else {}

    def _request(self, method: str, path: str, seconds: float, **more: Any) -> requests.Response:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            if self._token:
                session.headers["Authorization"] = f"Bearer {self._token}"
            self._local.session = session
        try:
            return session.request(method, self.url + path, timeout=seconds, allow_redirects=False, **more)
        except requests.Timeout:
            raise Unreachable(f"no answer within {seconds:g} s") from None
        except requests.RequestException as problem:
            raise Unreachable(type(problem).__name__) from None
