"""Faults: what a caller sees, and whether the request had an effect."""

import threading
import time

import pytest
import requests
from sandbox_process import ACCOUNT, CUSTOMER, PAIR, Sandbox, until

pytestmark = pytest.mark.integration


def stored(sandbox: Sandbox) -> list[str]:
    return [dm["text"] for dm in sandbox.get("twitter/messages")["messages"]]


def cim(text: str = "hello", **header: object) -> dict[str, object]:
    channel = {"channelCustomerIdentifier": CUSTOMER, "serviceIdentifier": ACCOUNT}
    sender = {"id": "x", "type": "CONNECTOR"}
    return {
        "id": text,
        "header": {"sender": sender, "channelData": channel, **header},
        "body": {"type": "PLAIN", "markdownText": text},
    }


def to_ccm(sandbox: Sandbox, message: object, timeout: float = 10) -> requests.Response:
    return sandbox.http.post(f"{sandbox.url}/ccm/message/receive", json=message, timeout=timeout)


def test_an_answer_comes_in_place_of_the_deed_as_often_as_asked(sandbox: Sandbox) -> None:
    sandbox.post(
        "faults",
        family="twitter",
        path="events/new",
        skip=1,
        times=2,
        status=429,
        headers={"x-rate-limit-reset": "{now+2}"},
        body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
    )
    answers = [sandbox.send_dm({"text": str(n)}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].json()["errors"][0]["code"] == 88
    assert -2 <= int(answers[1].headers["x-rate-limit-reset"]) - time.time() <= 3
    assert stored(sandbox) == ["0", "3"]
    (fault,) = sandbox.get("faults")["faults"]
    assert fault["hits"] == 2


def test_a_reset_is_a_tcp_reset_and_nothing_is_done(sandbox: Sandbox) -> None:
    sandbox.post("faults", family="twitter", path="events/new", action="reset", times=1)
    with pytest.raises(requests.ConnectionError, match=r"ECONNRESET|reset by peer"):
        sandbox.send_dm({"text": "1"})
    assert sandbox.send_dm({"text": "2"}).status_code == 200
    assert stored(sandbox) == ["2"]
    statuses = [entry["status"] for entry in sandbox.get("requests", path="events/new")["requests"]]
    assert statuses == [None, 200]


@pytest.mark.parametrize("action", ["act_then_reset", "act_then_hang"])
def test_the_deed_is_done_and_the_answer_lost(sandbox: Sandbox, action: str) -> None:
    sandbox.post("faults", family="twitter", path="events/new", action=action, times=1)
    with pytest.raises(requests.RequestException):
        sandbox.http.post(
            f"{sandbox.url}/1.1/direct_messages/events/new.json",
            json={
                "event": {
                    "type": "message_create",
                    "message_create": {"target": {"recipient_id": CUSTOMER}, "message_data": {"text": "1"}},
                }
            },
            auth=sandbox.auth(),
            timeout=0.5,
        )
    assert stored(sandbox) == ["1"]


def test_the_deed_is_done_and_the_answer_replaced(sandbox: Sandbox) -> None:
    fault = {"family": "twitter", "path": "events/new", "action": "act_then_answer", "status": 503, "times": 1}
    sandbox.post("faults", fault)
    assert sandbox.send_dm({"text": "1"}).status_code == 503
    assert stored(sandbox) == ["1"]


def test_a_hanging_request_is_let_go_when_the_fault_is_lifted(sandbox: Sandbox) -> None:
    fault = sandbox.post("faults", family="twitter", path="events/new", action="hang")
    ended: list[object] = []

    def send() -> None:
        try:
            sandbox.send_dm({"text": "1"})
        except requests.RequestException as problem:
            ended.append(problem)

    thread = threading.Thread(target=send)
    thread.start()
    until(lambda: sandbox.get("faults")["faults"][0]["hits"] == 1)
    assert not ended
    sandbox.delete(f"faults/{fault['id']}")
    thread.join(5)
    assert ended
    assert stored(sandbox) == []


def test_a_delay_only_delays_and_holds_up_nobody_else(sandbox: Sandbox) -> None:
    sandbox.post("faults", family="twitter", path="events/new", customer_id=CUSTOMER, delay=0.6)
    slow = threading.Thread(target=sandbox.send_dm, args=({"text": "slow"},))
    slow.start()
    until(lambda: sandbox.get("faults")["faults"][0]["hits"] == 1)
    begun = time.monotonic()
    with requests.Session() as other:
        other.trust_env = False
        assert other.get(f"{sandbox.url}/health", timeout=5).status_code == 200
    assert time.monotonic() - begun < 0.4
    assert stored(sandbox) == []
    slow.join(5)
    assert stored(sandbox) == ["slow"]


def test_faults_pick_their_conversation(sandbox: Sandbox) -> None:
    other = sandbox.post("accounts", screen_name="globex")["WEBHOOK-URL"].rpartition("/")[2]
    sandbox.post("faults", family="twitter", account_id=other, path="events/new", status=500)
    sandbox.post("faults", family="twitter", customer_id="318692762", path="events/new", status=502)
    assert sandbox.send_dm({"text": "x"}).status_code == 200
    assert sandbox.send_dm({"text": "x"}, to="318692762").status_code == 502
    assert sandbox.send_dm({"text": "x"}, auth=sandbox.auth(other)).status_code == 500
    sandbox.delete("faults")
    assert sandbox.send_dm({"text": "x"}, to="318692762").status_code == 200


def test_ccm_records_refused_requests_too(sandbox: Sandbox) -> None:
    sandbox.post("faults", family="ccm", customer_id=CUSTOMER, status=503, times=1)
    sandbox.post("faults", family="ccm", customer_id=CUSTOMER, action="act_then_reset", times=1)
    assert to_ccm(sandbox, cim()).status_code == 503
    with pytest.raises(requests.ConnectionError):
        to_ccm(sandbox, cim())
    assert to_ccm(sandbox, cim()).status_code == 202
    received = sandbox.get("ccm/messages", **PAIR)["messages"]
    assert [(entry["status"], entry["accepted"], entry["repeat"]) for entry in received] == [
        (503, False, False),
        (None, True, False),
        (202, True, True),
    ]
    assert [entry["seq"] for entry in sandbox.get("ccm/messages", since=2)["messages"]] == [3]


@pytest.mark.parametrize("fault", [{"family": "x"}, {"family": "ccm", "action": "x"}, {"family": "ccm", "statsu": 1}])
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Sandbox, fault: dict[str, object]) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_many_slow_requests_at_once_hold_up_nobody(sandbox: Sandbox) -> None:
    sandbox.post("faults", family="ccm", customer_id=CUSTOMER, delay=5)
    threads = [threading.Thread(target=to_ccm, args=(sandbox, cim(str(n)))) for n in range(48)]
    for thread in threads:
        thread.start()
    until(lambda: sandbox.get("faults")["faults"][0]["hits"] == 48)
    begun = time.monotonic()
    for _ in range(50):
        assert sandbox.send_dm({"text": "x"}).status_code == 200
    assert time.monotonic() - begun < 4
    sandbox.delete("faults")
    for thread in threads:
        thread.join(5)
    assert len(sandbox.get("ccm/messages")["messages"]) == 48


@pytest.mark.parametrize(
    "fault", [{"times": "2"}, {"path": "("}, {"headers": {"a": 1}}, {"delay": "long"}, {"status": "503"}, {"action": 1}]
)
def test_a_fault_of_the_wrong_kind_is_refused_before_it_can_do_harm(sandbox: Sandbox, fault: dict[str, object]) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/_sandbox/faults", json={"family": "ccm", **fault}, timeout=10)
    assert answer.status_code == 400
    assert to_ccm(sandbox, cim()).status_code == 202


def test_a_fault_may_hit_a_share_of_the_requests(sandbox: Sandbox) -> None:
    sandbox.post("faults", family="twitter", path="events/new", share=0.5)
    statuses = [sandbox.send_dm({"text": "x"}).status_code for _ in range(60)]
    assert set(statuses) == {200, 503}
    sandbox.delete("faults")
    sandbox.post("faults", family="twitter", path="events/new", share=0)
    assert {sandbox.send_dm({"text": "x"}).status_code for _ in range(20)} == {200}
