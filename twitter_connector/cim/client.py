"""Calls CCM: posts messages and delivery reports, reads configuration, channel types and channels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ServiceUnavailable
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from .answers import SECONDS, classify
from .channel_configuration import WRAPPERS

# Also answered by a CCM, or a server in its place, that has no such address.
# The route exists, and wants another method or a body.
_REFUSES_GET = frozenset({400, 405, 415, 422})
_NOTHING_THERE = frozenset({404, 405, 501})


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
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure
        return f"answers (HTTP {answer.status})"

    def _post(self, path: str, body: bytes, seconds: float) -> None:
        headers = {"Content-Type": "application/json"}
        answer = self._exchange("POST", path, seconds, data=body, headers=headers)
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure

    def _get(self, path: str) -> Any:
        """Return the JSON value at an address, or None if nothing is there."""
        answer = self._exchange("GET", path, SECONDS)
        if answer.status in _NOTHING_THERE:
            return None
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure
        return answer.json()

    def _exchange(self, method: str, path: str, seconds: float, **kwargs: Any) -> Answer:
        try:
            return self._http_client.exchange(method, f"{self._base}{path}", seconds=seconds, **kwargs)
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("ccm_unreachable", f"CCM cannot be reached: {error}.") from error


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
