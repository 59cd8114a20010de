"""The page for a person who opens the connector's address in a browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

from flask import Blueprint, Response, current_app, request
from markupsafe import Markup
from werkzeug.exceptions import MethodNotAllowed

from .access import internal
from .context import services
from .middleware import PREFIX

bp = Blueprint("start_page", __name__)

_CONSOLE = "/console"
_STYLE = Markup(
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "dt{font-weight:600;margin-top:.75rem}dd{margin:0}"
)
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_PAGE = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Twitter (X) connector</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Twitter (X) connector</h1>
<p>Version {version}. Passes Direct Messages between X accounts and Expertflow CIM.</p>
<dl>
{entries}
</dl>
<p>The guide, the reference of all settings, routes and commands, and the operations page are in the folder
<code>docs</code> of the project. On the command line, <code>twitter-connector doctor</code> says what is wrong and what
to do.</p>
</main>
</body>
</html>
""")
_ENTRY = Markup('<dt>{name}</dt><dd><a href="{url}">{path}</a>: {meaning}</dd>')
_OFF = Markup("<dt>{name}</dt><dd>{meaning}</dd>")


class Entry(NamedTuple):
    """A line of the page. path: where the link goes; "" for no link."""

    name: str
    path: str
    meaning: str


@bp.get("/")
@internal
def show_start_page() -> Response:
    """Answer a browser with the page. All others get 405, because the address takes CIM messages."""
    if "text/html" not in request.accept_mimetypes.values():
        raise MethodNotAllowed(["POST"])
    entries = Markup("\n").join(
        (_ENTRY if entry.path else _OFF).format(
            name=entry.name, url=_link(entry.path), path=entry.path, meaning=entry.meaning
        )
        for entry in _entries()
    )
    page = _PAGE.format(style=_STYLE, version=version("twitter-connector"), entries=entries)
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(page, headers=headers, content_type="text/html; charset=utf-8")


def _entries() -> Iterator[Entry]:
    rules = {rule.rule.rstrip("/") for rule in current_app.url_map.iter_rules()}
    if _CONSOLE in rules:
        yield Entry("Console", _CONSOLE, "accounts, conversations that wait, messages, dead letters.")
    settings = services().settings
    if settings.use_sandbox:
        yield Entry("Sandbox", f"http://127.0.0.1:{settings.sandbox_port}/", "plays X, CCM and the file engine.")
    else:
        yield Entry("Sandbox", "", "off: the connector talks to the real X and CCM.")
    yield Entry("Metrics", "/metrics", "for Prometheus.")
    yield Entry("Routes", "/openapi.json", "all routes, as OpenAPI 3.1.")
    yield Entry("Accounts", "/accounts", "the registered accounts and their state, as JSON.")
    yield Entry("Health", "/health/ready", "whether messages are stored and delivered.")


def _link(path: str) -> str:
    """Return a link that works behind a gateway that strips the prefix, and without one.

    The page does not know whether its own address in the browser ends in a slash. A relative link with the prefix works
    in both cases, because the gateway and this service each take the prefix off once.
    """
    if not path.startswith("/"):
        return path
    asked: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    if asked.partition("?")[0].endswith(f"{PREFIX}/"):
        return path[1:]
    return f"{PREFIX[1:]}{path}"
