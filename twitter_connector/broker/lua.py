"""Lua scripts as files, read once when the module that uses them is imported."""

from __future__ import annotations

from importlib.resources import files


def source(package: str, name: str) -> str:
    """Return the text of lua/NAME.lua in a package."""
    return (files(package) / "lua" / f"{name}.lua").read_text("utf-8")
