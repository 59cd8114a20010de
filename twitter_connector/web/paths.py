"""One form for every path: the gateway strips the service's prefix, a plain reverse proxy does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

PREFIX = "/twitter-connector"


class Prefixed:
    """WSGI middleware: every route answers with and without the prefix and a trailing slash, without a redirect."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in ("", "/"):
            path = path[len(PREFIX) :]
        environ["PATH_INFO"] = path.rstrip("/") or "/"
        return self._app(environ, start_response)
