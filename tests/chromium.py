"""The real browser of the tests, if this machine has one."""

from __future__ import annotations

import shutil

from playwright.sync_api import expect

# What a page shows comes from processes that share the processor with other tests.
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)
# The first, without windows, takes two thirds of the processor time of the others.
_COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _COMMANDS)), None)
NO_CHROMIUM = f"no Chromium found: {', '.join(_COMMANDS)}"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
