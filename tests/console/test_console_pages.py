"""What the pages show and do, on a real broker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from tests.console.conftest import ACCOUNT, PASSWORD, Browser
from twitter_connector.bootstrap import Services
from twitter_connector.cli import main
from twitter_connector.config import Settings
from twitter_connector.model.message_log import Arrival
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import DeadLetter, Direction, Entry
from twitter_connector.startup import now

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
    assert "1 messages" in operator.get("/console").text
    assert "secret text" not in listed + journey
    assert "no such message" in operator.get("/console/messages?customer_id=7").text
    assert "since" in operator.get("/console/messages?since=yesterdayish").text


def test_dead_letters_are_replayed_and_discarded_one_by_one_or_by_reason(services: Services, operator: Browser) -> None:
    for number in range(3):
        dead_letter(services, f"a{number}", "ccm_url_wrong")
    dead_letter(services, "b", "recipient_closed")
    shown = operator.get("/console/dead-letters?reason=recipient_closed").text
    assert "ccm_url_wrong</a> (3)" in shown
    assert "secret text" not in shown
    assert operator.said(operator.act("/console/dead-letters/replay", letter_id="a0")) == "1 replayed."
    assert operator.said(operator.act("/console/dead-letters/replay", reason="ccm_url_wrong")) == "2 replayed."
    assert operator.said(operator.act("/console/dead-letters/discard", reason="recipient_closed")) == "1 discarded."
    assert services.dead_letters.count() == 0
    assert operator.act("/console/dead-letters/discard").status_code == 400


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


def test_fields_are_checked_while_they_are_typed_and_a_registration_that_fails_names_its_step(
    operator: Browser,
) -> None:
    checked = operator.act("/console/register/check", **{"API-KEY": "k", "WEBHOOK-URL": "ftp://x"}).text
    assert "WEBHOOK-URL" in checked
    assert "API-KEY-SECRET" in checked
    assert operator.act("/console/register", **{"API-KEY": "k"}).status_code == 400


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
