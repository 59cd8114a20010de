"""Replaces gunicorn's answer and log line for a request that is not HTTP, which never reaches the application.

gunicorn quotes such a request in both. If a caller counts its bytes wrongly, gunicorn takes the rest of a message for
the next request's first line, and would quote a customer's words. We write no byte of the request.
https://docs.gunicorn.org/en/stable/settings.html#worker-class, #logger-class
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from ssl import SSLError
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)

from .patient_worker import PatientWorker
from .problem_bytes import problem_bytes

log = logging.getLogger(__name__)

# Well below gunicorn's `timeout`, after which a silent worker is killed.
REST_SECONDS = 10.0

# Status and sentence for requests that break a limit of gunicorn's.
_ANSWERS: dict[type[Exception], tuple[HTTPStatus, str]] = {
    LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "The request's first line is longer than {cfg.limit_request_line} bytes. Send a shorter address.",
    ),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The request has more than {cfg.limit_request_fields} header fields, or they are too long: "
        "{cfg.limit_request_field_size} bytes each at most. Send fewer or shorter ones.",
    ),
    ExpectationFailed: (
        HTTPStatus.EXPECTATION_FAILED,
        "The header field Expect has a value other than 100-continue. Send the request without this field.",
    ),
}


class Lines(Logger):  # type: ignore[misc]
    """Hands gunicorn's log lines to our log, which formats them and hides secrets."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn at its start."""
        super().setup(cfg)
        self.error_log.handlers[:] = []
        self.error_log.propagate = True


class Worker(PatientWorker):
    """The worker that takes whole requests, with our answer to one that is not HTTP, and fewer wake-ups at rest."""

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for connections and requests. gunicorn wakes up every second for deadlines of connections; without a
        connection there are none. With `--reload`, a thread ends the worker and cannot wake it."""
        busy = self.nr_conns or not self.alive or self.cfg.reload
        super().wait_for_and_dispatch_events(timeout if busy else REST_SECONDS)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer the request, and log the caller. gunicorn calls this, and then closes the connection."""
        caller = addr[0] if isinstance(addr, tuple) else "unix socket"
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if isinstance(exc, ParseException | SSLError) and not ours:
            unreadable = f"This is no HTTP request we can read: {type(exc).__name__}."
            status, sentence = _ANSWERS.get(type(exc), (HTTPStatus.BAD_REQUEST, unreadable))
            detail = sentence.format(cfg=self.cfg)
            log.warning("request_unreadable", extra={"caller": caller, "error": type(exc).__name__})
        else:
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "The connector failed on this request."
            log.error("internal_error", exc_info=exc)
        try:
            util.write_nonblock(client, problem_bytes(status, detail))
        except OSError:
            return  # the caller has closed the connection
