"""Requests to Twitter: signing, deadlines, and the sorting of every answer into one of the error families."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    OutcomeUnknown,
    Permanent,
    RateLimited,
    Retryable,
    ServiceUnavailable,
)
from twitter_connector.model.account import Credentials
from twitter_connector.model.timestamps import moment
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from .error_codes import CODES
from .oauth1 import signature

SECONDS = 15.0
# An account that may not act is tried again this often: a person may have unlocked it at Twitter's own site.
REJECTED_PAUSE = timedelta(minutes=10)
# Twitter wants "minutes to hours" where it takes an account for a robot.
AUTOMATED_PAUSE = timedelta(minutes=15)
_RESET_SANE = timedelta(days=1)
_RESET_PAST_WAIT = timedelta(seconds=2)
WORDS_MAX_CHARS = 300


class TwitterHttp:
    """Sends signed requests. The clock is only used to date pauses that Twitter leaves open."""

    def __init__(self, http_client: HttpClient, clock: Callable[[], datetime]) -> None:
        self._http_client = http_client
        self._clock = clock

    def signed(
        self,
        method: str,
        url: str,
        credentials: Credentials,
        *,
        acts: bool = False,
        seen: Callable[[Mapping[str, str]], None] | None = None,
        **kwargs: Any,
    ) -> Answer:
        """Send with OAuth 1.0a in the Authorization header and return a 2xx answer; raises what `classify` does.

        acts: the request does something that must not be done twice, so a missing answer is OutcomeUnknown.
        seen: told the headers of whatever answer came. seconds: for all of it, where it is less than SECONDS.
        https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
        """
        return self._send(method, url, acts, seen, auth=signature(credentials), **kwargs)

    def bearer(self, method: str, url: str, token: str, **kwargs: Any) -> Answer:
        """Send with an app-only bearer token; otherwise like `signed`."""
        return self._send(method, url, False, None, headers={"Authorization": f"Bearer {token}"}, **kwargs)

    def basic(self, method: str, url: str, credentials: Credentials, **kwargs: Any) -> Answer:
        """Send with the app's key and secret as HTTP Basic; only /oauth2/token takes that."""
        return self._send(method, url, False, None, auth=(credentials.api_key, credentials.api_key_secret), **kwargs)

    def _send(
        self,
        method: str,
        url: str,
        acts: bool,
        seen: Callable[[Mapping[str, str]], None] | None,
        *,
        seconds: float = SECONDS,
        **kwargs: Any,
    ) -> Answer:
        try:
            answer = self._http_client.exchange(method, url, seconds=seconds, **kwargs)
        except NotSent as error:
            raise ServiceUnavailable("twitter_unreachable", f"Twitter cannot be reached: {error}.") from error
        except NoAnswer as error:
            if acts:
                raise OutcomeUnknown("outcome_unknown", f"Twitter did not answer: {error}.") from error
            raise ServiceUnavailable("twitter_no_answer", f"Twitter did not answer: {error}.") from error
        if seen is not None:
            seen(answer.headers)
        failure = classify(answer, self._clock(), acts=acts)
        if failure is not None:
            raise failure
        return answer


def classify(answer: Answer, now: datetime, *, acts: bool) -> ConnectorError | None:
    """Return the error an answer stands for, or None for success. Looks at status and code, never at wording."""
    status = answer.status
    if 200 <= status < 300:
        return None
    code, message = told(answer)
    facts: dict[str, Any] = {"code": code, "status": status, "words": message[:WORDS_MAX_CHARS]}
    named = f" (Twitter error {code})" if code is not None else f" (HTTP {status})"
    if status in (420, 429) or code == 88:
        until = reset_time(answer.headers, now)
        return RateLimited("rate_limited", f"Twitter's rate limit is reached{named}.", until=until, **facts)
    if status >= 500:
        kind = OutcomeUnknown if acts else ServiceUnavailable
        return kind("twitter_unavailable", f"Twitter has trouble of its own{named}.", **facts)
    if status < 400:
        return ServiceUnavailable(
            "twitter_redirects", f"Twitter's address answers with a redirect{named}. Check the *_API_URL.", ours=True
        )
    family, reason, sentence = CODES.get(code or 0, _by_status(status))
    error = family(reason, f"{sentence}{named}.", **facts)
    if isinstance(error, CredentialsRejected):
        error.ours, error.until = True, now + REJECTED_PAUSE
    elif code == 226:
        error.until = now + AUTOMATED_PAUSE
    if isinstance(error, OutcomeUnknown):
        if not acts:
            return Permanent(reason, f"{sentence}{named}.", **facts)
        error.refusal = True
    if isinstance(error, Retryable | RateLimited) and error.until is None and "retry-after" in answer.headers:
        error.until = reset_time(answer.headers, now)
    return error


def _by_status(status: int) -> tuple[type[ConnectorError], str, str]:
    if status == 401:
        return CredentialsRejected, "credentials_rejected", "Twitter does not accept the credentials. Check them"
    if status in (408, 425):
        return ServiceUnavailable, "twitter_unavailable", "Twitter did not process the request"
    if status == 404:
        return Permanent, "not_found", "Twitter does not know this address, customer or environment"
    return Permanent, "request_refused", "Twitter refused the request"


def told(answer: Answer) -> tuple[int | None, str]:
    """Return Twitter's own code and words; (None, "") where the body says nothing.

    Most answers hold `errors`; some v1.1 endpoints say `{"error": "…"}`, and v2 uses problem JSON.
    """
    body = answer.json()
    if not isinstance(body, Mapping):
        return None, ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, Mapping):
        code = first.get("code")
        return (code if isinstance(code, int) else None), str(first.get("message") or first.get("detail") or "")
    return None, str(body.get("error") or body.get("detail") or body.get("title") or "")


def budget_in(headers: Mapping[str, str]) -> tuple[int, int, int] | None:
    """Return limit, remaining and reset (epoch seconds) of an answer; None where it does not say them."""
    told = [headers.get(f"x-rate-limit-{name}", "") for name in ("limit", "remaining", "reset")]
    if not all(t.isascii() and t.isdecimal() and len(t) < 12 for t in told):
        return None
    limit, remaining, reset = map(int, told)
    return limit, remaining, reset


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return when the limit ends. https://docs.x.com/x-api/fundamentals/rate-limits"""
    reset = headers.get("x-rate-limit-reset", "")
    if reset.isascii() and reset.isdecimal() and len(reset) < 12:
        at = moment(int(reset) * 1000)
        # A header that is long past or far away is a fault; then the policy's own pause holds. One that has just
        # passed may be a matter of clocks, and must not have us ask again every moment.
        if now - timedelta(seconds=60) <= at <= now + _RESET_SANE:
            return max(at, now + _RESET_PAST_WAIT)
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdecimal() and len(after) < 6:
        return now + timedelta(seconds=int(after))
    return None
