"""Rate limits of v1.1 per endpoint and token in windows of fifteen minutes, and their headers.

Endpoints without a published number have no limit and send no headers.
"""

import math
import threading
import time

from sandbox.settings import Settings
from sandbox.twitter.errors import TwitterError, error

# Requests in a window: (with a user's token, with an app-only token).
LIMITS: dict[str, tuple[int, int]] = {
    "webhooks/register": (15, 15),
    "webhooks/list": (15, 15),
    "webhooks/list_all": (15, 15),
    "webhooks/check": (15, 15),
    "webhooks/delete": (15, 15),
    "subscriptions/add": (500, 500),
    "subscriptions/check": (500, 500),
    "subscriptions/list": (50, 50),
    "subscriptions/count": (15, 15),
    "subscriptions/remove": (500, 500),
    "events/list": (15, 15),
    "events/show": (15, 15),
    "indicate_typing": (1000, 1000),
    "mark_read": (1000, 1000),
    "users/show": (900, 900),
    "verify_credentials": (75, 75),
}


class RateLimits:
    """Counts requests and refuses those beyond the limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def clear(self) -> None:
        """Begin new windows for everybody."""
        with self._lock:
            self._windows.clear()

    def count(self, endpoint: str, key: str, app_only: bool) -> tuple[dict[str, str], TwitterError | None]:
        """Count one request. Returns the headers to send and, beyond the limit, the error to answer with."""
        limit: int | None = LIMITS[endpoint][1 if app_only else 0] if endpoint in LIMITS else None
        limit = self._settings.limits.get(endpoint, limit)
        if limit is None:
            return {}, None
        now = int(time.time())
        with self._lock:
            until, used = self._windows.get((endpoint, key), (0, 0))
            if until <= now:
                until, used = now + math.ceil(self._settings.limit_window * self._settings.window_scale), 0
            self._windows[endpoint, key] = (until, used + 1)
        headers = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(0, limit - used - 1)),
            "x-rate-limit-reset": str(until),
        }
        return headers, error(88) if used >= limit else None
