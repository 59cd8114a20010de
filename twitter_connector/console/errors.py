"""The page for a failure that a person met."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Response, g, make_response, render_template
from werkzeug.exceptions import HTTPException

from twitter_connector.errors import ConnectorError, StoreUnavailable

log = logging.getLogger(__name__)


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
    return make_response(render_template("error.html", title=HTTPStatus(status).phrase, detail=detail), status)
