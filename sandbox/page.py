"""Serves the page and what belongs to it."""

from pathlib import Path

from flask import Blueprint, Response, jsonify, send_from_directory
from flask.typing import ResponseReturnValue

from sandbox.world import the_world

page = Blueprint("page", __name__)

_STATIC = Path(__file__).parent / "static"


@page.get("/")
def index() -> ResponseReturnValue:
    """Give the page. Nothing it needs comes from anywhere but here."""
    response = send_from_directory(_STATIC, "index.html", max_age=0)
    response.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data: blob:"
    return response


@page.get("/static/<path:name>")
def part(name: str) -> ResponseReturnValue:
    """Give a style sheet or script."""
    return send_from_directory(_STATIC, name, max_age=0)


@page.get("/favicon.ico")
@page.get("/favicon")
def favicon() -> ResponseReturnValue:
    """Give the mark shown in the browser's tab."""
    return send_from_directory(_STATIC, "favicon.svg")


@page.get("/_sandbox/connector")
def connector() -> ResponseReturnValue:
    """Say whether the connector answers, and where it is looked for."""
    world = the_world()
    return jsonify(url=world.connector.url, reachable=world.connector.alive())


@page.get("/health")
def health() -> Response:
    """Say that the sandbox is there."""
    return Response("ok\n", mimetype="text/plain")
