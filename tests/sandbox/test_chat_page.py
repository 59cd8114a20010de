"""The sandbox's page with encrypted conversations, driven by the keyboard in a headless browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sandbox_process import V2_ACCOUNT, V2_PAIR, Sandbox

from tests.accessibility import violations
from tests.chromium import WAIT_MS, needs_chromium, running_chromium

pytest.importorskip("chat_xdk", reason="the library of X Chat is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.integration,
    needs_chromium,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, sandbox: Sandbox) -> Iterator[Page]:
    """The page with the account of API v2; the test fails if its console has errors."""
    # axe-core is a script of another origin for the page.
    with browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda problem: complaints.append(str(problem)))
        page.goto(sandbox.url)
        page.get_by_label("Account", exact=True).select_option(V2_ACCOUNT)
        yield page
    assert complaints == []


def message(phone: Locator, text: str) -> Locator:
    return phone.get_by_role("listitem").filter(has_text=text)


def choose(page: Page, entry: Locator, deed: str) -> None:
    """Open the menu of a message and choose from it, with the keyboard alone."""
    entry.locator(".chat-actions summary").focus()
    page.keyboard.press("Enter")
    entry.get_by_role("button", name=deed).focus()
    page.keyboard.press("Enter")


def test_an_encrypted_conversation_has_a_lock_and_works_with_the_keyboard(page: Page, sandbox: Sandbox) -> None:
    phone = page.get_by_role("region", name="Customer’s phone")
    lock = phone.locator("#lock")
    expect(lock).to_be_hidden()
    phone.get_by_role("button", name="X Chat").focus()
    page.keyboard.press("Enter")
    expect(lock).to_be_visible()
    expect(page.locator("#desk-lock")).to_be_visible()
    expect(phone.locator("textarea")).to_be_focused()
    phone.get_by_text("Keys for the connector").click()
    command = phone.locator("#x-chat-keys code")
    expect(command).to_contain_text(f"twitter-connector xchat unlock {V2_ACCOUNT} --key-file ")
    phone.get_by_label("Message of the customer").fill("blue or red?")
    page.keyboard.press("Enter")
    first = message(phone, "blue or red?")
    expect(first.locator(".foot .lock")).to_have_text("Encrypted")
    choose(page, first, "Edit")
    expect(phone.get_by_label("Message of the customer")).to_have_value("blue or red?")
    page.keyboard.press("Control+A")
    page.keyboard.type("blue or green?")
    page.keyboard.press("Enter")
    expect(message(phone, "blue or green?")).to_contain_text("Edited")
    sandbox.post("account/native-message", **V2_PAIR, text="the second")
    answer = message(phone, "the second").first
    choose(page, answer, "React 👍")
    expect(answer).to_contain_text("Reaction: 👍")
    choose(page, answer, "Reply")
    expect(phone.locator(".chat-mode")).to_contain_text("Reply to: the second")
    page.keyboard.type("thank you")
    page.keyboard.press("Enter")
    expect(message(phone, "thank you").locator(".quoted")).to_have_text("the second")
    sandbox.post("customer/messages", **V2_PAIR, text="not from me", spoiled="wrong")
    expect(message(phone, "not from me")).to_contain_text("Not verified")
    assert violations(page) == []
    choose(page, message(phone, "thank you"), "Delete")
    expect(phone.get_by_text("This message was deleted.")).to_be_visible()
    expect(message(phone, "thank you")).to_have_count(0)
    answer.get_by_role("button", name="Details").click()
    expect(page.get_by_role("dialog").locator("pre").first).to_contain_text("encoded_event")
    page.keyboard.press("Escape")
    phone.get_by_role("button", name="X Chat").click()
    expect(lock).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("light", 380), ("dark", 1280)])
def test_axe_finds_nothing_in_an_encrypted_conversation(page: Page, sandbox: Sandbox, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    sandbox.post("x-chat", **V2_PAIR)
    first = sandbox.post("customer/messages", **V2_PAIR, text="hello")
    sandbox.post("x-chat/reaction", event_id=first["id"], emoji="🎉")
    sandbox.post("customer/messages", **V2_PAIR, text="again", reply_to=first["id"], spoiled="missing")
    sandbox.post("account/native-message", **V2_PAIR, text="welcome")
    phone = page.get_by_role("region", name="Customer’s phone")
    expect(message(phone, "again")).to_contain_text("Not verified")
    expect(message(phone, "welcome")).to_be_visible()
    phone.get_by_text("Keys for the connector").click()
    message(phone, "again").locator(".chat-actions summary").click()
    assert violations(page) == []
