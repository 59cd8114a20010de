"""The log of requests. It never has a body, a query or a credential."""

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 50_000
_MEDIA = ("/1.1/media/", "/1.1/ton/", "/dm_video/", "/dm_gif/", "/media/", "/tweet_video/", "/ext_tw_video/")


@dataclass
class Entry:
    """One request. `status` is None if no answer was sent."""

    seq: int
    at: float
    family: str
    method: str
    path: str
    auth: str
    account_id: str | None
    status: int | None = None
    seconds: float = 0.0


class RequestsLog:
    """The latest requests to X, CCM and the file engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._count = 0

    def begin(self, family: str, method: str, path: str, auth: str, account_id: str | None) -> Entry:
        """Record a request that has just arrived."""
        with self._lock:
            self._count += 1
            entry = Entry(self._count, time.time(), family, method, path, auth, account_id)
            self._entries.append(entry)
        return entry

    def end(self, entry: Entry, status: int | None) -> None:
        """Record its status and duration."""
        entry.status = status
        entry.seconds = round(time.time() - entry.at, 4)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._entries.clear()

    def entries(self, family: str | None, path: str | None, since: int) -> list[dict[str, Any]]:
        """Return requests, oldest first. `path` is a part of the path; `twitter` includes `media`."""
        with self._lock:
            entries = list(self._entries)
        families = {"twitter": {"twitter", "media"}, None: None}.get(family, {family})
        return [
            asdict(entry)
            for entry in entries
            if entry.seq > since
            and (families is None or entry.family in families)
            and (path is None or path in entry.path)
        ]


def family_of(path: str) -> str | None:
    """Return the family of a path: ccm, files, media or twitter; None for the page and the control API."""
    if path.startswith("/_sandbox"):
        return None
    if path.startswith("/ccm/"):
        return "ccm"
    if path.startswith("/file-engine/"):
        return "files"
    if path.startswith(_MEDIA):
        return "media"
    if path.startswith(("/1.1/", "/2/", "/oauth2/")):
        return "twitter"
    return None
