"""Checks answers of the connector against its own OpenAPI document.

Flask's test clients check every answer (tests/conftest.py), and so does the HTTP session of a whole service
(tests/tree.py).
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import Any

from flask.testing import FlaskClient
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.test import TestResponse

# Before the service: it gives the counters a folder.
from tests import brokers  # noqa: F401
from twitter_connector.web.document import document

_PREFIX = "/twitter-connector"
_PROBLEM = "application/problem+json"
# The operator's pages are no part of the document.
_PAGES = re.compile(r"/console(/.*)?")
# What a route that is not there may answer; the route of a wrong method may be internal.
_REFUSED = (401, 403, 404, 405, 429)
# Flask answers these by itself.
_UNDESCRIBED_METHODS = {"HEAD", "OPTIONS"}


@cache
def described() -> dict[str, Any]:
    """Return the document."""
    return document()


@cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(
        described(), config=Config(spec_validator_cls=None, extra_media_type_deserializers={_PROBLEM: json.loads})
    )


def plain(path: str) -> str:
    """Return a path without the prefix and without a slash at the end."""
    bare = path.removeprefix(_PREFIX) if path == _PREFIX or path.startswith(f"{_PREFIX}/") else path
    return bare.rstrip("/") or "/"


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation that describes a request, or None."""
    # A template without variables is the better match.
    for template, operations in sorted(described()["paths"].items(), key=lambda entry: entry[0].count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


# Two of three answers of the tests were given before, word for word.
@lru_cache(maxsize=4096)
def complaint(method: str, path: str, status: int, content_type: str, body: bytes) -> str:
    """Return what is wrong with an answer; "" if it is as the document says."""
    path = plain(path)
    if method in _UNDESCRIBED_METHODS or _PAGES.fullmatch(path):
        return ""
    described_operation = operation(method, path)
    if described_operation is None:
        refused = status in _REFUSED and content_type == _PROBLEM
        return "" if refused else f"the document has no such route, so the answer must be a problem, one of {_REFUSED}"
    answer = described_operation["responses"].get(str(status))
    if answer is None:
        return f"the document has no answer {status}"
    if "content" not in answer:
        return f"the document has no body for {status}" if body else ""
    try:
        _openapi().validate_response(
            MockRequest("http://connector", method.lower(), path),
            MockResponse(body, status_code=status, content_type=content_type),
        )
    except OpenAPIError as problem:
        details = [error.message for error in getattr(problem.__cause__, "schema_errors", ())]
        return " ".join([str(problem)[:300], *details])
    return ""


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fail if an answer is not as the document says."""
    wrong = complaint(method, path, status, content_type, body)
    assert not wrong, f"{method} {path} answered {status} {content_type} {body[:500]!r}: {wrong}"


class CheckedClient(FlaskClient):
    """A client of Flask that checks every answer of the connector."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        if self.application.name == "twitter_connector":
            asked = response.request
            check(asked.method, asked.path, response.status_code, response.content_type, response.get_data())
        return response
