"""CCM: post messages and delivery notifications, ask for an account's configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from twitter_connector.errors import ServiceUnavailable
from twitter_connector.net.answers import NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from .answers import SECONDS, classify

# The wrapper of the answer to a configuration pull is documented nowhere.
_WRAPPERS = ("connectorConfigurations", "channelProviderConfigs", "configurations", "data")

# Also of a CCM, or something in its place, that has no such address or lets nobody read from it.
_NOTHING_THERE = frozenset({404, 405, 501})


class CcmClient:
    """Speaks to CCM. A resend carries the same id, so a missing answer is simply tried again."""

    def __init__(self, http_client: HttpClient, base_url: str, clock: Callable[[], datetime]) -> None:
        self._http_client = http_client
        self._base = base_url
        self._clock = clock

    def post_message(self, message: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
        """Deliver one CIM message or delivery notification. Returns when CCM has it."""
        # Escaped to ASCII: emoji and Cyrillic have been broken on the way by a wrong guess at the encoding.
        body = json.dumps(message, ensure_ascii=True).encode("ascii")
        try:
            answer = self._http_client.exchange(
                "POST",
                f"{self._base}/message/receive",
                seconds=seconds,
                data=body,
                headers={"Content-Type": "application/json"},
            )
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("ccm_unreachable", f"CCM cannot be reached: {error}.") from error
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure

    def configuration(self, account_id: str) -> Mapping[str, Any] | None:
        """Return CCM's attributes for an account as {"connectorConfigurations": [{"key", "value"}, ...]}, or None
        where it has none. Raises an error of one of the families.

        Asked for where CCM's guides have it, and then in the channel itself, which nests the same attributes.
        """
        name = quote(account_id, safe="")
        for path in (f"/channel-connectors/configurations/{name}", f"/channels/service-identifier/{name}"):
            rows = _attributes(self._get(path))
            if rows:
                return {"connectorConfigurations": rows}
        return None

    def _get(self, path: str) -> Any:
        """Return the JSON value at an address, or None where nothing is there."""
        try:
            answer = self._http_client.exchange("GET", f"{self._base}{path}", seconds=SECONDS)
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("ccm_unreachable", f"CCM cannot be reached: {error}.") from error
        if answer.status in _NOTHING_THERE:
            return None
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure
        return answer.json()


def _attributes(value: Any) -> list[Any]:
    """Find the list of attributes: bare, in a wrapper, or in the channel connector of a channel."""
    if isinstance(value, list):
        # A list of channels, each with a connector of its own, holds no attributes of its own.
        return value if any(isinstance(row, Mapping) and "key" in row for row in value) else []
    if isinstance(value, Mapping):
        for name in (*_WRAPPERS, "channelConnector"):
            if rows := _attributes(value.get(name)):
                return rows
    return []
