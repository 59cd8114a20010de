"""The activity stream of API v2: one connection brings the events of all users of an app, one JSON object a line.

https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from twitter_connector.errors import ConnectorError, ServiceUnavailable
from twitter_connector.model.json_fields import mapping_of
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

from ..http import classify
from .calls import V2Calls, body_of

log = logging.getLogger(__name__)

PATH = "/2/activity/stream"
# X sends an empty line at least every 20 seconds.
IDLE_SECONDS = 30.0
LINE_MAX_BYTES = 1024 * 1024


class V2Stream:
    """The stream of one app. Raises what twitter/http.classify returns."""

    def __init__(
        self, http_client: HttpClient, base_url: str, calls: V2Calls, clock: Callable[[], datetime], idle: float
    ) -> None:
        self._http_client = http_client
        self._url = base_url + PATH
        self._calls = calls
        self._clock = clock
        self._idle = idle

    @contextmanager
    def opened(self) -> Iterator[Iterator[Mapping[str, Any] | None]]:
        """Yield the events of the stream, and None for each empty line.

        Raises ServiceUnavailable if the connection breaks or nothing comes for IDLE_SECONDS.
        """
        headers = {"Authorization": f"Bearer {self._calls.token()}"}
        try:
            with self._http_client.follow(self._url, idle_seconds=self._idle, headers=headers) as incoming:
                if incoming.status != 200:
                    body = b"".join(incoming.chunks)[:65536]
                    failure = classify(Answer(incoming.status, incoming.headers, body), self._clock(), acts=False)
                    raise failure or ServiceUnavailable("twitter_odd_answer", "X did not open the stream.")
                yield _events(incoming.chunks)
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("stream_broken", f"X's activity stream ended: {error}.") from error

    def close_stale(self) -> int:
        """Close the app's open connections to the stream. Return how many there were."""
        try:
            body = body_of(self._calls.as_app("GET", "/2/connections", params={"status": "active"}))
            rows = body.get("data")
            uuids = [str(mapping_of(row).get("id") or "") for row in rows] if isinstance(rows, list) else []
            uuids = [uuid for uuid in uuids if uuid]
            if uuids:
                self._calls.as_app("DELETE", "/2/connections", json={"uuids": uuids})
        except ConnectorError as error:
            # X closes connections that nobody reads by itself, only later.
            log.info("stream_not_closed", extra={"reason": error.reason})
            return 0
        return len(uuids)


def _events(chunks: Iterator[bytes]) -> Iterator[Mapping[str, Any] | None]:
    """Yield the JSON object of each line; None for an empty line, and for one that is no object."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _object(line)
        if len(rest) > LINE_MAX_BYTES:
            raise NoAnswer("a line of more than a megabyte")
    raise NoAnswer("X closed the connection")


def _object(line: bytes) -> Mapping[str, Any] | None:
    if not line.strip():
        return None
    try:
        body = json.loads(line)
    except ValueError:
        log.warning("stream_line_unreadable", extra={"bytes": len(line)})
        return None
    return body if isinstance(body, Mapping) else None
