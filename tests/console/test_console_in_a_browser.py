"""The console in a real browser: log-in, the keyboard, a phone's width, dark, and axe-core on every page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.accessibility import violations
from tests.chromium import needs_chromium, running_chromium
from tests.console.conftest import ACCOUNT, PASSWORD
from tests.console.openid_provider import running
from tests.console.test_console_access import PAGES
from tests.console.test_console_pages import dead_letter
from tests.console.test_console_single_sign_on import with_provider
from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.model.message_log import Arrival
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Entry
from twitter_connector.startup import now

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]


@contextmanager
def served(services: Services) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(services.settings, services), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/twitter-connector"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    with served(services) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/console/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_axe_finds_nothing_on_any_page_in_light_and_dark_and_on_a_phone(
    chromium: Browser, address: str, services: Services
) -> None:
    dead_letter(services, "a0", "ccm_url_wrong")
    services.lanes.accept(
        [Entry(Direction.IN, ACCOUNT.id, "7", "dm:1", "{}", arrival=Arrival("webhook", epoch_ms(now()), "PLAIN"))]
    )
    services.lanes.pause(Direction.OUT, ACCOUNT.id, 4_000_000_000_000, "account_locked", "Log in at x.com.")
    work = services.group_work.begin("replay", "all", 9)
    # axe-core is a script of ours in this test only.
    context = chromium.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{address}/console/login")
    accessible(page)
    log_in(page, address)
    for path in (*PAGES, f"/console/dead-letters/progress/{work}"):
        page.goto(f"{address}{path.removeprefix('/twitter-connector')}")
        accessible(page)
    context.close()


def accessible(page: Page) -> None:
    """Let axe-core check the page that is shown, in light on a wide screen and in dark on a phone."""
    path = page.url.partition("/twitter-connector")[2]
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # The findings are a part of a page, without a title and a landmark of its own.
        wrong = [] if path == "/console/findings" else violations(page)
        assert wrong == [], (path, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_person_logs_in_reads_the_findings_and_ends_a_pause_with_the_keyboard(
    chromium: Browser, address: str, services: Services
) -> None:
    services.lanes.pause(Direction.OUT, ACCOUNT.id, 4_000_000_000_000, "account_locked", "Log in at x.com.")
    context = chromium.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page, address)
    # htmx loads them. CCM and X do not answer here.
    expect(page.locator("#findings li").first).to_be_visible()
    page.get_by_role("link", name="@acme").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="End all pauses, try now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The pauses were ended")
    assert services.lanes.pauses(ACCOUNT.id) == {}
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert complaints == []
    context.close()


def test_an_operator_types_into_the_register_page_and_discards_a_group_with_the_keyboard(
    chromium: Browser, address: str, services: Services
) -> None:
    for number in range(3):
        dead_letter(services, f"a{number}", "ccm_url_wrong")
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, address)
    page.goto(f"{address}/console/register")
    page.get_by_label("API-KEY", exact=True).focus()
    page.keyboard.type("planted")
    expect(page.locator("#result")).to_contain_text("Still missing: API-KEY-SECRET")
    page.get_by_label("WEBHOOK-URL").focus()
    page.keyboard.type("ftp://x")
    expect(page.locator("#result .findings")).to_contain_text("WEBHOOK-URL")
    page.keyboard.press("Enter")
    # htmx puts the refusal into the page: what was typed is still there.
    expect(page.locator("#result")).to_contain_text("Still missing: API-KEY-SECRET")
    assert page.get_by_label("API-KEY", exact=True).input_value() == "planted"
    page.goto(f"{address}/console/dead-letters")
    page.get_by_role("link", name="3 ccm_url_wrong").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Discard 3 for good").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_contain_text("3 of 3: 3 discarded.")
    expect(page.get_by_text("Done.")).to_be_visible()
    assert services.dead_letters.count() == 0
    context.close()


def test_a_person_comes_back_from_a_provider_of_another_site_and_is_logged_in(
    chromium: Browser, services: Services
) -> None:
    # For a browser, localhost and 127.0.0.1 are two sites: it sends no Strict cookie with the way back.
    with running("localhost") as provider, served(with_provider(services, provider)) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{address}/console/messages")
        assert violations(page) == []
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.get_by_text("ada.l (operator)")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("link", name="log out there too").click()
        assert page.url.startswith(f"{provider.address}/logout?")
        context.close()
