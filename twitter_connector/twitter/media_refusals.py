"""Errors for files that X refuses: each says which kind of file it was, X's own words about it, and what X takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twitter_connector.errors import ConnectorError, Endpoint, MediaTooLarge, Permanent
from twitter_connector.model.json_fields import integer_of, text_of
from twitter_connector.model.plan import Upload

from .quoted_words import WORDS_MAX_CHARS, quotable

_MAY_UPLOAD = "Check that the account's token may upload: one of OAuth 2.0 needs the scope media.write."


def processing_failed(upload: Upload, error: object) -> Permanent:
    """Return the error for a file that X took and could not process.

    error: the `error` of X's `processing_info`: `{"code": 1, "name": "InvalidMedia", "message": "…"}`.
    """
    fields: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    name, message = quotable(fields.get("name")), quotable(fields.get("message"))
    said = f"{name}: “{message}”" if name and message else name or (message and f"“{message}”")
    file, of = upload.file, f" of {upload.measured}" if upload.measured else ""
    limits = file.limits if file else "Convert the file and send it again."
    return Permanent(
        "media_processing_failed",
        f"X cannot use the {file.name if file else 'file'}{of} ({said or 'it does not say why'}). {limits}",
        code=integer_of(fields.get("code")),
        words=text_of(fields.get("message"))[:WORDS_MAX_CHARS],
        endpoint=Endpoint.UPLOAD,
    )


def upload_refused(failure: ConnectorError | None) -> ConnectorError | None:
    """Return the error for an upload that X refuses, if it is the file that X refuses; any other error as it is.

    The upload endpoint often refuses without an error code.
    """
    if not isinstance(failure, Permanent) or failure.reason not in ("request_refused", "media_refused"):
        return failure
    cause = f"HTTP {failure.status}" if failure.code is None else f"error {failure.code}"
    words = quotable(failure.words)
    said = f"{cause}: “{words}”" if words else cause
    facts: dict[str, Any] = {"code": failure.code, "status": failure.status, "words": failure.words}
    facts["endpoint"] = Endpoint.UPLOAD
    if failure.status == 413:
        return MediaTooLarge("media_too_large", f"The file is larger than X accepts ({said}).", **facts)
    # X answers 403 without a code to a token that may not upload.
    advice = _MAY_UPLOAD if failure.status == 403 and failure.code is None else "Convert it, or send another one."
    return Permanent("media_refused", f"X did not accept the file ({said}). {advice}", **facts)
