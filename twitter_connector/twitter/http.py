"""Requests to X: signing, deadlines, and the sorting of every answer into one of the error families."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from twitter_connector.errors import (
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RateLimited,
    RefusedOrDelivered,
    Scope,
    ServiceUnavailable,
)
from twitter_connector.model.account import Credentials
from twitter_connector.model.json_fields import integer_of
from twitter_connector.model.timestamps import moment
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.retry_after import LONGEST_RETRY_AFTER, retry_after

from .error_codes import CODES, CONSOLE, OVER_CAPACITY, PAUSES, PROBLEMS, ErrorMeaning
from .oauth1 import UserBearer, user_auth
from .quoted_words import WORDS_MAX_CHARS, quotable
from .x_clock import XClock

SECONDS = 15.0
# An account that may not act is tried again this often: a person may have unlocked it at X's own site.
REJECTED_PAUSE = timedelta(minutes=10)
# A limit ends within a day at the latest. A header that names a later moment is wrong.
LONGEST_LIMIT = timedelta(days=1)
_RESET_PAST_WAIT = timedelta(seconds=2)
# The limits whose end X names: of 15 minutes, and of 24 hours for the user and for the app.
_LIMITS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
# The fields of bodies that say nothing but what went wrong, of v1.1 and v2.
_ERROR_FIELDS = frozenset({"errors", "error", "request", "title", "detail", "type", "status", "reason"})
_X_PAGE = re.compile(r"https://([a-z0-9-]+\.)*(x|twitter)\.com(/[A-Za-z0-9._~/-]{0,100})?")


class TwitterHttp:
    """Sends requests in an account's name. The clock dates the pauses whose length X does not name. x_clock: X's.

    renewed: returns credentials with another OAuth 2.0 token in place of one that X refused, None if there is none.
    """

    def __init__(
        self,
        http_client: HttpClient,
        clock: Callable[[], datetime],
        renewed: Callable[[Credentials], Credentials | None] = lambda credentials: None,
    ) -> None:
        self._http_client = http_client
        self._clock = clock
        self._renewed = renewed
        self.x_clock = XClock(clock)

    def signed(
        self,
        method: str,
        url: str,
        credentials: Credentials,
        *,
        endpoint: str = "",
        acts: bool = False,
        seen: Callable[[Mapping[str, str]], None] | None = None,
        oauth2: bool = False,
        **kwargs: Any,
    ) -> Answer:
        """Send in the name of an account and return a 2xx answer; raises what `classify` does. oauth2: see user_auth.

        endpoint: named in every error, so that only the work that needs this call waits; see `scope_of`.
        acts: the request does something that must not be done twice, so a missing answer is OutcomeUnknown.
        seen: called with the headers of the answer. seconds: the deadline for the whole exchange.
        https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
        """
        auth = user_auth(credentials, oauth2=oauth2)
        try:
            return self._send(method, url, endpoint, acts, seen, auth=auth, **kwargs)
        except CredentialsRejected as error:
            # A request that is answered 401 had no effect.
            newer = self._renewed(credentials) if error.status == 401 and isinstance(auth, UserBearer) else None
            if newer is None:
                raise
        return self._send(method, url, endpoint, acts, seen, auth=user_auth(newer, oauth2=oauth2), **kwargs)

    def bearer(self, method: str, url: str, token: str, *, endpoint: str = "", **kwargs: Any) -> Answer:
        """Send with an app-only bearer token; otherwise like `signed`."""
        return self._send(method, url, endpoint, False, None, headers={"Authorization": f"Bearer {token}"}, **kwargs)

    def basic(self, method: str, url: str, credentials: Credentials, *, endpoint: str = "", **kwargs: Any) -> Answer:
        """Send with the app's key and secret as HTTP Basic; only /oauth2/token takes that."""
        auth = (credentials.api_key, credentials.api_key_secret)
        return self._send(method, url, endpoint, False, None, auth=auth, **kwargs)

    def _send(
        self,
        method: str,
        url: str,
        endpoint: str,
        acts: bool,
        seen: Callable[[Mapping[str, str]], None] | None,
        *,
        seconds: float = SECONDS,
        **kwargs: Any,
    ) -> Answer:
        where: dict[str, Any] = {"endpoint": endpoint, "scope": scope_of(endpoint)}
        try:
            answer = self._http_client.exchange(method, url, seconds=seconds, **kwargs)
        except NotSent as error:
            raise ServiceUnavailable("twitter_unreachable", f"X cannot be reached: {error}.", **where) from error
        except NoAnswer as error:
            if acts:
                raise OutcomeUnknown("outcome_unknown", f"X did not answer: {error}.", endpoint=endpoint) from error
            raise ServiceUnavailable("twitter_no_answer", f"X did not answer: {error}.", **where) from error
        self.x_clock.seen(answer.headers)
        if seen is not None:
            seen(answer.headers)
        failure = classify(answer, self._clock(), acts=acts, endpoint=endpoint, ahead=self.x_clock.service_ahead())
        if failure is not None:
            raise failure
        return answer


def scope_of(endpoint: str) -> Scope | None:
    """Return who waits for a call that fails: whoever needs it. None, the family's own scope, for sends."""
    return Scope.ENDPOINT if endpoint and endpoint != Endpoint.SEND else None


def classify(
    answer: Answer, now: datetime, *, acts: bool, endpoint: str = "", ahead: timedelta = timedelta()
) -> ConnectorError | None:
    """Return the error an answer stands for, or None for success. Reads status, code and problem type, never wording.

    A success whose body is a web page or names only errors is none: nobody knows what X did, so a send is
    OutcomeUnknown, and anything else is tried again. That X does not find a thing is an answer.

    acts: the request must not be repeated blindly. endpoint: see `scope_of`. ahead: by how much `now` is ahead of X's
    clock, by which X names the ends of its limits.
    """
    status = answer.status
    if 200 <= status < 300:
        return _odd_success(answer, acts=acts, endpoint=endpoint)
    code, message = outcome(answer)
    facts: dict[str, Any] = {"code": code, "status": status, "words": message[:WORDS_MAX_CHARS], "endpoint": endpoint}
    named = f" (X error {code})" if code is not None else f" (HTTP {status})"
    family, reason, sentence = _meaning(status, code, _problem(answer), empty=not answer.body.strip())
    if reason == "media_refused" and (words := quotable(message)):
        # X says what is wrong with this file: its size, length or frames.
        named = f"{named[:-1]}: “{words}”)"
    detail = f"{sentence.format(registration_url=_registration_url(answer))}{named}."
    later = retry_after(answer.headers, now)
    if later is None and status >= 500 and (used_up_until := _used_up_until(answer.headers, now, ahead)) is not None:
        later = min(used_up_until, now + LONGEST_RETRY_AFTER)
    if issubclass(family, OutcomeUnknown) and acts:
        return family(reason, detail, until=later, **facts)
    facts["scope"] = scope_of(endpoint)
    if family is RefusedOrDelivered:
        return Permanent(reason, detail, **facts)
    if issubclass(family, OutcomeUnknown):
        return ServiceUnavailable(reason, detail, until=later, **facts)
    if issubclass(family, CredentialsRejected):
        return family(reason, detail, ours=True, until=later or now + REJECTED_PAUSE, **facts)
    if issubclass(family, RateLimited):
        if reason in PAUSES:
            # The headers speak of another limit, which is not used up.
            return family(reason, detail, until=later or now + PAUSES[reason], **facts)
        return family(reason, detail, until=reset_time(answer.headers, now, ahead), **facts)
    if issubclass(family, ServiceUnavailable):
        return family(reason, detail, until=later, ours=reason == "twitter_redirects", **facts)
    return family(reason, detail, **facts)


def _odd_success(answer: Answer, *, acts: bool, endpoint: str) -> ConnectorError | None:
    """Return the error for a success whose body is not the API's; None for any other."""
    if answer.is_web_page:
        said = "is a web page. Check *_API_URL, and what answers there"
    elif endpoint != Endpoint.CREDENTIALS and _names_only_errors(answer.json()):
        # X accepts credentials and still does not always say whose they are.
        code, _ = outcome(answer)
        said = f"names only an error{f' ({code})' if code is not None else ''}. It is tried again"
    else:
        return None
    detail = f"X answered with HTTP {answer.status}, but the body {said}."
    if acts:
        return OutcomeUnknown("outcome_unknown", detail, endpoint=endpoint, status=answer.status)
    return odd_answer(detail, endpoint)


def _names_only_errors(body: object) -> bool:
    if not isinstance(body, Mapping) or not body.keys() <= _ERROR_FIELDS:
        return False
    return bool(errors_in(body) or ("errors" not in body and (body.get("detail") or body.get("title"))))


def errors_in(body: object) -> list[object]:
    """Return the errors in the body of an answer. That X does not find a thing is none."""
    fields = body if isinstance(body, Mapping) else {}
    errors = fields.get("errors")
    rows = errors if isinstance(errors, list) else [errors]
    return [row for row in (*rows, fields.get("error")) if row and not (isinstance(row, Mapping) and _not_found(row))]


def _not_found(error: Mapping[str, object]) -> bool:
    return error.get("title") == "Not Found Error" or str(error.get("type") or "").endswith("/resource-not-found")


def _meaning(status: int, code: int | None, problem: str, *, empty: bool) -> ErrorMeaning:
    """Return family, reason and sentence of an answer that is no success. empty: it has no body."""
    known = CODES.get(code or 0) or PROBLEMS.get(problem)
    if known is not None and issubclass(known[0], RateLimited) and not issubclass(known[0], CredentialsRejected):
        # "Later" whatever the status: X answers some limits with 403.
        return known
    if status in (420, 429):
        return RateLimited, "rate_limited", "X's rate limit is reached"
    if status == 402:
        return PROBLEMS["credits-depleted"]
    if status >= 500:
        return (
            OverCapacity if code == OVER_CAPACITY else OutcomeUnknown,
            "twitter_unavailable",
            "X is overloaded or has an internal error",
        )
    if status < 400:
        return ServiceUnavailable, "twitter_redirects", "X's address answers with a redirect. Check *_API_URL"
    return known or _by_status(status, empty=empty)


def _by_status(status: int, *, empty: bool) -> ErrorMeaning:
    if status == 401:
        return CredentialsRejected, "credentials_rejected", "X does not accept the credentials. Check them"
    if status in (408, 425):
        return ServiceUnavailable, "twitter_unavailable", "X did not process the request"
    if status == 404 and empty:
        return (
            Permanent,
            "not_found",
            "X does not offer this call to the app, or does not know the address. Check the app's access",
        )
    if status == 404:
        return Permanent, "not_found", "X does not know this address, customer or environment. Check them"
    return Permanent, "request_refused", "X refused the request. Change what it asks for before you repeat it"


def _problem(answer: Answer) -> str:
    """Return the last part of a v2 problem's type, or the reason inside a "client-forbidden" one; "" without one.

    https://docs.x.com/x-api/fundamentals/response-codes-and-errors
    """
    body = answer.json()
    if not isinstance(body, Mapping):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    kind = body.get("type")
    if not isinstance(kind, str):
        kind = first.get("type") if isinstance(first, Mapping) else None
    reason = body.get("reason")
    if isinstance(reason, str) and reason in PROBLEMS:
        return reason
    return kind.rstrip("/").rpartition("/")[2] if isinstance(kind, str) else ""


def _registration_url(answer: Answer) -> str:
    """Return the address at X where a developer enrols: the one in the answer, if it is one of X's."""
    body = answer.json()
    url = body.get("registration_url") if isinstance(body, Mapping) else None
    return url if isinstance(url, str) and _X_PAGE.fullmatch(url) else CONSOLE


def outcome(answer: Answer) -> tuple[int | None, str]:
    """Return X's own code and words; (None, "") if the body has neither.

    Most answers hold `errors`; some v1.1 endpoints say `{"error": "…"}`, and v2 uses problem JSON.
    """
    body = answer.json()
    if not isinstance(body, Mapping):
        return None, ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, Mapping):
        return integer_of(first.get("code")), str(first.get("message") or first.get("detail") or "")
    return None, str(body.get("error") or body.get("detail") or body.get("title") or "")


def odd_answer(detail: str, endpoint: str) -> ServiceUnavailable:
    """Return the error for an answer that is not of X's documented form."""
    return ServiceUnavailable("twitter_odd_answer", detail, scope=scope_of(endpoint), endpoint=endpoint)


def budget_in(headers: Mapping[str, str], prefix: str = _LIMITS[0]) -> tuple[int, int, int] | None:
    """Return limit, remaining and reset (epoch seconds) of an answer; None if one of them is missing."""
    figures = [headers.get(f"{prefix}-{name}", "") for name in ("limit", "remaining", "reset")]
    if not all(figure.isascii() and figure.isdecimal() and len(figure) < 12 for figure in figures):
        return None
    limit, remaining, reset = map(int, figures)
    return limit, remaining, reset


def day_budgets_in(headers: Mapping[str, str]) -> dict[str, tuple[int, int, int]]:
    """Return limit, remaining and reset (epoch seconds) of the limits of 24 hours that an answer has: "user", "app"."""
    named = {name: budget_in(headers, f"x-{name}-limit-24hour") for name in ("user", "app")}
    return {name: position for name, position in named.items() if position is not None}


def reset_time(headers: Mapping[str, str], now: datetime, ahead: timedelta = timedelta()) -> datetime | None:
    """Return when the limit ends: the latest reset of a limit that is used up, else Retry-After; None without either.

    https://docs.x.com/x-api/fundamentals/rate-limits
    """
    # v1.1 does not always say how much remains.
    ends = _used_up_until(headers, now, ahead) or _reset(headers, _LIMITS[0], now, ahead)
    if ends is not None:
        return max(ends, now + _RESET_PAST_WAIT)
    return retry_after(headers, now, LONGEST_LIMIT)


def _used_up_until(headers: Mapping[str, str], now: datetime, ahead: timedelta) -> datetime | None:
    """Return the latest reset of the limits that are used up; None if none is."""
    ends = (_reset(headers, name, now, ahead, used_up=True) for name in _LIMITS)
    return max((at for at in ends if at is not None), default=None)


def _reset(
    headers: Mapping[str, str], limit: str, now: datetime, ahead: timedelta, *, used_up: bool = False
) -> datetime | None:
    reset = headers.get(f"{limit}-reset", "")
    if not (reset.isascii() and reset.isdecimal() and len(reset) < 12):
        return None
    if used_up and headers.get(f"{limit}-remaining") != "0":
        return None
    at = moment(int(reset) * 1000) + ahead
    # A moment that is long past or far away is an error of the header. One that has just passed may be a matter of
    # clocks.
    return at if now - timedelta(seconds=60) <= at <= now + LONGEST_LIMIT else None
