"""Lua scripts as files, each read once in a process."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def source(package: str, name: str) -> str:
    """Return the text of lua/NAME.lua in a package."""
    return (files(package) / "lua" / f"{name}.lua").read_text("utf-8")
