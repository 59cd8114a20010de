"""The real browser of the tests, if this machine has one."""

from __future__ import annotations

import shutil

from playwright.sync_api import expect

# What a page shows comes from processes that share the processor with other tests.
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
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
