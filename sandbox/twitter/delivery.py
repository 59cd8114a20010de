"""One event for one webhook, and the request that posts it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import requests

from sandbox.twitter.crc import SIGNATURE_HEADER, sign


class Target(Protocol):
    """The part of a webhook that a delivery needs."""

    id: str
    url: str
    valid: bool


@dataclass
class Delivery:
    """One event and the tries to post it to one webhook."""

    seq: int
    event_id: str | None
    kind: str
    for_user_id: str
    webhook_id: str
    at: float
    status: str = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class OutgoingEvent:
    """A delivery and everything needed to make it. The body is rendered at the first try and reused by later ones.

    v2: an event of API v2, which has its own deadline and retries, and may be shuffled or doubled by a setting.
    """

    delivery: Delivery
    webhook: Target
    secret: str
    render: Callable[[], bytes]
    done: Callable[[str, str | None], None]
    v2: bool = False
    body: bytes | None = None
    era: int = 0

    def copy(self, number: int) -> "OutgoingEvent":
        """Return the same event as a delivery of its own."""
        return replace(self, delivery=replace(self.delivery, seq=number, attempts=[]))


def post_event(
    session: requests.Session, url: str, secret: str, body: bytes, seconds: float, *, signature: str | None = None
) -> int | str:
    """Post a signed event. Returns the status, or the name of what went wrong."""
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature or sign(secret, body)}
    try:
        answer = session.post(url, data=body, headers=headers, timeout=seconds, allow_redirects=False)
    except requests.Timeout:
        return "timeout"
    except requests.RequestException as problem:
        return type(problem).__name__
    return answer.status_code
