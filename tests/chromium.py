"""The real browser of the tests, if this machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

# What a page shows comes from processes that share the processor with other tests.
WAIT_MS = 30_000
expect.set_options(timeout=WAIT_MS)
# The first, without windows, takes two thirds of the processor time of the others.
_COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _COMMANDS)), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium found: {', '.join(_COMMANDS)}")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run the browser. Its start costs more than most tests: one is for all tests of a module."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()
