"""Rate limits of API v2 per endpoint: 15 minutes per user or app, 24 hours per user and per app, and their headers."""

import math
import threading
import time
from dataclasses import dataclass

from sandbox.settings import Settings

QUARTER = 900.0
DAY = 86_400.0


@dataclass(frozen=True)
class Limit:
    """Requests in a window; None where there is no limit."""

    user: int | None = None
    app: int | None = None
    user_day: int | None = None
    app_day: int | None = None


LIMITS = {
    "v2/webhooks/create": Limit(450, 450),
    "v2/webhooks/list": Limit(450, 450),
    "v2/webhooks/validate": Limit(450, 450),
    "v2/webhooks/delete": Limit(450, 450),
    "v2/webhooks/replay": Limit(100, 100),
    "v2/activity/create": Limit(500, 500),
    "v2/activity/list": Limit(500, 500),
    "v2/activity/update": Limit(500, 500),
    "v2/activity/delete": Limit(500, 500),
    "v2/activity/stream": Limit(450, 450),
    "v2/connections": Limit(450, 450),
    "v2/account_activity": Limit(500, 500),
    "v2/dm/send": Limit(15, None, 1440, 1440),
    "v2/dm/events": Limit(15),
    "v2/dm/event": Limit(15),
    "v2/dm/conversation": Limit(15),
    "v2/dm/delete": Limit(300, None, 1500, 4000),
    "v2/dm/media": Limit(450, 450),
    "v2/media/upload": Limit(500, None, None, 50_000),
    "v2/media/initialize": Limit(1875, None, None, 180_000),
    "v2/media/append": Limit(1875, None, None, 180_000),
    "v2/media/finalize": Limit(1875, None, None, 180_000),
    "v2/media/status": Limit(1000, None, None, 100_000),
    # X publishes no limits of X Chat: sending and history have those of Direct Messages here.
    "v2/chat/public_keys": Limit(900),
    "v2/chat/public_keys/add": Limit(None, None, 5),
    "v2/chat/conversations": Limit(15),
    "v2/chat/conversation": Limit(15),
    "v2/chat/events": Limit(15),
    "v2/chat/keys": Limit(15),
    "v2/chat/send": Limit(15, None, 1440, 1440),
    "v2/chat/delete": Limit(300),
    "v2/chat/typing": Limit(300),
    "v2/chat/read": Limit(300),
    "v2/chat/group": Limit(15),
    "v2/chat/media/initialize": Limit(1875, None, None, 180_000),
    "v2/chat/media/append": Limit(1875, None, None, 180_000),
    "v2/chat/media/finalize": Limit(1875, None, None, 180_000),
    "v2/chat/media/download": Limit(450, 450),
    "v2/media/metadata": Limit(500, None, None, 50_000),
    "v2/posts/create": Limit(100, None, None, 10_000),
    "v2/posts/delete": Limit(50),
    "v2/posts/hide": Limit(50),
    "v2/posts/lookup": Limit(900, 450),
    "v2/posts/mentions": Limit(300, 450),
    "v2/posts/timeline": Limit(900, 10_000),
    "v2/likes": Limit(50, None, 1000),
    "users/by_username": Limit(900, 300),
    "users/by_id": Limit(900, 300),
    "users/me": Limit(75),
}


@dataclass(frozen=True)
class _Window:
    header: str
    key: str
    limit: int
    seconds: float


class V2Limits:
    """Counts requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str, str], tuple[float, int]] = {}

    def clear(self) -> None:
        """Begin new windows for everybody."""
        with self._lock:
            self._used.clear()

    def count(self, endpoint: str, user_id: str, app_id: str) -> tuple[dict[str, str], bool]:
        """Count one request. Returns the headers to send, and whether the request is within all limits.

        user_id is "" for a request with an app-only token.
        """
        now = time.time()
        headers: dict[str, str] = {}
        allowed = True
        with self._lock:
            for window in self._windows(endpoint, user_id, app_id):
                place = (endpoint, window.header, window.key)
                until, used = self._used.get(place, (0.0, 0))
                if until <= now:
                    until, used = now + window.seconds, 0
                allowed = allowed and used < window.limit
                self._used[place] = (until, used + 1)
                headers[f"{window.header}limit"] = str(window.limit)
                headers[f"{window.header}remaining"] = str(max(0, window.limit - used - 1))
                headers[f"{window.header}reset"] = str(math.ceil(until))
        return headers, allowed

    def _windows(self, endpoint: str, user_id: str, app_id: str) -> list[_Window]:
        settings, known = self._settings, LIMITS.get(endpoint, Limit())
        windows: list[tuple[str, str, int | None, float]] = []
        if settings.short_limits:
            usual = known.user if user_id else known.app
            limit = settings.limits.get(endpoint, usual)
            windows.append(("x-rate-limit-", user_id or f"app {app_id}", limit, QUARTER))
        if settings.daily_limits:
            of_user = settings.limits_24_hours.get(endpoint, known.user_day) if user_id else None
            of_app = settings.limits_24_hours.get(endpoint, known.app_day)
            windows.append(("x-user-limit-24hour-", user_id, of_user, DAY))
            windows.append(("x-app-limit-24hour-", app_id, of_app, DAY))
        scale = settings.window_scale
        return [
            _Window(header, key, limit, seconds * scale) for header, key, limit, seconds in windows if limit is not None
        ]
