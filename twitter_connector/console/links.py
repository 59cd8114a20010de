"""Links between pages that work behind a gateway that strips the prefix, and without one.

The service cannot see which prefix the browser has. A relative link needs none.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request


def link(path: str, **query: str | None) -> str:
    """Return a link to a page, relative to the present one.

    path: "console/messages", say. query: values that are None or "" are left out.
    """
    asked: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    # A browser resolves a relative link against the last slash of its address.
    depth = request.path.strip("/").count("/") + asked.partition("?")[0].endswith("/")
    given = {name: value for name, value in query.items() if value}
    return "../" * depth + path + (f"?{urlencode(given)}" if given else "")
