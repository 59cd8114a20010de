"""Classifies the file engine's answers by status and body."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from twitter_connector.errors import (
    ConnectorError,
    Endpoint,
    MediaTooLarge,
    Permanent,
    Retryable,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.net.answers import Answer, Meaning, meaning_of
from twitter_connector.net.retry_after import retry_after

# Only messages with files wait for the file engine.
_WHERE: dict[str, Any] = {"scope": Scope.ENDPOINT, "endpoint": Endpoint.FILE_ENGINE}


def stored_name(answer: Answer) -> str | None:
    """Return the name of the stored file, or None if the answer is no success. Raises ServiceUnavailable."""
    if not 200 <= answer.status < 300:
        return None
    if answer.is_web_page:
        raise wrong_address(f"HTTP {answer.status} and a web page", answer.status)
    body = answer.json()
    name = body.get("name") if isinstance(body, Mapping) else None
    if not isinstance(name, str) or not name:
        raise ServiceUnavailable(
            "file_engine_odd_answer",
            "The file engine's answer to an upload names no file. Check FILE_ENGINE_URL.",
            ours=True,
            status=answer.status,
            **_WHERE,
        )
    return name


def answers_without_a_file(answer: Answer) -> bool:
    """Return whether this is how a file engine answers an upload without a file."""
    body = answer.json()
    if isinstance(body, Mapping) and isinstance(body.get("message"), str) and answer.status in (404, 500):
        return True
    meaning = meaning_of(answer.status)
    if meaning is Meaning.SUCCESS:
        return not answer.is_web_page
    # 405: an upload is a POST, so this is another server.
    return meaning in (Meaning.REFUSED, Meaning.TOO_LARGE) and answer.status != 405


def failure(status: int, headers: Mapping[str, str], now: datetime, *, reading: bool) -> ConnectorError:
    """Return the error for an answer that is no success. reading: a file was asked for, not stored."""
    meaning = meaning_of(status)
    if reading and meaning is Meaning.GONE:
        return Permanent(
            "file_gone",
            f"The file engine does not have the file any more (HTTP {status}). Attach it again.",
            status=status,
        )
    if meaning is Meaning.TOO_LARGE:
        return MediaTooLarge(
            "file_engine_too_large",
            "The file is larger than the file engine accepts (HTTP 413): its MAXFILESIZE, or a gateway before it. "
            "Raise the limit, or use a smaller file.",
            ours=True,
            status=status,
        )
    if meaning is Meaning.UNAUTHORIZED:
        # Nothing is wrong with the file: it waits until the gateway lets us in.
        return Retryable(
            "file_engine_refuses_access",
            f"The gateway before the file engine wants authentication (HTTP {status}). Use the file engine's address "
            "inside the cluster as FILE_ENGINE_URL.",
            ours=True,
            status=status,
            **_WHERE,
        )
    if meaning is Meaning.REDIRECT or status == 404:
        return wrong_address(f"HTTP {status}", status)
    if meaning in (Meaning.UNAVAILABLE, Meaning.LIMITED, Meaning.SUCCESS):
        return ServiceUnavailable(
            "file_engine_unavailable",
            f"The file engine is not available (HTTP {status}).",
            until=retry_after(headers, now),
            status=status,
            **_WHERE,
        )
    return Permanent(
        "file_engine_refused", f"The file engine refused the file (HTTP {status}). Its log says why.", status=status
    )


def wrong_address(answer: str, status: int) -> ServiceUnavailable:
    """Return the error for another server at FILE_ENGINE_URL. answer: how the sentence describes what came."""
    return ServiceUnavailable(
        "file_engine_url_wrong",
        f"FILE_ENGINE_URL leads to a server that is not the file engine ({answer}). Correct FILE_ENGINE_URL; "
        "files wait.",
        ours=True,
        status=status,
        **_WHERE,
    )


def not_the_file(status: int) -> Permanent:
    return Permanent(
        "file_engine_odd_answer",
        f"The file engine answered with JSON instead of the file (HTTP {status}), so the file was not sent. Check "
        "FILE_ENGINE_URL and that the file can be downloaded, then send it again.",
        ours=True,
        status=status,
    )


def unreachable(error: Exception) -> ServiceUnavailable:
    """Return the error for a file engine that does not answer."""
    return ServiceUnavailable("file_engine_unreachable", f"The file engine cannot be reached: {error}.", **_WHERE)
