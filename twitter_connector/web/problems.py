"""Turns errors into application/problem+json answers (RFC 9457). Each says what is wrong and what to do."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from twitter_connector.accounts.registration_steps import StepFailed
from twitter_connector.errors import ConnectorError, CredentialsRejected, RateLimited, StoreUnavailable

from .context import services

log = logging.getLogger(__name__)

# Both X and CCM repeat the request.
STORE_RETRY_SECONDS = 5
# X limits the registration and does not say until when.
LIMIT_RETRY_SECONDS = 60
# Python 3.13 has other words for these than 3.11.
_TITLES = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}


def problem(
    status: int, detail: str, *, kind: str = "about:blank", headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """Return a problem answer. kind: a relative URI that names the problem, for machines."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    body = json.dumps({"type": kind, "title": title, "status": status, "detail": detail, **more})
    return Response(body, status, headers, content_type="application/problem+json")


def install(app: Flask) -> None:
    """Register this module's error handlers with the application."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(StepFailed, _step)
    app.register_error_handler(StoreUnavailable, _store)
    app.register_error_handler(ConnectorError, _connector)
    app.register_error_handler(Exception, _unexpected)


def _http(error: HTTPException) -> Response:
    detail = error.description or ""
    if isinstance(error, RequestEntityTooLarge):
        detail = f"The body is larger than the {g.get('body_limit', 0)} bytes this address takes."
    elif error.code == 404:
        detail = "There is nothing at this address. docs/reference.md lists all addresses."
    headers = None
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        headers = {"Allow": allowed}
        detail = f"This address takes only {allowed}. docs/reference.md lists all addresses."
    return problem(error.code or 500, detail, headers=headers)


def _invalid(error: ValidationError) -> Response:
    return problem(
        400,
        "The request does not have the form that this address takes; see `errors`.",
        kind="invalid-request",
        errors=error.normalized_messages(),  # type: ignore[no-untyped-call]
    )


def _step(error: StepFailed) -> Response:
    cause = error.cause
    if cause is None:
        return problem(400, error.advice, kind="registration-failed", step=error.step)
    twitter = {"status": cause.status, "code": cause.code, "message": cause.words, "reason": cause.reason}
    headers = None
    if isinstance(cause, StoreUnavailable):
        return _store(cause)
    if isinstance(cause, RateLimited) and not isinstance(cause, CredentialsRejected):
        wait = (cause.until - services().clock()).total_seconds() if cause.until else LIMIT_RETRY_SECONDS
        status, headers = 503, {"Retry-After": str(max(1, round(wait)))}
    elif cause.status is not None and 400 <= cause.status < 500:
        status = 422
    else:
        status = 502
    return problem(status, error.advice, kind="registration-failed", headers=headers, step=error.step, twitter=twitter)


def _store(error: StoreUnavailable) -> Response:
    log.error("store_unavailable", extra={"reason": error.reason, "detail": error.detail})
    return problem(
        503,
        error.detail if request.method in ("GET", "HEAD") else f"Nothing was stored: {error.detail}",
        kind="store-unavailable",
        headers={"Retry-After": str(STORE_RETRY_SECONDS)},
    )


def _connector(error: ConnectorError) -> Response:
    log.error("request_failed", extra={"reason": error.reason, "detail": error.detail})
    return problem(502 if error.status else 500, error.detail or error.reason, kind=error.reason.replace("_", "-"))


def _unexpected(error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return problem(500, "The connector failed on this request. Its log has an internal_error line with the place.")
