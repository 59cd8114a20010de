"""Moments that the scripts of the lanes store differ from the broker's clock by a shift (queue/lua/names.lua)."""

from __future__ import annotations

from collections.abc import Mapping


def unshifted(pause: Mapping[str, str], shift_ms: int) -> dict[str, str]:
    """Return a pause (until and since in epoch ms, reason, detail) by the broker's clock."""
    return {name: str(int(value) - shift_ms) if name in ("until", "since") else value for name, value in pause.items()}
