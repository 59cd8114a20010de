"""Nothing internal gets out: a whole run, with every kind of success and failure, at the most talkative log level, with
planted secrets, texts and names; then everything it wrote and answered is searched for them.

Allowed to hold texts: the broker's own files, and the sandbox, which plays the other sides. The key: its own
file. A secret of Twitter's: nothing but the sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from cryptography.fernet import Fernet
from tree import Tree, can_look_at_processes, eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not can_look_at_processes(), reason="processes are found through /proc"),
]

API_TOKEN = f"plantedapitoken{secrets.token_hex(8)}"
KEY = Fernet.generate_key().decode()
REGISTER = "/webhook/twitter/register-and-subscribe"


def planted(what: str) -> str:
    """Return a text nobody else writes, with what tempts whoever would quote it."""
    return f"planted{what}{secrets.token_hex(4)}"


@dataclass
class Run:
    """What was planted during a run, and everything that came back."""

    tree: Tree
    body: dict[str, str] = field(default_factory=dict)
    customer_id: str = ""
    secrets: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)

    @property
    def account_id(self) -> str:
        return self.body["WEBHOOK-URL"].rpartition("/")[2]

    def word(self, what: str) -> str:
        """Plant a text."""
        made = planted(what)
        self.words.add(made)
        return made

    def secret(self, what: str) -> str:
        made = planted(what)
        self.secrets.add(made)
        return made

    def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Ask the connector, keep what it answers, headers too."""
        answer = self.tree.http.request(method, self.tree.url + path, timeout=60, **kwargs)
        self.answers.append(f"{method} {path} {answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    def command(self, *arguments: str, **kwargs: Any) -> int:
        done = self.tree.cli(*arguments, **kwargs)
        self.answers.append(f"$ {' '.join(arguments[:2])}\n{done.stdout}\n{done.stderr}")
        return done.returncode

    def event(self, text: str, **changes: Any) -> bytes:
        """Return an event as Twitter would post it."""
        dm = {
            "type": "message_create",
            "id": str((int(time.time() * 1000) - 1288834974657) << 22),
            "created_timestamp": str(int(time.time() * 1000)),
            "message_create": {
                "target": {"recipient_id": self.account_id},
                "sender_id": self.customer_id,
                "message_data": {"text": text},
                **changes,
            },
        }
        name = {"id": self.customer_id, "name": self.word("name"), "screen_name": "ada"}
        return json.dumps(
            {"for_user_id": self.account_id, "direct_message_events": [dm], "users": {self.customer_id: name}}
        ).encode()

    def post_event(self, body: bytes, key: str = "") -> Any:
        mac = hmac.new((key or self.body["API-KEY-SECRET"]).encode(), body, hashlib.sha256).digest()
        headers = {"x-twitter-webhooks-signature": f"sha256={base64.b64encode(mac).decode()}"}
        return self.ask("POST", f"/webhook/twitter/{self.account_id}", data=body, headers=headers)

    def agent_says(self, text: str, to: str = "", answering: str = "", **body: Any) -> Any:
        replying = {"intent": "REPLY_TO", "originalMessageId": answering} if answering else {}
        message = {
            "id": str(uuid.uuid4()),
            "header": {
                "sender": {"id": "1", "type": "AGENT", "senderName": self.word("agent")},
                "channelData": {
                    "channelCustomerIdentifier": to or self.customer_id,
                    "serviceIdentifier": self.account_id,
                    "customerFirstName": self.word("firstname"),
                },
                **replying,
            },
            "body": {"type": "PLAIN", "markdownText": text, **body},
        }
        return self.ask("POST", "/cim-messages", json=message)

    def at_ccm(self, text: str) -> str:
        """Return the CIM id of the message with this text, "" while there is none."""
        found = self.tree.sandbox.get("ccm/messages", account_id=self.account_id)["messages"]
        return next((str(m["id"]) for m in found if text in json.dumps(m["message"])), "")

    def at_twitter(self, text: str) -> bool:
        asked = {"account_id": self.account_id, "customer_id": self.customer_id}
        return any(text in dm["text"] for dm in self.tree.sandbox.get("twitter/messages", **asked)["messages"])

    def dead(self) -> int:
        answer = self.tree.http.get(f"{self.tree.url}/dead-letters", timeout=10)
        return len(answer.json()["items"])


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    tree = Tree(CONNECTOR_API_TOKEN=API_TOKEN, CREDENTIALS_KEY=KEY, LOG_LEVEL="DEBUG", LOG_FORMAT="json")
    try:
        tree.start()
        tree.http.headers["Authorization"] = f"Bearer {API_TOKEN}"
        run = Run(tree)
        run.secrets |= {API_TOKEN, KEY}
        _register(run)
        _messages(run)
        _failures(run)
        _refusals(run)
        _outage(run)
        _encrypted(run)
        _look_around(run)
        yield run
    finally:
        tree.close()


def _register(run: Run) -> None:
    run.body = run.tree.sandbox.post("accounts")
    (customer,) = run.tree.sandbox.post("customers", name=run.word("customer"))["customers"]
    run.customer_id = customer["id"]
    run.secrets |= {run.body[k] for k in ("API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET")}
    keys = list(run.body)[:4]
    for key in keys:
        assert run.ask("POST", REGISTER, json={**run.body, key: run.secret(key.lower())}).status_code in (400, 422)
    assert run.ask("POST", REGISTER, json={**run.body, "ENVIRONMENT-NAME": "wrong"}).status_code == 422
    assert run.ask("POST", REGISTER, json={**run.body, "WEBHOOK-URL": "https://x.example/"}).status_code == 400
    assert run.ask("POST", REGISTER, json={**run.body, "API_KEY_SECRET": run.secret("misspelt")}).status_code == 400
    assert run.ask("POST", REGISTER, json={**run.body, "API-KEY": [run.secret("list")]}).status_code == 400
    assert run.ask("POST", REGISTER, json={**run.body, "API-KEY": run.secret("two") + " words"}).status_code == 400
    assert run.ask("POST", REGISTER, data=json.dumps(run.body)[:-1].encode()).status_code == 400
    fault = run.tree.sandbox.fault(
        family="twitter",
        path="verify_credentials|users/me|oauth2/token",
        times=1,
        status=401,
        body={"errors": [{"code": 32, "message": "Could not authenticate you."}]},
    )
    run.ask("POST", REGISTER, json=run.body)
    run.tree.sandbox.lift(fault)
    answer = run.ask("POST", REGISTER, json={**run.body, "BEARER-TOKEN": run.secret("bearer")})
    assert answer.status_code == 200, answer.text
    assert run.ask("POST", REGISTER, json=run.body).status_code == 200
    file = json.dumps(run.body)
    assert run.command("register", "-", stdin=file) == 0
    assert run.command("register", "-", stdin=file[:-1]) != 0


def _messages(run: Run) -> None:
    said, answered = run.word("said"), run.word("answered")
    run.tree.sandbox.post(
        "customer/messages", account_id=run.account_id, customer_id=run.customer_id, text=f"{said} 😀 & <b>"
    )
    cim_id = eventually(lambda: run.at_ccm(said), what="the customer's text at CCM")
    assert run.agent_says(f"*{answered}*").status_code == 202
    eventually(lambda: run.at_twitter(answered), what="the agent's text at Twitter")
    quoting = run.word("quoting")
    assert run.agent_says(quoting, answering=cim_id).status_code == 202
    eventually(lambda: run.at_twitter(f"“{said} 😀 & <b>”\n{quoting}"), what="the agent's text below its quote")


def _failures(run: Run) -> None:
    """The other sides refuse, and quote what they refuse."""
    sandbox, account = run.tree.sandbox, run.account_id
    quoted = run.word("quoted")
    for status, body in (
        (400, {"status": 400, "message": f"cannot read {quoted}"}),
        (
            200,
            {"type": "DELIVERYNOTIFICATION", "status": "FAILED", "reasonCode": run.word("rc"), "markdownText": quoted},
        ),
    ):
        before = run.dead()
        sandbox.fault(family="ccm", path="message/receive", times=1, status=status, body=body)
        assert run.post_event(run.event(run.word("refused"))).status_code == 200
        eventually(lambda n=before: run.dead() > n, what="a dead letter for what CCM refused")
    for code, status in ((349, 403), (214, 400)):
        error = {"errors": [{"code": code, "message": f"Not with {quoted}"}]}
        before = run.dead()
        fault = sandbox.fault(family="twitter", path="events/new", account_id=account, status=status, body=error)
        assert run.agent_says(run.word("unsendable")).status_code == 202
        eventually(lambda n=before: run.dead() > n, what=f"a dead letter for Twitter's error {code}")
        sandbox.lift(fault)
    sandbox.fault(family="ccm", path="message/receive", times=2, status=503, body={"error": quoted})
    unsure = {"family": "twitter", "path": "events/new", "account_id": account}
    sandbox.fault(**unsure, customer_id=run.customer_id, times=1, status=500, body={"errors": [{"message": quoted}]})
    said = {"errors": [{"code": 151, "message": f"You already said {quoted}"}]}
    (other,) = sandbox.post("customers", name=run.word("customer"))["customers"]
    sandbox.fault(**unsure, customer_id=other["id"], status=403, body=said)
    late, tardy = run.word("late"), run.word("tardy")
    before = run.dead()
    assert run.agent_says(run.word("doubtful"), to=other["id"]).status_code == 202
    assert run.post_event(run.event(late)).status_code == 200
    assert run.agent_says(tardy).status_code == 202
    eventually(lambda: run.at_ccm(late), 40, what="the text at CCM after its trouble")
    eventually(lambda: run.at_twitter(tardy), 40, what="the text at Twitter after its trouble")
    eventually(lambda n=before: run.dead() > n, 40, what="a dead letter for what cannot be found at Twitter")
    # Credentials that Twitter refuses, while CCM has no better ones and then is asked in vain.
    for path in ("events/new", "account/verify_credentials"):
        sandbox.fault(
            family="twitter",
            path=path,
            times=1,
            status=401,
            body={"errors": [{"code": 89, "message": f"Invalid or expired token {quoted}"}]},
        )
    rejected = run.word("rejected")
    assert run.agent_says(rejected).status_code == 202
    paused = {"key": "ACCESS-TOKEN-SECRET", "value": run.body["ACCESS-TOKEN-SECRET"]}
    eventually(lambda: "outbound" in run.ask("GET", f"/accounts/{account}").json()["pauses"], what="the pause")
    pushed = {"serviceIdentifier": account, "connectorConfigurations": [paused]}
    assert run.ask("POST", "/connector-configurations", json=pushed).status_code == 200
    eventually(lambda: run.at_twitter(rejected), 30, what="the text at Twitter after the push")
    before = run.dead()
    assert run.agent_says(run.word("hologram"), type="HOLOGRAM", attachment={"caption": run.word("caption")}).ok
    run.agent_says("", type="IMAGE", caption=run.word("caption"), attachment={"mediaUrl": run.word("url")})
    eventually(lambda n=before: run.dead() > n, what="a dead letter for what no DM can carry")


def _refusals(run: Run) -> None:
    """What we refuse ourselves must not be quoted either."""
    account = run.account_id
    assert run.post_event(run.event(run.word("forged")), key=run.secret("guessedkey")).status_code == 401
    assert run.post_event(run.event(run.word("cut"))[:-2]).status_code == 400
    assert run.post_event(run.event(run.word("odd"), sender_id={"x": run.word("sender")})).status_code == 200
    assert run.post_event(run.event("x", message_data=[run.word("listed")])).status_code == 200
    assert run.post_event(json.dumps({run.word("family"): [{"text": run.word("unknown")}]}).encode()).status_code == 200
    word = run.word("bad")
    for message in (
        {"id": f"{word} {word}", "header": {"channelData": {"serviceIdentifier": {word: word}}}, "body": word},
        {"id": "1", "header": word, "body": {"type": f"{word} x", "markdownText": word}},
        [word],
        word,
    ):
        assert run.ask("POST", "/cim-messages", json=message).status_code == 400
    assert run.ask("POST", "/cim-messages", data=f'{{"id":"{word}"').status_code == 400
    assert run.ask("POST", "/cim-messages", data=word * 100_000).status_code == 413
    outcome = {"serviceIdentifier": account, "connectorConfigurations": [{"key": "API-KEY", "value": f"{word} {word}"}]}
    assert run.ask("POST", "/connector-configurations", json=outcome).status_code == 400
    brand = {"key": "ACCESS-TOKEN", "value": f"999-{run.secret('other')}"}
    outcome = {"serviceIdentifier": account, "connectorConfigurations": [brand]}
    assert run.ask("POST", "/connector-configurations", json=outcome).status_code == 400
    outcome = {
        "serviceIdentifier": "404",
        "connectorConfigurations": [{"key": "API-KEY", "value": run.secret("nobodys")}],
    }
    assert run.ask("POST", "/connector-configurations", json=outcome).status_code == 200
    for wrong in (f"Bearer {run.secret('guess')}", "Basic " + base64.b64encode(run.secret("x").encode()).decode()):
        answer = run.ask("GET", "/accounts", headers={"Authorization": wrong})
        assert answer.status_code == 401
    assert run.ask("GET", f"/dead-letters?reason={word}&direction={word}").status_code == 400
    run.ask("GET", f"/{word}")
    run.ask("GET", f"/webhook/twitter/{account}?crc_token={quote(json.dumps({'a': word}))}")


def _outage(run: Run) -> None:
    """The broker dies while messages come; what is kept on disk meanwhile must not stay there."""
    journaled = run.word("journaled")
    run.tree.kill("broker")
    eventually(lambda: run.post_event(run.event(journaled)).status_code == 200, 30, what="an acknowledgement")
    spoken = run.word("spoken")
    eventually(lambda: run.agent_says(spoken).status_code == 202, 30, what="an acceptance")
    eventually(lambda: run.at_ccm(journaled), 40, what="what was kept, at CCM")
    eventually(lambda: run.at_twitter(spoken), 40, what="what was kept, at Twitter")


def _encrypted(run: Run) -> None:
    """Keys, a PIN and texts of encrypted messages, which are read, answered, refused and given up."""
    if importlib.util.find_spec("chat_xdk") is None:
        return
    sandbox, pair = run.tree.sandbox, {"account_id": "1750214466953510912", "customer_id": "210375291"}
    state = sandbox.post("x-chat", **pair)
    blob = Path(state["key_file"]).read_text("ascii").strip()
    run.secrets |= {blob, base64.b64decode(blob)[:32].hex()}
    assert run.command("xchat", "unlock", pair["account_id"], "--yes", stdin=f"{run.secret('pin')}\n") != 0
    keys = ("--key-file", state["key_file"], "--key-version", state["key_version"])
    assert run.command("xchat", "unlock", pair["account_id"], *keys, "--yes") == 0
    assert run.command("xchat", "status", "--json") == 0

    def shown(where: str, text: str) -> bool:
        return text in json.dumps(sandbox.get(where, **pair), ensure_ascii=False)

    said, answered, unsigned, refused = (
        run.word(what) for what in ("secretsaid", "secretreply", "unsigned", "spurned")
    )
    sandbox.post("customer/messages", **pair, text=said, encrypted=True)
    eventually(lambda: shown("ccm/messages", said), what="the encrypted text at CCM")
    sandbox.post("customer/messages", **pair, text=unsigned, encrypted=True, spoiled="wrong")
    lost = sandbox.fault(family="twitter", path="chat/conversations/.*/messages", times=1, action="act_then_reset")
    sandbox.post("agent/messages", **pair, text=answered)
    eventually(lambda: shown("conversation", answered), 30, what="the encrypted reply on the phone")
    eventually(lambda: sandbox.hits(lost) == 1, what="the lost answer")
    before = run.dead()
    sandbox.fault(family="twitter", path="chat/conversations/.*/messages", times=1, problem="invalid-request")
    sandbox.post("agent/messages", **pair, text=refused)
    sandbox.fault(family="ccm", path="message/receive", times=1, status=400, body={"message": refused})
    sandbox.post("customer/messages", **pair, text=run.word("undelivered"), encrypted=True)
    eventually(lambda: run.dead() >= before + 2, 30, what="dead letters of both ways")


def _look_around(run: Run) -> None:
    account = run.account_id
    for path in ("/accounts", f"/accounts/{account}", "/dead-letters", "/metrics", "/health/ready", "/health/live"):
        assert run.ask("GET", path).status_code == 200
    assert run.ask("GET", f"/webhook/twitter/{account}/status").status_code == 200
    (letter, *_) = run.ask("GET", "/dead-letters?limit=1").json()["items"]
    run.ask("GET", f"/dead-letters/{letter['id']}")
    assert run.ask("POST", f"/dead-letters/{letter['id']}/replay").status_code == 202
    for arguments in (
        ("status", account, "--json"),
        ("dead-letters", "list"),
        ("dead-letters", "list", "--json"),
        ("doctor",),
        ("webhooks", "list", "--account", account),
        ("credentials", "check"),
        ("credentials", "reseal", "--json"),
    ):
        run.command(*arguments)
    run.command("account-id", "acme", CCM_URL="http://user:planted@x")
    # Something is said about every minute, and at the end.
    run.ask("DELETE", f"/webhook/twitter/{account}")


def _searched(run: Run, what: set[str], where: str) -> list[str]:
    """Return what was found, in any of the forms in which it could have been written."""
    found = []
    for word in what:
        raw = word.encode()
        forms = {word, base64.b64encode(raw).decode().rstrip("="), quote(word, safe=""), json.dumps(word)[1:-1]}
        found += [word for form in forms if form in where]
    return found


def _files(run: Run) -> Iterator[tuple[Path, str]]:
    for path in sorted(run.tree.var_dir.rglob("*")):
        part = path.relative_to(run.tree.var_dir).parts[0]
        if path.is_file() and part not in ("sandbox", "broker"):
            yield path, path.read_bytes().decode("latin-1")


def test_the_run_said_a_lot_so_that_silence_means_something(run: Run) -> None:
    log = run.tree.log.read_text(errors="replace")
    for event in ("registered", "posted_to_ccm", "dm_sent", "dead_lettered", "signature_refused", "account_paused"):
        assert f'"{event}"' in log, event
    assert '"debug"' in log
    assert run.account_id in log
    assert len(run.words) > 30
    assert len(run.secrets) > 10
    # The search itself finds what is there.
    assert _searched(run, {run.account_id}, "\n".join(run.answers)) == [run.account_id]


def test_nothing_printed_holds_a_secret_or_a_text(run: Run) -> None:
    log = run.tree.log.read_text(errors="replace")
    found = _searched(run, run.secrets | run.words, log)
    assert found == [], [line[:600] for line in log.splitlines() if any(word in line for word in found)][:5]


def test_no_answer_of_a_route_or_a_command_holds_a_secret_or_a_text(run: Run) -> None:
    # What the caller names in the address comes back in the answer's own words at most.
    for answer in run.answers:
        head, _, said = answer.partition(" 4") if answer.startswith("GET /planted") else ("", "", answer)
        said = said.replace(head, "")
        if said.startswith(("GET /dead-letters?reason", "GET /webhook")):
            said = said.partition(" 4")[2]
        assert _searched(run, run.secrets | run.words, said) == [], said[:800]


def test_no_file_but_the_brokers_holds_a_secret_or_a_text(run: Run) -> None:
    looked_at = []
    for path, content in _files(run):
        looked_at.append(path.name)
        assert _searched(run, run.secrets | run.words, content) == [], path
    assert looked_at, "there are counters at least"


def test_even_the_brokers_files_hold_no_secret(run: Run) -> None:
    content = b"".join(p.read_bytes() for p in (run.tree.var_dir / "broker").rglob("*") if p.is_file())
    assert run.account_id.encode() in content
    assert _searched(run, run.secrets, content.decode("latin-1")) == []


def test_the_brokers_log_of_slow_commands_keeps_nothing(run: Run) -> None:
    with redis.Redis(unix_socket_path=str(run.tree.var_dir / "broker" / "kv.sock"), decode_responses=True) as client:
        client.eval("local t=0 for i=1,3000000 do t=t+i end return #ARGV[1]", 0, "a slow command with a text")
        assert client.slowlog_get(100) == []
        client.eval("return #ARGV[1]", 0, "x" * 2_000_000)
        if "commandlog-request-larger-than" in client.config_get("commandlog-*"):
            for kind in ("slow", "large-request", "large-reply"):
                assert client.execute_command("COMMANDLOG", "GET", 100, kind) == []
        # Wake-ups carry no message.
        for key in client.scan_iter("tc-celery:*"):
            lease = (
                client.lrange(key, 0, -1)
                if client.type(key) == "list"
                else client.hvals(key)
                if client.type(key) == "hash"
                else []
            )
            assert _searched(run, run.secrets | run.words, str(lease)) == []


def test_what_lies_in_var_dir_is_nobody_elses_to_read(run: Run) -> None:
    for path in run.tree.var_dir.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
