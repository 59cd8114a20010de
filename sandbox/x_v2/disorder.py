"""Shuffles and doubles events of API v2 as the settings `shuffle` and `doubled_share` ask."""

import random
import threading
from collections.abc import Callable

from sandbox.settings import Settings

_COLLECT_SECONDS = 0.3


class Disorder:
    """Runs actions at once, or collects some of the same key and runs them in random order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._collected: dict[str, list[Callable[[], None]]] = {}

    def run(self, key: str, action: Callable[[], None], again: Callable[[], None]) -> None:
        """Run an action, and for a share of all of them also `again`, which repeats the event."""
        share = self._settings.doubled_share
        actions = [action, again] if share and random.random() < share else [action]
        if self._settings.shuffle < 2:
            for each in actions:
                each()
            return
        with self._lock:
            collected = self._collected.setdefault(key, [])
            if not collected:
                threading.Timer(_COLLECT_SECONDS, self._release, (key,)).start()
            collected += actions
            full = len(collected) >= self._settings.shuffle
        if full:
            self._release(key)

    def _release(self, key: str) -> None:
        with self._lock:
            collected = self._collected.pop(key, [])
        random.shuffle(collected)
        for action in collected:
            action()
