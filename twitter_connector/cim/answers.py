"""Classifies CCM's answers by status and body."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.net.answers import Answer
from twitter_connector.net.retry_after import retry_after
from twitter_connector.net.status import Meaning, meaning_of

# The gateway before CCM cuts off after ten seconds, so an answer after that will not come.
SECONDS = 10.0
_GATEWAY_PAUSE = timedelta(seconds=5)


def classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """Return the error that CCM's answer stands for, or None if CCM has the message.

    A body with status FAILED is a failure, even with HTTP 200. A web page is not CCM's answer, whatever its status.
    """
    status = answer.status
    body = _report(answer.json())
    if isinstance(body, Mapping) and str(body.get("status") or "").upper() == "FAILED":
        return _failed(str(body.get("reasonCode") or ""), status)
    match meaning_of(status):
        case Meaning.SUCCESS if answer.is_web_page:
            return _wrong_address(f"HTTP {status} and a web page", status)
        case Meaning.SUCCESS:
            return None
        case Meaning.LIMITED:
            return RateLimited(
                "ccm_rate_limited",
                "The gateway before CCM limits the rate.",
                until=retry_after(answer.headers, now) or now + _GATEWAY_PAUSE,
                status=status,
            )
        case Meaning.UNAVAILABLE:
            later = retry_after(answer.headers, now)
            return ServiceUnavailable(
                "ccm_unavailable", f"CCM is not available (HTTP {status}).", until=later, status=status
            )
        case Meaning.UNAUTHORIZED:
            # Nothing is wrong with the message: it waits until the gateway lets us in.
            return Retryable(
                "ccm_refuses_access",
                f"The gateway before CCM wants authentication (HTTP {status}). Use CCM's address inside the cluster as "
                "CCM_URL, or open the route /ccm/message*.",
                ours=True,
                status=status,
            )
        case Meaning.REDIRECT:
            return Permanent(
                "ccm_redirects",
                f"CCM_URL answers with a redirect (HTTP {status}). Correct CCM_URL.",
                ours=True,
                status=status,
            )
        case Meaning.GONE if status == 404:
            return _wrong_address("HTTP 404", status)
        case Meaning.TOO_LARGE:
            return Permanent(
                "ccm_message_too_large", "The message is larger than CCM accepts (HTTP 413).", status=status
            )
    return Permanent("ccm_refused", f"CCM did not accept the message (HTTP {status}).", ours=True, status=status)


def _wrong_address(answer: str, status: int) -> Permanent:
    return Permanent(
        "ccm_url_wrong",
        f"CCM_URL leads to a server that has no /message/receive ({answer}): with the gateway's host the URL ends "
        "in /ccm, inside the cluster it has no path. Correct CCM_URL, then replay the dead letters.",
        ours=True,
        status=status,
    )


def _report(body: object) -> object:
    """Return the delivery notification in an answer: documented bare, taken out of its envelope where it has one."""
    inner = body.get("body") if isinstance(body, Mapping) else None
    return inner if isinstance(inner, Mapping) else body


def _failed(reason_code: str, status: int) -> ConnectorError:
    if reason_code == "404":
        return Permanent(
            "channel_unknown",
            "CCM knows no channel with this account id as its service identifier. Create the channel in Unified Admin, "
            "then replay the dead letters.",
            ours=True,
            code=404,
            status=status,
        )
    code = int(reason_code) if reason_code.isascii() and reason_code.isdecimal() and len(reason_code) < 6 else None
    # Anything but a number might be the text that failed.
    named = f" ({code})" if code is not None else ""
    return Permanent(
        "ccm_reported_failed",
        f"CCM took the message and reported FAILED{named}.",
        ours=True,
        code=code,
        status=status,
    )
