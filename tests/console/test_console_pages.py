"""What the pages show and do, on a real broker."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from tests.console.conftest import ACCOUNT, PASSWORD, Browser
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.cli import main
from twitter_connector.config import Settings
from twitter_connector.model.message_log import TRIED, Arrival, LogLine
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, Entry
from twitter_connector.startup import now
from twitter_connector.store.account_rows import NAMED_FIELDS

CUSTOMER = "210375291"


def dead_letter(services: Services, letter_id: str, reason: str) -> None:
    services.lanes.accept(
        [
            DeadLetter(
                letter_id, Direction.IN, ACCOUNT.id, CUSTOMER, CUSTOMER, f"m{letter_id}", f"dm:{letter_id}", reason,
                "Correct CCM_URL.", 1, now(), now(), '{"text": "a secret text"}',
            )
        ]
    )  # fmt: skip


def test_a_customers_message_is_found_and_its_journey_shown_without_its_text(
    services: Services, operator: Browser
) -> None:
    payload = '{"text": "a secret text"}'
    entry = Entry(
        Direction.IN, ACCOUNT.id, CUSTOMER, "dm:1206724334791753732", payload,
        arrival=Arrival("webhook", epoch_ms(now()), "PLAIN"),
    )  # fmt: skip
    services.lanes.accept([entry])
    listed = operator.get(f"/console/messages?customer_id={CUSTOMER}").text
    assert "1206724334791753732" in listed
    journey = operator.get("/console/messages/1206724334791753732").text
    assert "received" in journey
    assert CUSTOMER in operator.get("/console/waiting").text
    overview = operator.get("/console").text
    assert "Messages <strong>1</strong>" in overview
    assert "<strong>1</strong> waits for CCM" in overview
    assert re.search(r"the oldest for \d{1,2} s", overview)
    assert "secret text" not in listed + journey
    assert "no such message" in operator.get("/console/messages?customer_id=7").text
    assert "since" in operator.get("/console/messages?since=yesterdayish").text


def work_done(operator: Browser, path: str, **group: str) -> str:
    """Begin work on a group and return its page after it has ended."""
    answer = operator.act(path, group="1", **group)
    assert answer.status_code == 303, answer.text
    work = operator.client.application.extensions["console_group_work"]
    work.join(30)
    assert not work.is_alive()
    return operator.get("/console/" + answer.location.split("console/", 1)[1]).text


def test_a_dead_letter_is_shown_without_its_text_and_replayed_or_discarded(
    services: Services, operator: Browser
) -> None:
    dead_letter(services, "a0", "ccm_url_wrong")
    dead_letter(services, "b", "recipient_closed")
    shown = operator.get("/console/dead-letters?reason=recipient_closed").text
    assert "<strong>1</strong> <code>ccm_url_wrong</code>" in shown
    assert "/dead-letters/b" in shown
    assert "/dead-letters/a0" not in shown
    one = operator.get("/console/dead-letters/a0").text
    assert {"ccm_url_wrong", "Correct CCM_URL.", CUSTOMER, "ma0"} <= set(re.findall(r"[\w. ]+", one))
    assert "secret text" not in shown + one
    assert operator.said(operator.act("/console/dead-letters/replay", letter_id="a0")) == "1 replayed."
    assert "gone already" in operator.said(operator.act("/console/dead-letters/replay", letter_id="a0"))
    assert operator.said(operator.act("/console/dead-letters/discard", letter_id="b")) == "1 discarded."
    assert services.dead_letters.count() == 0
    assert operator.act("/console/dead-letters/discard").status_code == 400
    assert operator.get("/console/dead-letters/b").status_code == 404
    assert operator.get("/console/dead-letters?direction=up").status_code == 400


def test_a_group_is_previewed_then_replayed_or_discarded_with_its_progress(
    services: Services, operator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for number in range(60):
        dead_letter(services, f"a{number}", "ccm_url_wrong")
    dead_letter(services, "b", "recipient_closed")
    preview = operator.get("/console/dead-letters/group?reason=ccm_url_wrong").text
    assert "60 dead letters" in preview
    assert "60 inbound" in preview
    assert "Replay 60" in preview
    assert "secret text" not in preview
    page = work_done(operator, "/console/dead-letters/replay", reason="ccm_url_wrong")
    assert "60 of 60: 60 replayed." in page
    assert "Done." in page
    assert "hx-get" not in page
    assert services.dead_letters.count() == 1
    assert "none" in operator.get("/console/dead-letters/group?reason=ccm_url_wrong").text
    # Another customer's are not touched; an empty filter is everybody's.
    assert "0 of 0" in work_done(operator, "/console/dead-letters/discard", customer_id="7")
    assert "1 of 1: 1 discarded." in work_done(operator, "/console/dead-letters/discard")
    assert services.dead_letters.count() == 0
    logged = [record.__dict__ for record in caplog.records if record.message == "console_group_done"]
    assert [(line["verb"], line["changed"]) for line in logged] == [("replay", 60), ("discard", 0), ("discard", 1)]


def test_progress_is_shown_while_the_work_goes_on_and_says_so_if_its_process_has_ended(
    services: Services, viewer: Browser
) -> None:
    work = services.group_work.begin("replay", "all", 200)
    services.group_work.step(work, 50, 49)
    page = viewer.get(f"/console/dead-letters/progress/{work}").text
    assert 'value="50"' in page
    assert "50 of 200: 49 replayed, 1 were gone already." in page
    assert "Load again" in page
    assert 'hx-trigger="every 1s"' in page
    polled = viewer.get(f"/console/dead-letters/progress/{work}", headers={"HX-Request": "true"}).text
    assert polled.startswith('<div id="progress"')
    services.redis.hset(f"tc:group-work:{work}", "at", "1000000000")
    page = viewer.get(f"/console/dead-letters/progress/{work}").text
    assert "It stopped. The process that did it has ended." in page
    assert "hx-get" not in page
    assert viewer.get("/console/dead-letters/progress/unknown").status_code == 404


def test_an_account_says_which_public_posts_it_takes_in(services: Services, operator: Browser) -> None:
    page = f"/console/accounts/{ACCOUNT.id}"
    assert "<dt>Public posts</dt><dd>off</dd>" in operator.get(page).text
    services.redis.set(keys.ACCOUNTS_FORM, NAMED_FIELDS)
    chosen = {"posts": "mentions", "long_posts": "yes"}
    services.accounts.change(ACCOUNT.id, lambda now: replace(now, settings={**now.settings, **chosen}))
    assert "<dd>mentions; its own may have 25,000 characters</dd>" in operator.get(page).text


def test_a_pause_is_shown_and_ended(services: Services, operator: Browser) -> None:
    until = epoch_ms(now() + timedelta(minutes=10))
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "account_locked", "Log in at twitter.com to unlock it.")
    assert "Log in at twitter.com" in operator.get(f"/console/accounts/{ACCOUNT.id}").text
    assert "paused" in operator.get("/console").text
    operator.act(f"/console/accounts/{ACCOUNT.id}/resume")
    assert services.lanes.pauses(ACCOUNT.id) == {}


def test_unregistering_needs_the_id_typed(services: Services, operator: Browser) -> None:
    answer = operator.act(f"/console/accounts/{ACCOUNT.id}/unregister", typed="732739705")
    assert "Nothing was done" in operator.said(answer)
    assert services.accounts.get(ACCOUNT.id) is not None


def test_the_page_for_support_has_versions_and_settings_and_no_secret(operator: Browser) -> None:
    text = operator.get("/console/system").text
    for name in ("Version", "Append-only file", "Disk", "worker_concurrency"):
        assert name in text
    for secret in ("console_users", "credentials_keys", "api_tokens", "redis_url"):
        assert secret not in text


@pytest.mark.parametrize("path", ["/console/accounts/1", "/console/messages/1", "/console/nothing"])
def test_what_is_not_there_is_a_page_that_says_so(operator: Browser, path: str) -> None:
    answer = operator.get(path)
    assert answer.status_code == 404
    assert "html" in answer.content_type or path == "/console/nothing"


def test_links_work_with_and_without_the_prefix_and_a_trailing_slash(operator: Browser) -> None:
    for prefix in ("", "/twitter-connector"):
        for path in ("/console", "/console/", "/console/messages", f"/console/accounts/{ACCOUNT.id}/"):
            answer = operator.get(prefix + path)
            for target in ("console/waiting", "console/static/console.css"):
                href = next(part.split('"')[0] for part in answer.text.split('href="')[1:] if target in part)
                assert _resolved(prefix + path, href) == f"{prefix}/{target}"


def _resolved(path: str, href: str) -> str:
    from urllib.parse import urljoin

    return urljoin(f"https://cx.example.com{path}", href).removeprefix("https://cx.example.com")


def test_the_command_prints_a_hash_that_lets_in() -> None:
    result = CliRunner().invoke(main, ["console-password"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    hashed = result.stdout.strip()
    assert "$" not in hashed
    settings = Settings.from_env({"CCM_URL": "http://ccm", "CONSOLE_USERS": f"ada:operator:{hashed}"})
    from werkzeug.security import check_password_hash

    assert check_password_hash(settings.console_users[0].hash, PASSWORD)
    assert CliRunner().invoke(main, ["console-password"], input="one\ntwo\n").exit_code == 1
    assert CliRunner().invoke(main, ["console-password"], input="\n\n").exit_code == 1


def test_the_account_page_has_the_steps_of_its_registration_its_history_and_each_pause(
    services: Services, operator: Browser
) -> None:
    until = epoch_ms(now() + timedelta(minutes=10))
    for direction in Direction:
        services.lanes.pause(direction, ACCOUNT.id, until, "credentials_rejected", "Use `twitter-connector register`.")
    text = operator.get(f"/console/accounts/{ACCOUNT.id}").text
    steps = re.findall(r"<strong>(Credentials|Webhook|Challenge|Subscription)</strong> <span class=\"state (\w+)", text)
    assert steps == [
        ("Credentials", "failed"),
        ("Webhook", "active"),
        ("Challenge", "active"),
        ("Subscription", "active"),
    ]
    assert "<strong>registered</strong> aaa" in text
    assert "Use <code>twitter-connector register</code>." in text
    operator.act(f"/console/accounts/{ACCOUNT.id}/resume", direction="out")
    assert set(services.lanes.pauses(ACCOUNT.id)) == {Direction.IN}


def test_a_conversation_that_waits_says_why(services: Services, operator: Browser) -> None:
    assert "Nothing waits." in operator.get("/console/waiting").text
    services.lanes.accept([Entry(Direction.OUT, ACCOUNT.id, CUSTOMER, "cim-1", "{}", arrival=Arrival("ccm"))])
    assert "its turn comes" in operator.get("/console/waiting").text
    line = LogLine(Direction.OUT, ACCOUNT.id, "cim-1", TRIED, tries=1, reason="x_overloaded")
    services.lanes.accept([line])
    assert "x_overloaded" in operator.get("/console/waiting").text
    until = epoch_ms(now() + timedelta(minutes=10))
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "account_locked", "Log in at x.com.")
    assert "account_locked: Log in at x.com." in operator.get("/console/waiting").text
    operator.act("/console/waiting/now", account_id=ACCOUNT.id, direction="out")
    assert services.lanes.pauses(ACCOUNT.id) == {}


def test_one_conversation_is_tried_now_and_another_waits_on(services: Services, operator: Browser) -> None:
    for lane in ("another", CUSTOMER):
        services.lanes.accept([Entry(Direction.OUT, ACCOUNT.id, lane, f"cim-{lane}", "{}")])
        lease = services.lanes.claim(Direction.OUT)
        assert lease is not None
        services.lanes.postpone(lease, 600_000, spend=True)
    assert operator.get("/console/waiting").text.count("Try now</button>") == 2
    operator.act("/console/waiting/now", account_id=ACCOUNT.id, direction="out", lane=CUSTOMER)
    assert "It is tried now." in operator.get("/console/waiting").text
    lease = services.lanes.claim(Direction.OUT)
    assert lease is not None
    assert (lease.lane, services.lanes.claim(Direction.OUT)) == (CUSTOMER, None)


def test_a_conversation_of_a_paused_account_offers_to_end_the_pause(services: Services, operator: Browser) -> None:
    services.lanes.accept([Entry(Direction.OUT, ACCOUNT.id, CUSTOMER, "cim-1", "{}")])
    until = epoch_ms(now() + timedelta(minutes=10))
    services.lanes.pause(Direction.OUT, ACCOUNT.id, until, "account_locked", "Log in at x.com.")
    page = operator.get("/console/waiting").text
    assert ("End the pause</button>" in page, "Try now</button>" in page, 'name="lane"' in page) == (True, False, False)


def test_usage_has_a_row_for_each_day(services: Services, operator: Browser) -> None:
    services.usage.note(ACCOUNT.id, "dm_read", ["1", "2"])
    text = operator.get("/console/usage?days=31").text
    assert text.count('<th scope="row">') == 31
    assert text.count("<td>2</td>") == 1
    assert operator.get("/console/usage").text.count('<th scope="row">') == 7
    assert operator.get("/console/usage?days=x").status_code == 200
