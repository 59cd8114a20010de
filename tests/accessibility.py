"""What axe-core finds wrong with a page, in the real browser of the tests."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Passed rules stay in the browser: to bring them over takes a good part of the time of a check.
_CHECK = """axe.run({resultTypes: ["violations"]}).then(
    (found) => found.violations.map((violation) => [violation.id, violation.nodes[0].html]))"""


def violations(page: Page) -> list[tuple[str, str]]:
    """Return rule and first element of each finding. axe-core is a script of ours: the context must bypass the CSP."""
    if not page.evaluate('"axe" in window'):
        page.evaluate(AXE_SCRIPT)
    return [(rule, html) for rule, html in page.evaluate(_CHECK)]
