"""What `messages` and `trace` print: a line a message, and the journey of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import redis

from tests.brokers import Broker
from tests.commands.printed import printed, result_of
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Account, Credentials
from twitter_connector.model.message_log import Arrival, LogLine, NameSeen
from twitter_connector.model.timestamps import epoch_ms, first_id_at
from twitter_connector.model.work import Direction, Entry

ACCOUNT, ADA, GRACE = "732739706", "210375291", "318692762"
NOW_MS = epoch_ms(datetime.now(UTC))
EVENT = first_id_at(NOW_MS)


@pytest.fixture(autouse=True)
def log(inspector: redis.Redis, services: Services) -> None:
    for customer, event_id in ((ADA, EVENT), (GRACE, str(int(EVENT) + 1))):
        arrival = Arrival("webhook", NOW_MS)
        services.lanes.accept(
            [
                Entry(Direction.IN, ACCOUNT, customer, f"dm:{event_id}", "{}", f"0{event_id:0>20}", arrival=arrival),
                NameSeen(ACCOUNT, customer, "Ada" if customer == ADA else "grace"),
            ]
        )
    services.lanes.accept([LogLine(Direction.IN, ACCOUNT, f"dm:{EVENT}", "tried", 1, "ccm_unavailable")])


def test_a_customers_messages_are_listed_by_id_and_by_name(broker_process: Broker) -> None:
    for customer in (ADA, "@ADA"):
        heading, line = printed(broker_process, "messages", "--customer", customer, "--since", "1h")
        assert heading.split()[:4] == ["WRITTEN_AT", "DIRECTION", "KIND", "STATE"]
        assert line.split()[1:] == ["inbound", "-", "waiting", ADA, "1", EVENT, "ccm_unavailable"]
        assert len(line) <= 130


def test_the_list_is_there_for_machines_too(broker_process: Broker) -> None:
    (line,) = printed(broker_process, "messages", "--json", "--limit", "1")
    answer = json.loads(line)
    assert [item["customer_id"] for item in answer["items"]] == [GRACE]
    assert answer["next"]


def test_a_trace_shows_state_and_journey(broker_process: Broker) -> None:
    lines = printed(broker_process, "trace", EVENT)
    assert "state:          waiting" in lines
    assert lines[-1].split(maxsplit=1)[1] == "tried          try 1, ccm_unavailable"
    (line,) = printed(broker_process, "trace", EVENT, "--json")
    assert [step["event"] for step in json.loads(line)["journey"]] == ["received", "tried"]


def test_a_trace_says_that_the_account_is_paused(broker_process: Broker, services: Services) -> None:
    services.lanes.pause(Direction.IN, ACCOUNT, NOW_MS + 600_000, "rate_limited", "")
    assert printed(broker_process, "trace", EVENT)[-1].startswith("It waits because the account is paused until 2")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trace", "4711"], "no message 4711"),
        (["messages", "--customer", "@nobody"], "@nobody"),
        (["messages", "--since", "soon"], "'soon' is no moment"),
    ],
)
def test_what_is_not_there_is_one_sentence(broker_process: Broker, arguments: list[str], sentence: str) -> None:
    failed = result_of(broker_process, *arguments)
    assert failed.exit_code == 1
    assert sentence in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_without_a_message_the_command_says_what_else_is_known_of_that_time(
    broker_process: Broker, services: Services
) -> None:
    services.accounts.save(Account(ACCOUNT, Credentials("k", "s", "t", "u"), "https://cx.example.com/x", {}))
    services.accounts.note(ACCOUNT, webhook_valid=0, gap_since=NOW_MS - 1000)
    for _ in range(3):
        services.history.count_refused(ACCOUNT, services.clock())
    services.history.flush()
    asked = ("messages", "--customer", "4711", "--since", "1h")
    text = "\n".join(printed(broker_process, *asked))
    for words in ("No message in the log", "webhook_invalid", "gap_opened", "signature_refused    3 in this minute"):
        assert words in text
    assert "last event 2" in text
    (line,) = printed(broker_process, *asked, "--json")
    answer = json.loads(line)
    assert answer["items"] == []
    assert {event["event"] for event in answer["history"]} >= {"webhook_invalid", "gap_opened", "signature_refused"}


def test_what_is_kept_of_a_customer_is_erased_and_what_cannot_be_reached_is_named(broker_process: Broker) -> None:
    first, *rest = printed(broker_process, "customer", "forget", ACCOUNT, "@ada")
    assert first.startswith(
        f"Erased of customer {ADA} of account {ACCOUNT}: 1 messages of the log, 0 dead letters, 1 names"
    )
    assert rest[0].startswith("1 messages or reports wait and stay")
    assert "Not reached:" in rest
    (line,) = printed(broker_process, "customer", "forget", ACCOUNT, ADA, "--json")
    answer = json.loads(line)
    assert answer["erased"] == {"messages": 0, "dead_letters": 0, "names": 0, "keys": 0}
    assert answer["waiting"] == 1
    assert len(answer["not_reached"]) > 3
    assert [line for line in printed(broker_process, "messages", "--customer", ADA) if EVENT in line] == []
