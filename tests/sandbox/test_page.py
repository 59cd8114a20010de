"""The page, used as a person would: in a headless Chromium, with a connector that relays just enough."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from comment_relay import CommentRelay
from fake_connector import FakeConnector
from message_relay import Relay
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect
from sample_files import GIF, MP4, png
from sandbox_process import ACCOUNT, PAIR, V2_ACCOUNT, Sandbox, running_sandbox, until

from tests.accessibility import violations
from tests.chromium import WAIT_MS, needs_chromium, running_chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.integration,
    needs_chromium,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[Page]:
    """One window for all tests: opening one costs Chromium two seconds of computing."""
    with browser.new_context(locale="en-GB") as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        yield page


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    """The window with nothing in it; the test fails if its console has errors."""
    complaints: list[str] = []

    def note_error(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def note_problem(problem: Error) -> None:
        complaints.append(str(problem))

    window.set_viewport_size({"width": 1280, "height": 800})
    window.on("console", note_error)
    window.on("pageerror", note_problem)
    yield window
    window.remove_listener("console", note_error)
    window.remove_listener("pageerror", note_problem)
    # The page keeps nothing in the browser.
    window.goto("about:blank")
    assert complaints == []


@pytest.fixture
def relay(sandbox: Sandbox, connector: FakeConnector) -> Relay:
    """A connector that passes messages on."""
    return Relay(sandbox, connector)


@pytest.fixture
def chat(page: Page, sandbox: Sandbox, relay: Relay) -> Page:
    """The page, with the demo conversation open."""
    page.goto(sandbox.url)
    expect(phone(page).get_by_text("Nothing yet. Write to Acme as Ada Lovelace.")).to_be_visible()
    return page


def phone(page: Page) -> Locator:
    return page.get_by_role("region", name="Customer’s phone")


def desk(page: Page) -> Locator:
    return page.get_by_role("region", name="Agent’s desk")


def customer_writes(page: Page, text: str) -> None:
    phone(page).get_by_label("Message of the customer").fill(text)
    page.keyboard.press("Enter")


def agent_writes(page: Page, text: str) -> None:
    desk(page).get_by_label("Message of the agent").fill(text)
    page.keyboard.press("Enter")


def message(side: Locator, text: str) -> Locator:
    return side.get_by_role("listitem").filter(has_text=text)


def test_a_message_and_its_reply_arrive_and_show_their_state(chat: Page) -> None:
    customer_writes(chat, "Where is my order? 😀")
    expect(message(desk(chat), "Where is my order? 😀")).to_be_visible()
    expect(message(phone(chat), "Where is my order?").locator(".state")).to_have_text("Delivered")
    agent_writes(chat, "On its way")
    expect(message(phone(chat), "Where is my order?").locator(".state")).to_have_text("Seen")
    expect(message(phone(chat), "On its way")).to_be_visible()
    expect(message(desk(chat), "On its way").locator(".state")).to_have_text("Delivered")
    phone(chat).get_by_role("button", name="Mark as seen").click()
    expect(message(desk(chat), "On its way").locator(".state")).to_have_text("Read")


def test_a_reply_that_fails_says_why(chat: Page, relay: Relay) -> None:
    relay.refuse = "The recipient does not accept direct messages (X error 349)"
    agent_writes(chat, "Hello?")
    expect(message(desk(chat), "Hello?").locator(".state")).to_have_text(f"Failed: {relay.refuse}")


def test_a_message_nobody_takes_says_why(chat: Page, connector: FakeConnector, sandbox: Sandbox) -> None:
    sandbox.post("settings", retry_delays=[])
    connector.event_statuses[:] = [503] * 9
    customer_writes(chat, "Anybody?")
    expect(message(phone(chat), "Anybody?").locator(".state")).to_have_text("Failed: the webhook answered 503")


def test_quick_replies_are_tapped_once_and_come_back_with_their_payload(chat: Page) -> None:
    desk(chat).get_by_role("button", name="Send sample quick replies").click()
    option = phone(chat).get_by_role("button", name="Return something")
    expect(option).to_be_visible()
    option.click()
    answer = desk(chat).get_by_role("listitem").filter(has=chat.locator(".remark"))
    expect(answer.locator(".text")).to_have_text("Return something")
    expect(answer.locator(".remark")).to_have_text("intent: return")
    expect(option).to_be_hidden()


def test_pictures_go_both_ways(chat: Page, tmp_path: Path) -> None:
    picture = tmp_path / "my photo.png"
    picture.write_bytes(png())
    for side, other in ((phone(chat), desk(chat)), (desk(chat), phone(chat))):
        side.locator("input[type=file]").set_input_files(picture)
        expect(side.get_by_text("my photo.png")).to_be_visible()
        side.get_by_role("button", name="Send", exact=True).click()
        shown = other.locator(".theirs img")
        expect(shown).to_be_visible()
        until(lambda shown=shown: shown.evaluate("image => image.naturalWidth") == 32)


def test_a_gif_plays_by_itself_on_both_sides(chat: Page, tmp_path: Path) -> None:
    moving = tmp_path / "dance.gif"
    moving.write_bytes(GIF)
    phone(chat).locator("input[type=file]").set_input_files(moving)
    phone(chat).get_by_role("button", name="Send", exact=True).click()
    for side in (phone(chat), desk(chat)):
        shown = side.locator("video")
        expect(shown).to_be_visible()
        until(lambda shown=shown: shown.evaluate("film => !film.paused && film.currentTime > 0"))
        assert shown.evaluate("film => film.muted && film.loop")
        assert shown.evaluate("film => film.videoWidth") == 160


def test_a_film_that_cannot_be_shown_is_a_link(chat: Page, tmp_path: Path) -> None:
    film = tmp_path / "clip.mp4"
    film.write_bytes(MP4)
    phone(chat).locator("input[type=file]").set_input_files(film)
    phone(chat).get_by_role("button", name="Send", exact=True).click()
    expect(phone(chat).get_by_role("link", name="Video")).to_be_visible()
    expect(desk(chat).get_by_role("link")).to_be_visible()


def test_a_file_x_does_not_take_is_refused_in_words(chat: Page, tmp_path: Path) -> None:
    document = tmp_path / "letter.txt"
    document.write_text("Dear Sir")
    phone(chat).locator("input[type=file]").set_input_files(document)
    expect(phone(chat).locator(".note")).to_have_text("X takes pictures, GIFs and MP4 videos only.")
    expect(phone(chat).get_by_text("letter.txt")).to_be_hidden()


def test_typing_shows_on_the_other_side(chat: Page) -> None:
    phone(chat).get_by_label("Message of the customer").press_sequentially("Hm")
    expect(desk(chat).get_by_text("Ada Lovelace is typing…")).to_be_visible()
    desk(chat).get_by_label("Message of the agent").press_sequentially("Well")
    expect(phone(chat).get_by_text("Acme is typing…")).to_be_visible()
    expect(phone(chat).get_by_text("Acme is typing…")).to_be_hidden()


def test_text_is_never_markup(chat: Page) -> None:
    evil = "<img src=x onerror=\"document.title='caught'\"> & <b>bold</b>\nsecond line"
    phone(chat).get_by_label("Message of the customer").fill(evil)
    phone(chat).get_by_role("button", name="Send", exact=True).click()
    for side in (phone(chat), desk(chat)):
        expect(side.locator(".text")).to_have_text(evil, use_inner_text=True)
        expect(side.locator(".bubble b, .bubble img")).to_have_count(0)
    assert chat.title() == "Direct message sandbox"


def test_links_are_live(chat: Page) -> None:
    customer_writes(chat, "see https://example.com/a?b=1&c=2.")
    for side in (phone(chat), desk(chat)):
        link = side.get_by_role("link", name="https://example.com/a?b=1&c=2")
        expect(link).to_have_attribute("href", "https://example.com/a?b=1&c=2")
        expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_the_keyboard_is_enough(chat: Page) -> None:
    chat.get_by_label("Account").focus()
    order = []
    for _ in range(11):
        chat.keyboard.press("Tab")
        order.append(
            chat.evaluate("(e => e.getAttribute('aria-label') || e.id || e.textContent.trim())(document.activeElement)")
        )
    assert order[:5] == [
        "customer",
        "Messages on the phone",
        "Attach a picture, GIF or video",
        "Message of the customer",
        "Send",
    ]
    assert order[5:9] == [
        "Messages at the desk",
        "Attach a picture, GIF, video or document",
        "Message of the agent",
        "Send",
    ]
    phone(chat).get_by_label("Message of the customer").focus()
    chat.keyboard.type("one")
    chat.keyboard.press("Shift+Enter")
    chat.keyboard.type("two")
    chat.keyboard.press("Enter")
    expect(desk(chat).locator(".text")).to_have_text("one\ntwo", use_inner_text=True)
    expect(phone(chat).get_by_label("Message of the customer")).to_be_focused()
    expect(phone(chat).get_by_label("Message of the customer")).to_have_value("")


def test_logs_are_told_to_those_who_listen(chat: Page) -> None:
    for label in ("Messages on the phone", "Messages at the desk"):
        log = chat.get_by_role("log", name=label)
        expect(log).to_have_attribute("aria-relevant", "additions")
    unnamed = chat.evaluate(
        """() => [...document.querySelectorAll("button, select, textarea, input")].filter((control) =>
             !control.labels?.length && !control.getAttribute("aria-label") && !control.textContent.trim()).length"""
    )
    assert unnamed == 0


def test_another_customer_is_another_conversation(chat: Page) -> None:
    customer_writes(chat, "from Ada")
    expect(message(desk(chat), "from Ada")).to_be_visible()
    chat.get_by_label("Customer", exact=True).select_option(label="Grace Hopper (@grace)")
    expect(message(phone(chat), "from Ada")).to_have_count(0)
    customer_writes(chat, "from Grace")
    expect(message(desk(chat), "from Grace")).to_be_visible()
    chat.reload()
    expect(message(desk(chat), "from Ada")).to_be_visible()
    expect(message(desk(chat), "from Grace")).to_have_count(0)


def test_the_page_has_an_account_of_each_api(chat: Page, sandbox: Sandbox, connector: FakeConnector) -> None:
    groups = chat.locator("#account optgroup")
    assert groups.evaluate_all("all => all.map(one => [one.label, one.children.length])") == [
        ["X API v2", 1],
        ["API v1.1", 1],
    ]
    expect(desk(chat).locator("#api")).to_have_text("API v1.1")
    chat.get_by_label("Account").select_option(label="Northwind (@northwind)")
    expect(desk(chat).locator("#api")).to_have_text("X API v2")
    expect(chat.get_by_text("@northwind is not registered")).to_be_visible()
    customer_writes(chat, "to Northwind")
    assert until(lambda: sandbox.get("twitter/messages", account_id=V2_ACCOUNT)["messages"])
    sandbox.subscribe(connector, "dm.received")
    expect(chat.get_by_text("@northwind is not registered")).to_be_hidden()
    chat.reload()
    expect(chat.get_by_label("Account")).to_have_value(V2_ACCOUNT)
    expect(message(phone(chat), "to Northwind")).to_be_visible()


def test_the_list_of_messages_stands_inside_its_log(chat: Page) -> None:
    customer_writes(chat, "one")
    customer_writes(chat, "two")
    # The sentence of an empty log is an item, too.
    expect(message(desk(chat), "two")).to_be_visible()
    expect(phone(chat).get_by_role("log").get_by_role("list").get_by_role("listitem")).to_have_count(2)


def test_the_menu_breaks_things_and_restores_them(chat: Page, sandbox: Sandbox) -> None:
    menu = chat.locator("#troubles")
    menu.get_by_text("Break something").click()
    menu.get_by_label("X limits replies (429)").check()
    expect(menu.locator(".count")).to_have_text("1 on")
    assert sandbox.send_dm({"text": "x"}).status_code == 429
    chat.reload()
    expect(menu.locator(".count")).to_have_text("1 on")
    menu.get_by_text("Break something").click()
    menu.get_by_role("button", name="Restore everything").click()
    expect(menu.locator(".count")).to_have_text("")
    assert sandbox.send_dm({"text": "x"}).status_code == 200
    chat.keyboard.press("Escape")
    expect(menu.get_by_role("button", name="Restore everything")).to_be_hidden()


def test_fifty_messages_go_out_at_once(chat: Page, sandbox: Sandbox) -> None:
    chat.locator("#troubles summary").click()
    chat.get_by_role("button", name="Send fifty messages at once").click()
    expect(chat.get_by_text("50 messages sent.")).to_be_visible()
    texts = {dm["text"] for dm in sandbox.get("twitter/messages")["messages"]}
    assert texts == {f"{number} of 50" for number in range(1, 51)}
    expect(desk(chat).get_by_role("listitem")).to_have_count(50)


def test_a_click_shows_the_event_the_cim_message_and_the_journey(chat: Page, connector: FakeConnector) -> None:
    customer_writes(chat, "Where is it?")
    shown = message(desk(chat), "Where is it?")
    expect(shown).to_be_visible()
    shown.locator(".bubble").click()
    dialog = chat.get_by_role("dialog", name="Message")
    expect(dialog.locator("pre").first).to_contain_text('"direct_message_events"')
    expect(dialog.locator("pre").nth(1)).to_contain_text('"markdownText": "Where is it?"')
    expect(dialog.get_by_text("keeps no message log")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    agent_writes(chat, "On its way")
    reply = message(desk(chat), "On its way")
    expect(reply.locator(".state")).to_have_text("Delivered")
    step = {"at": "2026-11-27T14:05:00Z", "event": "accepted", "detail": "from CCM"}
    # The desk may have sent a read mark after it.
    (sent,) = (m for m in connector.messages if m["body"].get("markdownText") == "On its way")
    connector.journeys[sent["id"]] = {"state": "delivered", "journey": [step], "x_ids": []}
    reply.get_by_role("button", name="Details").click()
    expect(dialog.get_by_role("cell", name="accepted")).to_be_visible()
    chat.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_file_can_be_dropped_on_either_side(chat: Page) -> None:
    drop = """(pane, bytes) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
        pane.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    for side, other in ((phone(chat), desk(chat)), (desk(chat), phone(chat))):
        side.evaluate(drop, list(png()))
        expect(side.get_by_text("dropped.png")).to_be_visible()
        side.get_by_role("button", name="Send", exact=True).click()
        expect(other.locator(".theirs img")).to_be_visible()


def test_a_failed_message_can_be_sent_again(
    chat: Page, relay: Relay, sandbox: Sandbox, connector: FakeConnector
) -> None:
    relay.refuse = "X is over capacity. Send it again later."
    agent_writes(chat, "Hello?")
    expect(message(desk(chat), "Hello?").locator(".state")).to_have_text(f"Failed: {relay.refuse}")
    relay.refuse = ""
    message(desk(chat), "Hello?").get_by_role("button", name="Send again").click()
    expect(message(phone(chat), "Hello?")).to_be_visible()
    sandbox.post("settings", retry_delays=[])
    connector.event_statuses[:] = [503] * 9
    customer_writes(chat, "Anybody?")
    expect(message(phone(chat), "Anybody?").locator(".state")).to_contain_text("Failed")
    connector.event_statuses.clear()
    message(phone(chat), "Anybody?").get_by_role("button", name="Send again").click()
    expect(message(desk(chat), "Anybody?")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_sentence_of_a_failed_reply_is_never_cut_off(chat: Page, relay: Relay, width: int) -> None:
    relay.refuse = f"X refuses the file {'a' * 90}.jpg: the picture has more than 25 million pixels. " * 3
    chat.set_viewport_size({"width": width, "height": 700})
    if width < 760:
        chat.get_by_role("navigation", name="Side").get_by_role("button", name="Desk").click()
    agent_writes(chat, "Hi")
    state = message(desk(chat), "Hi").locator(".state")
    expect(state).to_have_text(f"Failed: {relay.refuse.strip()}")
    # In one step: the page may put another element in the place of this one at any moment.
    inside = (
        desk(chat)
        .locator(".log")
        .evaluate(
            """log => {
          const [state, ...others] = log.querySelectorAll(".state");
          const box = state.getBoundingClientRect();
          return others.length === 0
            && box.left >= log.getBoundingClientRect().left && box.right <= log.getBoundingClientRect().right
            && state.scrollWidth <= state.clientWidth + 1 && log.scrollWidth <= log.clientWidth;
        }"""
        )
    )
    assert inside


def test_days_are_separated(chat: Page) -> None:
    customer_writes(chat, "one")
    customer_writes(chat, "two")
    # What was still on its way would be in the next test.
    expect(message(desk(chat), "two")).to_be_visible()
    expect(phone(chat).locator(".day")).to_have_text(["Today"])
    days = chat.evaluate(
        """async () => {
          const { dayOf } = await import("/static/dom.js");
          const now = Date.now() / 1000;
          return [dayOf(now), dayOf(now - 86400), dayOf(Date.UTC(2026, 0, 5, 12) / 1000)];
        }"""
    )
    assert [day.replace(",", "") for day in days] == ["Today", "Yesterday", "Monday 5 January 2026"]


def test_a_narrow_screen_shows_one_side_at_a_time(chat: Page, sandbox: Sandbox) -> None:
    chat.set_viewport_size({"width": 360, "height": 700})
    expect(phone(chat)).to_be_visible()
    expect(desk(chat)).to_be_hidden()
    customer_writes(chat, "a" * 200)
    tab = chat.get_by_role("navigation", name="Side").get_by_role("button", name="Desk")
    expect(tab.locator(".badge")).to_have_text("1")
    assert chat.evaluate("document.documentElement.scrollWidth") == 360
    tab.click()
    expect(desk(chat)).to_be_visible()
    expect(phone(chat)).to_be_hidden()
    expect(tab.locator(".badge")).to_be_hidden()
    assert chat.evaluate("document.documentElement.scrollWidth") == 360
    chat.locator("#troubles summary").click()
    expect(chat.get_by_role("button", name="Restore everything")).to_be_visible()
    assert chat.evaluate("document.documentElement.scrollWidth") == 360
    box = chat.locator(".menu-body").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_what_others_do_shows_at_once(chat: Page, sandbox: Sandbox) -> None:
    sandbox.post("account/native-message", **PAIR, text="from the app")
    expect(message(phone(chat), "from the app")).to_be_visible()
    sandbox.post("reset")
    expect(message(phone(chat), "from the app")).to_have_count(0)


def test_an_account_that_is_not_registered_can_be_registered(
    page: Page, sandbox: Sandbox, connector: FakeConnector
) -> None:
    def register(body: dict[str, str]) -> int:
        assert body == sandbox.keys()
        sandbox.register(connector, ACCOUNT)
        return 200

    connector.on_register = lambda body: 422
    page.goto(sandbox.url)
    expect(page.get_by_text("@acme is not registered")).to_be_visible()
    page.get_by_role("button", name="Register it now").click()
    expect(page.get_by_text("The connector answered 422: as the test wants it")).to_be_visible()
    connector.on_register = register
    page.get_by_role("button", name="Register it now").click()
    expect(page.get_by_role("button", name="Register it now")).to_be_hidden()


def test_a_paused_account_says_why_and_registering_again_ends_it(chat: Page, connector: FakeConnector) -> None:
    def register(body: dict[str, str]) -> int:
        connector.pauses = {}
        return 200

    banner = chat.locator("#banner-pause")
    expect(banner).to_be_hidden()
    connector.on_register = register
    connector.pauses = {"outbound": {"reason": "credits_depleted", "detail": "The app has no credit left at X."}}
    expect(banner).to_contain_text("The app has no credit left at X.")
    banner.get_by_role("button", name="Register it again").click()
    expect(banner).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing(browser: Browser, sandbox: Sandbox, relay: Relay, scheme: str, width: int) -> None:
    relay.refuse = "X is over capacity."
    # axe-core is a script of another origin for the page.
    with browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        page.goto(sandbox.url)
        customer_writes(page, "Where is it?")
        if width < 760:
            page.get_by_role("navigation", name="Side").get_by_role("button", name="Desk").click()
        agent_writes(page, "Hello?")
        expect(message(desk(page), "Hello?").locator(".state")).to_contain_text("Failed")
        page.locator("#troubles summary").click()
        assert violations(page) == []
        page.keyboard.press("Escape")
        message(desk(page), "Hello?").get_by_role("button", name="Details").click()
        expect(page.get_by_role("dialog").locator("pre")).to_have_count(1)
        assert violations(page) == []


def posts(page: Page) -> Locator:
    return page.get_by_role("region", name="Public posts")


def customer_posts(page: Page, text: str) -> None:
    posts(page).get_by_label("Post of the customer").fill(text)
    page.keyboard.press("Enter")


def post(page: Page, text: str) -> Locator:
    return posts(page).get_by_role("article").filter(has_text=text)


def act(comment: Locator, label: str) -> None:
    comment.get_by_role("group").get_by_role("button", name=label, exact=True).click()


@pytest.fixture
def public(page: Page, sandbox: Sandbox, connector: FakeConnector) -> Page:
    """The page, with a connector that passes comments on too, and the brand's first post."""
    return with_a_post(page, sandbox, connector)


def with_a_post(page: Page, sandbox: Sandbox, connector: FakeConnector) -> Page:
    """Open the page and let the brand publish a post."""
    CommentRelay(sandbox, connector)
    sandbox.post("account/posts", account_id=ACCOUNT, text="We have news")
    page.goto(sandbox.url)
    expect(post(page, "We have news")).to_be_visible()
    return page


def test_a_mention_reaches_the_desk_and_the_answer_stands_under_it(public: Page) -> None:
    expect(public.get_by_role("group", name="Conversation")).to_be_hidden()
    customer_posts(public, "@acme my order is late")
    customer_writes(public, "the same in private")
    expect(message(desk(public), "the same in private")).to_be_visible()
    comments = desk(public).get_by_role("button", name="Comments")
    expect(comments).to_contain_text("1")
    comments.click()
    comment = message(desk(public), "my order is late")
    expect(comment).to_be_visible()
    expect(message(desk(public), "the same in private")).to_have_count(0)
    agent_writes(public, "Sorry, it is on its way")
    answer = message(desk(public), "Sorry, it is on its way")
    expect(answer.locator(".state")).to_have_text("Delivered")
    thread = posts(public).locator(".threads > li").filter(has_text="my order is late")
    expect(thread.locator(".replies").get_by_role("article")).to_contain_text("Sorry, it is on its way")
    act(comment, "Like")
    expect(post(public, "my order is late")).to_contain_text("♥ Acme")
    act(comment, "Unlike")
    expect(post(public, "my order is late")).not_to_contain_text("♥")
    act(answer, "Delete")
    expect(post(public, "Sorry, it is on its way")).to_have_count(0)
    act(comment, "Hide")
    refused = message(desk(public), "Hide the comment").locator(".state")
    expect(refused).to_have_text("Failed: You can only hide replies to conversations that you started.")
    desk(public).get_by_role("button", name="Direct messages").click()
    expect(message(desk(public), "the same in private")).to_be_visible()
    expect(comment).to_have_count(0)


def test_pictures_of_posts_and_comments_are_shown_on_both_sides(public: Page, tmp_path: Path) -> None:
    photo = tmp_path / "broken cup.png"
    photo.write_bytes(png())
    posts(public).locator("input[type=file]").set_input_files(photo)
    customer_posts(public, "@acme look")
    desk(public).get_by_role("button", name="Comments").click()
    desk_photo = message(desk(public), "@acme look").locator("img")
    for shown in (post(public, "@acme look").locator("img"), desk_photo):
        expect(shown).to_be_visible()
        until(lambda shown=shown: shown.evaluate("image => image.naturalWidth") == 32)
    desk(public).locator("input[type=file]").set_input_files(photo)
    desk(public).get_by_role("button", name="Send", exact=True).click()
    thread = posts(public).locator(".threads > li").filter(has_text="@acme look")
    answer = thread.locator(".replies").get_by_role("article")
    expect(answer.locator("img")).to_be_visible()
    until(lambda: answer.locator("img").evaluate("image => image.naturalWidth") == 32)


def test_a_reply_is_hidden_edited_and_deleted(public: Page) -> None:
    post(public, "We have news").get_by_role("button", name="Reply").click()
    expect(posts(public).get_by_text("Replying to Acme: “We have news”")).to_be_visible()
    customer_posts(public, "Boring")
    expect(post(public, "Boring")).to_contain_text("Ada Lovelace")
    desk(public).get_by_role("button", name="Comments").click()
    act(message(desk(public), "Boring"), "Hide")
    expect(post(public, "Boring")).to_contain_text("Hidden by Acme")
    post(public, "Boring").get_by_role("button", name="Edit").click()
    expect(posts(public).get_by_label("Post of the customer")).to_have_value("Boring")
    customer_posts(public, "Very boring")
    expect(post(public, "Very boring")).to_contain_text("Edited")
    expect(posts(public).get_by_role("article")).to_have_count(2)
    post(public, "Very boring").get_by_role("button", name="Details").click()
    dialog = public.get_by_role("dialog", name="Message")
    expect(dialog.locator("pre").first).to_contain_text('"tweet_create_events"')
    expect(dialog.locator("pre").nth(1)).to_contain_text('"type": "COMMENT"')
    public.keyboard.press("Escape")
    post(public, "Very boring").get_by_role("button", name="Delete").click()
    expect(posts(public).get_by_role("article")).to_have_count(1)
    public.reload()
    expect(posts(public).get_by_role("article")).to_have_count(1)


def test_axe_finds_nothing_in_public_posts(browser: Browser, sandbox: Sandbox, connector: FakeConnector) -> None:
    # axe-core is a script of another origin for the page.
    with browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True) as context:
        page = with_a_post(context.new_page(), sandbox, connector)
        customer_posts(page, "@acme my order is late")
        desk(page).get_by_role("button", name="Comments").click()
        post(page, "my order").get_by_role("button", name="Reply").click()
        act(message(desk(page), "my order is late"), "Private reply")
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        for width, tabs in ((1000, ["Posts"]), (360, ["Posts", "Desk"])):
            page.set_viewport_size({"width": width, "height": 800})
            for tab in tabs:
                page.get_by_role("navigation", name="Side").get_by_role("button", name=tab).click()
                assert violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_connector_that_is_away_is_named_with_what_to_do(browser: Browser, tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/twitter-connector"
    with running_sandbox(tmp_path, url) as sandbox, browser.new_context() as context:
        page = context.new_page()
        page.goto(sandbox.url)
        banner = page.locator("#banner-connector")
        expect(banner).to_be_visible()
        expect(banner).to_contain_text(url)
        expect(banner).to_contain_text("Start it there")
        agent_writes(page, "Hello?")
        expect(message(desk(page), "Hello?").locator(".state")).to_contain_text("could not be reached")
        sandbox.process.terminate()
        expect(page.get_by_text("The sandbox has stopped answering.")).to_be_visible()


def test_the_tab_has_its_mark(sandbox: Sandbox) -> None:
    for path in ("/favicon.ico", "/favicon"):
        answer = sandbox.http.get(sandbox.url + path, timeout=10)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
