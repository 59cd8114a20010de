"""CCM: post messages and delivery notifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twitter_connector.cim.http import SECONDS, classify
from twitter_connector.errors import ServiceUnavailable
from twitter_connector.wire import NoAnswer, NotSent, Wire


class CimGateway:
    """Speaks to CCM. A resend carries the same id, so a missing answer is simply tried again."""

    def __init__(self, wire: Wire, base_url: str, clock: Callable[[], datetime]) -> None:
        self._wire = wire
        self._base = base_url
        self._clock = clock

    def post_message(self, message: Mapping[str, Any]) -> None:
        """Deliver one CIM message or delivery notification. Returns when CCM has it."""
        # Escaped to ASCII: emoji and Cyrillic have been broken on the way by a wrong guess at the encoding.
        body = json.dumps(message, ensure_ascii=True).encode("ascii")
        try:
            answer = self._wire.exchange(
                "POST",
                f"{self._base}/message/receive",
                seconds=SECONDS,
                data=body,
                headers={"Content-Type": "application/json"},
            )
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable("ccm_unreachable", f"CCM cannot be reached: {error}.") from error
        failure = classify(answer, self._clock())
        if failure is not None:
            raise failure
