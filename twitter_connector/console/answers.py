"""What all answers of the console have: the headers, and a page for each failure that a person meets."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from twitter_connector.errors import ConnectorError, StoreUnavailable

log = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def prepare(blueprint: Blueprint) -> None:
    """Give the answers of a blueprint the headers and the error page."""
    blueprint.after_request(_secure)
    blueprint.register_error_handler(Exception, show_error)


def _secure(response: Response) -> Response:
    response.headers.update(
        {
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response


def show_error(error: Exception) -> Response:
    """Return the page, with the status of the failure."""
    status, detail = 500, "The connector failed on this page. Its log has an internal_error line with the place."
    if isinstance(error, HTTPException):
        status, detail = error.code or 500, error.description or ""
    elif isinstance(error, StoreUnavailable):
        status, detail = 503, f"{error.detail} Load the page again in a moment."
    elif isinstance(error, ConnectorError):
        status, detail = 502, error.detail or error.reason
    else:
        log.error("internal_error", exc_info=error)
    g.person = g.get("person")
    # htmx puts the answer into a part of the page.
    name = "error_part.html" if "HX-Request" in request.headers else "error.html"
    return make_response(render_template(name, title=HTTPStatus(status).phrase, detail=detail), status)
