"""What CCM's answers mean. The body counts even where the status says success."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.net.http_client import Answer

# The gateway before CCM cuts off after ten seconds, so an answer after that will not come.
SECONDS = 10.0
_GATEWAY_PAUSE = timedelta(seconds=5)
_WORDS_MAX_CHARS = 200


def classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """Return the error CCM's answer stands for, or None when CCM has the message.

    cim/message API: 200 delivered, 202 accepted, 400 invalid; a FAILED body overrules any of them.
    """
    status = answer.status
    body = _report(answer.json())
    if isinstance(body, Mapping) and str(body.get("status") or "").upper() == "FAILED":
        return _failed(str(body.get("reasonCode") or ""), status)
    if 200 <= status < 300:
        return None
    if status == 429:
        return RateLimited(
            "ccm_rate_limited",
            "The gateway before CCM limits the rate.",
            until=_retry_after(answer, now),
            status=status,
        )
    if status >= 500 or status in (408, 425):
        return ServiceUnavailable("ccm_unavailable", f"CCM is not available (HTTP {status}).", status=status)
    if status in (401, 403):
        # Nothing is wrong with the message: it waits until the gateway lets us in.
        return Retryable(
            "ccm_refuses_access",
            f"The gateway before CCM wants authentication (HTTP {status}). Use CCM's address inside the cluster as "
            "CCM_URL, or open the route /ccm/message*.",
            ours=True,
            status=status,
        )
    if status < 400:
        return Permanent(
            "ccm_redirects",
            f"CCM_URL answers with a redirect (HTTP {status}). Correct CCM_URL.",
            ours=True,
            status=status,
        )
    if status == 404:
        return Permanent(
            "ccm_url_wrong",
            "CCM_URL leads to something that has no /message/receive (HTTP 404): with the gateway's host the URL ends "
            "in /ccm, inside the cluster it has no path. Correct CCM_URL, then replay the dead letters.",
            ours=True,
            status=status,
        )
    if status == 413:
        return Permanent("ccm_message_too_large", "The message is larger than CCM accepts (HTTP 413).", status=status)
    return Permanent("ccm_refused", f"CCM did not accept the message (HTTP {status}).", ours=True, status=status)


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


def _retry_after(answer: Answer, now: datetime) -> datetime:
    after = answer.headers.get("retry-after", "")
    if after.isascii() and after.isdecimal() and len(after) < 6:
        return now + timedelta(seconds=int(after))
    return now + _GATEWAY_PAUSE
