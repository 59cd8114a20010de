"""Calls CCM: posts messages and delivery reports, reads configuration, channels and their types. Classifies answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, ServiceUnavailable
from twitter_connector.model.json_fields import integer_of, mapping_of
from twitter_connector.net.answers import Answer, Meaning, NoAnswer, NotSent, meaning_of
from twitter_connector.net.http_client import HttpClient
from twitter_connector.net.retry_after import retry_after

from .channel_configuration import WRAPPERS

# The gateway before CCM cuts off after ten seconds, so an answer after that will not come.
SECONDS = 10.0
_GATEWAY_PAUSE = timedelta(seconds=5)
# The route exists, and wants another method or a body.
_REFUSES_GET = frozenset({400, 405, 415, 422})
# Also answered by a CCM, or a server in its place, that has no such address.
_NOTHING_THERE = frozenset({404, 405, 501})
_TOO_LARGE = "The message is larger than CCM accepts (HTTP 413). Raise its limit, then replay the dead letter."
_READ_ITS_LOG = "Read CCM's log under the message's id, then replay the dead letter."


class CcmClient:
    """Raises errors of the three families. A message keeps its id, so it may be posted again after a lost answer."""

    def __init__(self, http_client: HttpClient, base_url: str, clock: Callable[[], datetime]) -> None:
        self._http_client = http_client
        self._base = base_url
        self._clock = clock

    def post_message(self, message: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
        """Post one CIM message or delivery report. Returns when CCM has it."""
        # ASCII only: a wrong guess at the encoding on the way has broken emoji and Cyrillic.
        body = json.dumps(message, ensure_ascii=True).encode("ascii")
        self._post("/message/receive", body, seconds)

    def configuration(self, account_id: str) -> Mapping[str, Any] | None:
        """Return CCM's attributes for an account as {"connectorConfigurations": [{"key", "value"}, ...]}, or None.

        Reads the address of CCM's guides first, then the channel, which contains the same attributes.
        """
        name = quote(account_id, safe="")
        for path in (f"/channel-connectors/configurations/{name}", f"/channels/service-identifier/{name}"):
            rows = _attributes(self._get(path))
            if rows:
                return {"connectorConfigurations": rows}
        return None

    def has_channel_type(self, name: str) -> bool | None:
        """Return True if CCM lists a channel type of this name; None if it has no such list."""
        rows = self._get("/channel-types")
        if not isinstance(rows, list):
            return None
        return any(isinstance(row, Mapping) and row.get("name") == name for row in rows)

    def create_channel_type(self, name: str) -> None:
        """Create a channel type at CCM, as CCM itself ships it. Raises an error of one of the families."""
        body = {"name": name, "channelLogo": f"_{name}.svg", "isInteractive": False, "mediaRoutingDomain": None}
        self._post("/channel-types", json.dumps(body).encode("ascii"), SECONDS)

    def has_channel(self, account_id: str) -> bool:
        """Return True if a channel of CCM has this account as its service identifier."""
        return bool(self._get(f"/channels/service-identifier/{quote(account_id, safe='')}"))

    def check(self, *, known_by_its_channel_types: bool) -> str:
        """Return in words that CCM takes messages. Sends none: asks /message/receive with GET, which CCM refuses.

        known_by_its_channel_types: CCM has just listed them, so a 404 means only that it does not know this GET.
        Raises an error of one of the families if something else answers, or refuses every caller.
        """
        answer = self._exchange("GET", "/message/receive", SECONDS)
        if answer.status in _REFUSES_GET or (known_by_its_channel_types and answer.status in _NOTHING_THERE):
            return "answers and takes messages"
        self._require(answer)
        return f"answers (HTTP {answer.status})"

    def _post(self, path: str, body: bytes, seconds: float) -> None:
        headers = {"Content-Type": "application/json"}
        self._require(self._exchange("POST", path, seconds, data=body, headers=headers))

    def _get(self, path: str) -> Any:
        """Return the JSON value at an address, or None if nothing is there."""
        answer = self._exchange("GET", path, SECONDS)
        if answer.status in _NOTHING_THERE:
            return None
        self._require(answer)
        return answer.json()

    def _exchange(self, method: str, path: str, seconds: float, **kwargs: Any) -> Answer:
        try:
            return self._http_client.exchange(method, f"{self._base}{path}", seconds=seconds, **kwargs)
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("ccm_unreachable", f"CCM cannot be reached: {error}.") from error

    def _require(self, answer: Answer) -> None:
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure


def _attributes(value: Any) -> list[Any]:
    """Return the list of attributes: bare, in a wrapper, or in the channel connector of a channel."""
    if isinstance(value, list):
        # A list of channels has no attributes itself.
        return value if any(isinstance(row, Mapping) and "key" in row for row in value) else []
    if isinstance(value, Mapping):
        for name in (*WRAPPERS, "channelConnector"):
            if rows := _attributes(value.get(name)):
                return rows
    return []


def classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """Return the error that CCM's answer stands for, or None if CCM has the message.

    A body with status FAILED is a failure, even with HTTP 200. A web page is not CCM's answer, whatever its status.
    """
    status, body = answer.status, mapping_of(_report(answer.json()))
    if str(body.get("status") or "").upper() == "FAILED":
        return _failed(str(body.get("reasonCode") or ""), status)
    # A server's own error object, behind something that answers 200 to everything.
    if status < 300 and (inner := integer_of(body.get("status"))) is not None and 400 <= inner < 600:
        status = inner
    match meaning_of(status):
        case Meaning.SUCCESS if answer.is_web_page:
            return _wrong_address(f"HTTP {status} and a web page", status)
        case Meaning.SUCCESS:
            return None
        case Meaning.LIMITED:
            return RateLimited(
                "ccm_rate_limited",
                "The gateway before CCM limits the rate. Use CCM's address inside the cluster as CCM_URL, or raise it.",
                until=retry_after(answer.headers, now) or now + _GATEWAY_PAUSE,
                status=status,
            )
        case Meaning.UNAVAILABLE:
            sentence, later = f"CCM is not available (HTTP {status}).", retry_after(answer.headers, now)
            return ServiceUnavailable("ccm_unavailable", sentence, until=later, status=status)
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
                f"CCM_URL answers with a redirect (HTTP {status}). Correct CCM_URL, then replay the dead letters.",
                ours=True,
                status=status,
            )
        case Meaning.GONE if status == 404:
            return _wrong_address("HTTP 404", status)
        case Meaning.TOO_LARGE:
            return Permanent("ccm_message_too_large", _TOO_LARGE, status=status)
    sentence = f"CCM did not accept the message (HTTP {status}). {_READ_ITS_LOG}"
    return Permanent("ccm_refused", sentence, ours=True, status=status)


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
    sentence = f"CCM took the message and reported FAILED{named}. {_READ_ITS_LOG}"
    return Permanent("ccm_reported_failed", sentence, ours=True, code=code, status=status)
