"""The stored form of pauses: of an account in one direction (queue/lua/pause.lua), and of a single endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping

# No wait is longer. A pause that ends later was stored before the broker's clock was put back.
FARTHEST_MS = 25 * 3_600_000


def unshifted(pause: Mapping[str, str], shift_ms: int) -> dict[str, str]:
    """Return a pause (until and since in epoch ms, reason, detail) by the broker's clock.

    The moments that the scripts of the lanes store differ from it by a shift (queue/lua/names.lua).
    """
    return {name: str(int(value) - shift_ms) if name in ("until", "since") else value for name, value in pause.items()}


def active(rows: Mapping[str, str], now_ms: int) -> dict[str, Mapping[str, str]]:
    """Return the pauses of endpoints that are not over (until in epoch ms, reason, detail), by endpoint.

    rows: as stored, JSON by endpoint.
    """
    pauses: dict[str, Mapping[str, str]] = {endpoint: json.loads(row) for endpoint, row in rows.items()}
    return {name: pause for name, pause in pauses.items() if 0 < int(pause["until"]) - now_ms < FARTHEST_MS}
