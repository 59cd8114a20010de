"""The stored form of pauses of a single endpoint. Those of an account: queue/lua/pause.lua."""

from __future__ import annotations

import json
from collections.abc import Mapping

# No wait is longer. A pause that ends later was stored before the broker's clock was put back.
FARTHEST_MS = 25 * 3_600_000


def active(rows: Mapping[str, str], now_ms: int) -> dict[str, Mapping[str, str]]:
    """Return the pauses of endpoints that are not over (until in epoch ms, reason, detail), by endpoint.

    rows: as stored, JSON by endpoint.
    """
    pauses: dict[str, Mapping[str, str]] = {endpoint: json.loads(row) for endpoint, row in rows.items()}
    return {name: pause for name, pause in pauses.items() if 0 < int(pause["until"]) - now_ms < FARTHEST_MS}
