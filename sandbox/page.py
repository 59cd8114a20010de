"""Serves the page and its files."""

from pathlib import Path

from flask import Blueprint, Response, jsonify, request, send_from_directory
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox

page = Blueprint("page", __name__)

_STATIC = Path(__file__).parent / "static"


@page.get("/")
def index() -> ResponseReturnValue:
    """Return the page. It loads files of the sandbox only."""
    response = send_from_directory(_STATIC, "index.html", max_age=0)
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data: blob:"
    return response


@page.get("/static/<path:name>")
def part(name: str) -> ResponseReturnValue:
    """Return a style sheet, script or font."""
    return send_from_directory(_STATIC, name, max_age=0)


@page.get("/favicon.ico")
@page.get("/favicon")
def favicon() -> ResponseReturnValue:
    """Return the icon."""
    return send_from_directory(_STATIC, "favicon.svg")


@page.get("/_sandbox/connector")
def connector() -> ResponseReturnValue:
    """Return the connector's URL, whether it answers, and why it sends nothing for the account `account_id`."""
    connector = the_sandbox().connector
    reachable, account_id = connector.alive(), request.args.get("account_id")
    pause = connector.pause(account_id) if reachable and account_id else ""
    return jsonify(url=connector.url, reachable=reachable, pause=pause)


@page.get("/health")
def health() -> Response:
    """Answer a health check."""
    return Response("ok\n", mimetype="text/plain")
