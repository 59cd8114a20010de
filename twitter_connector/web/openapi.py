"""The route that gives the OpenAPI document of all routes."""

from __future__ import annotations

import json

from flask import Blueprint, Response, current_app

from .access import internal

bp = Blueprint("openapi", __name__)


@bp.get("/openapi.json")
@internal
def show_document() -> Response:
    """Answer with the document. It is made when it is asked for first: most processes are never asked."""
    body = current_app.extensions.get("openapi")
    if body is None:
        from .document import document

        body = current_app.extensions["openapi"] = json.dumps(document())
    return Response(body, content_type="application/json")
