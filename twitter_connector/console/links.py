"""Links between pages that work behind a gateway that strips the prefix, and without one.

The service cannot see which prefix the browser has. A relative link needs none.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import request

from twitter_connector.web.context import services


def link(path: str, **query: str | None) -> str:
    """Return a link to a page, relative to the present one.

    path: "console/messages", say. query: values that are None or "" are left out.
    """
    asked: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    # A browser resolves a relative link against the last slash of its address.
    depth = request.path.strip("/").count("/") + asked.partition("?")[0].endswith("/")
    given = {name: value for name, value in query.items() if value}
    return "../" * depth + path + (f"?{urlencode(given)}" if given else "")


def own_address(path: str) -> str:
    """Return the whole address of a page, for another site that leads back to it.

    Without PUBLIC_URL it is made from the address that the browser asked for: a gateway that strips the prefix is not
    seen then. The console's cookies need https, except on loopback.
    """
    base = services().settings.public_url
    if base is None:
        asked: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
        prefix = asked.partition("?")[0].rstrip("/").removesuffix(request.path)
        on_loopback = urlsplit(f"//{request.host}").hostname in ("localhost", "127.0.0.1", "::1")
        base = f"{request.scheme if on_loopback else 'https'}://{request.host}{prefix}"
    return f"{base}/{path}"
