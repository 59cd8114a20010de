"""Fills a broker with the code of release 0.1.0 and keeps what it left: tests/payloads/upgrade/broker-0.1.0.json.

    git worktree add /somewhere 0b309d2
    python -m tests.upgrade.fill_0_1_0 /somewhere

The web process of 0.1.0 takes everything in over HTTP; its worker's code runs in here, step by step, so that it can be
left in the middle of things. The sandbox of 0.1.0 plays the other sides.
"""

# ruff: noqa: E402 - the packages of 0.1.0 have to come first
from __future__ import annotations

import base64
import json
import os
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RELEASE = Path(sys.argv[1]).resolve()
# The packages of 0.1.0 come before those of this checkout; `tests` stays this checkout's.
sys.path[:0] = [str(RELEASE), str(ROOT / "tests")]
from process_folder import process_folder

os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(process_folder("metrics"))

import requests
from cryptography.fernet import Fernet
from tree import eventually
from workers.runtime import Runtime

from tests.media.files import JPEG, PNG, film, gif
from tests.upgrade.outcome import EXPECTED, SNAPSHOT, Outcome
from tests.upgrade.service import Release, Setup, running_setup
from tests.upgrade.snapshot import (
    CREDENTIALS,
    Json,
    Loaded,
    SandboxWriter,
    Snapshot,
    cim_id,
    content_of,
    customer_writes,
    dump,
    load,
)
from twitter_connector import logs
from twitter_connector.config import Settings
from twitter_connector.model.work import Direction

OLD = Release("0.1.0", RELEASE)
FILES_URL = "https://cx.invalid/file-engine/api/downloadFileStream?filename="
A, B, C, D, E, F = "732739706", "880023101", "880023102", "880023103", "880023104", "880023105"
NOBODYS = "880023199"


class Filling:
    """One setup with 0.1.0 on it, and everything that has to be repeated where the snapshot is loaded."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.sandbox = setup.sandbox
        self.web = setup.installation(OLD)
        self.writer = SandboxWriter(setup, Loaded())
        self.first: list[Json] = []
        self.last: list[Json] = []
        self.written: dict[str, Json] = {}
        settings = Settings.from_env({**self.web.env, "VAR_DIR": str(setup.home / "worker")})
        self.runtime = Runtime(settings, "fill")
        self.services = self.runtime.services
        self.customers = 0
        self.agents: list[str] = []

    def start_web(self) -> None:
        self.process = self.web.release.start(self.web.release.command("web"), self.web.env, self.web.log)

        def answers() -> bool:
            try:
                return requests.get(f"{self.web.url}/health/live", timeout=2).ok
            except (requests.ConnectionError, requests.Timeout):
                return False

        eventually(answers, what="the web process")

    # People

    def account(self, account_id: str, name: str, **more: str) -> None:
        known = account_id == A
        fields = {"id": account_id} if known else {"id": account_id, "screen_name": name, **more}
        body = self.sandbox.get(f"accounts/{A}") if known else self.sandbox.post("accounts", **fields)
        self.writer.loaded.accounts[account_id] = body
        was = {key: body[key] for key in CREDENTIALS}
        self.first.append({"do": "account", "fields": fields, "was": was, "known": known})

    def register(self, account_id: str) -> None:
        url = f"{self.web.url}/webhook/twitter/register-and-subscribe"
        self.setup.ask("POST", url, json=self.writer.loaded.accounts[account_id])

    def customer(self, name: str) -> str:
        self.customers += 1
        fields = {"id": str(210376000 + self.customers), "screen_name": name, "name": name.capitalize()}
        self.first.append({"do": "customer", "fields": fields})
        self.sandbox.post("customers", **fields)
        return str(fields["id"])

    def file(self, name: str, mime: str, start: bytes, size: int = 0) -> str:
        """Put a file into the file engine; return the address CIM has for it."""
        step = {"do": "file", "tag": "83120", "name": name, "mime": mime, "content": content_of(start, size)}
        self.writer.write(step)
        self.first.append(step)
        return f"{FILES_URL}83120_{name}"

    # What they say

    def received(self, account_id: str, customer_id: str, text: str = "", file: Json | None = None, **more: Any) -> str:
        """Let the customer write and wait until 0.1.0 has the event; return its id."""
        fields = {"account_id": account_id, "customer_id": customer_id, "text": text, **more}
        made = customer_writes(self.setup, fields, file)
        self.written[made["id"]] = {"fields": fields, "file": file}
        deliveries = self.sandbox.get("webhook-deliveries", event_id=made["id"], wait=10)["deliveries"]
        assert [d["status"] for d in deliveries] == ["delivered"], deliveries
        return str(made["id"])

    def agent(self, account_id: str, customer_id: str, body: Json | str, **more: Any) -> str:
        """Let CCM hand over a message; return its id."""
        body = {"type": "PLAIN", "markdownText": body} if isinstance(body, str) else body
        # Ids that do not change from one filling to the next.
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"fill:{len(self.agents)}"))
        self.agents.append(message_id)
        fields = {"account_id": account_id, "customer_id": customer_id, "body": body, "id": message_id, **more}
        reply = self.sandbox.post("agent/messages", **fields)
        assert reply["status"] == 202, reply
        return message_id

    def serve(self, direction: Direction, *only: str) -> None:
        """Do what is due, of these accounts or of all."""
        drain = self.runtime._drains[direction]
        others = [account_id for account_id in self.writer.loaded.accounts if account_id not in only]
        drain.slots.full = lambda direction: others if only else []
        drain.serve(10.0)

    def echoed(self, account_id: str, customer_id: str) -> None:
        key = f"tc:echo:{account_id}:{customer_id}"
        eventually(lambda: self.setup.client.exists(key), what=f"the echo to {customer_id}")

    # What lies at Twitter

    def steps(self) -> list[Json]:
        """Return what a sandbox has to know, in an order in which it can be written."""
        dms: list[Json] = []
        for account_id in self.writer.loaded.accounts:
            for number in range(1, self.customers + 1):
                pair = {"account_id": account_id, "customer_id": str(210376000 + number)}
                dms += [{**dm, "pair": pair} for dm in self.sandbox.get("twitter/messages", **pair)["messages"]]
        steps = []
        for dm in sorted(dms, key=lambda dm: int(dm["id"])):
            if dm["id"] in self.written:
                was = self.writer.shown(dm["pair"]["account_id"], dm["id"])
                steps.append({"do": "received", **self.written[dm["id"]], "was": was})
            else:
                steps.append({"do": "sent", **dm["pair"], "text": dm["text"] or "(a file)", "was": dm["id"]})
        return [*self.first, *steps, *self.last]


def payload(name: str) -> Json:
    """Return the body of an example of 0.1.0."""
    path = RELEASE / "tests" / "payloads" / f"outbound_{name}.in.json"
    body: Json = json.loads(path.read_text(encoding="utf-8"))["body"]
    return body


def reply_to(message_id: str) -> Json:
    """Return the header of a reply that quotes a message."""
    return {"intent": "REPLY_TO", "originalMessageId": message_id}


def menu(count: int) -> Json:
    buttons = [{"title": f"Dish {n}", "payload": f'/order{{"item":{n}}}', "type": "text"} for n in range(1, count + 1)]
    return {"type": "BUTTON", "markdownText": "Our menu", "buttonMessageType": "QUICK_REPLIES", "buttons": buttons}


def attached(type_: str, url: str, mime: str, text: str = "", caption: str = "") -> Json:
    attachment = {"mediaUrl": url, "mimeType": mime, "size": 4096}
    return {"type": type_, "markdownText": text, "caption": caption, "attachment": attachment}


def people(f: Filling) -> None:
    """The accounts: A with everything, B limited and with CCM away, C that only sends, D refused and re-keyed, E taken
    out of service, F in the app and environment of A."""
    f.account(A, "acme")
    f.account(F, "acmehelp", share_app_with=A)
    for account_id, name in ((B, "globex"), (C, "initech"), (D, "umbrella"), (E, "hooli")):
        f.account(account_id, name)
    for account_id in (A, F, B, D, E):
        f.register(account_id)
    f.setup.ask("DELETE", f"{f.web.url}/webhook/twitter/{E}")
    accounts = f.services.accounts
    account = accounts.get(D, max_age=0)
    assert account is not None
    # Re-keyed by mistake and back again.
    mistaken = replace(account.credentials, api_key_secret="SANDBOX-a-former-secret-of-this-app")
    accounts.change(D, lambda a: a.rekeyed(mistaken))
    accounts.change(D, lambda a: a.rekeyed(account.credentials))
    f.setup.ask("POST", f"{f.web.url}/channel-type-configurations", json={"channelTypeId": "65c3ab1f2d6c8e0012345678"})


def history(f: Filling) -> dict[str, str]:
    """What was said and answered before: links, echoes, marks of what was sent, open questions, scheduling."""
    ada, bob, cyd = f.customer("ada1"), f.customer("bob"), f.customer("cyd")
    asked = f.received(A, ada, "Where is my order?")
    f.serve(Direction.IN)
    header = {"schedulingMetaData": {"id": "7d1f", "campaignId": "spring"}}
    f.agent(A, ada, "On its way", header=header)
    f.agent(A, ada, "It comes tomorrow")
    listed = f.agent(A, bob, menu(21))
    tapped = f.agent(A, cyd, menu(3))
    f.serve(Direction.OUT)
    for customer in (ada, bob, cyd):
        f.echoed(A, customer)
    f.serve(Direction.IN)
    options = f.sandbox.get("twitter/messages", account_id=A, customer_id=cyd, sender_id=A)["messages"][0]
    metadata = options["quick_reply"]["options"][1]["metadata"]
    return {"ada": ada, "bob": bob, "cyd": cyd, "asked": asked, "listed": listed, "tapped": tapped, "tap": metadata}


def in_the_middle(f: Filling) -> None:
    """Sends and uploads that were begun, and an inbound message of which half is delivered."""
    names = ("dot", "eve", "fay", "gil", "hal", "ivy", "joe")
    dot, eve, fay, gil, hal, ivy, joe = (f.customer(name) for name in names)
    quoted = f.received(A, fay, "Is it blue?")
    f.serve(Direction.IN, A)
    # The answer to a send was lost. This one has not arrived: the first look is over, the second one is due.
    f.sandbox.fault(family="twitter", path="events/new", customer_id=gil, action="reset", times=1)
    f.agent(A, gil, "never arrived")
    f.agent(A, gil, "behind it")
    f.serve(Direction.OUT, A)
    time.sleep(3.1)
    f.serve(Direction.OUT, A)
    # Of these, one has arrived and nothing tells, and one has arrived and its echo tells.
    for customer in (eve, fay):
        f.sandbox.fault(family="twitter", path="events/new", customer_id=customer, action="act_then_reset", times=1)
    f.agent(C, eve, "arrived without an echo")
    f.agent(C, eve, "behind it")
    f.agent(A, fay, "arrived with an echo", header=reply_to(cim_id(A, quoted)))
    f.agent(A, fay, "behind it")
    # One of three steps is done.
    urls = [f.file(f"card{n}.png", "image/png", PNG, 100) for n in range(3)]
    cards = [{"text": name, "url": url, "buttons": []} for name, url in zip(("Red", "Blue", "Tan"), urls, strict=True)]
    carousel = {"type": "CAROUSEL", "markdownText": "", "carouselMessageType": "GENERIC_RICH_MEDIA"}
    f.agent(A, dot, {**carousel, "elements": cards})
    f.agent(A, dot, "behind the cards")
    away = f.sandbox.fault(family="files", path="downloadFileStream", skip=1)
    f.serve(Direction.OUT, A, C)
    f.sandbox.lift(away)
    # Twitter processes one film; of another one, a segment of two is there.
    f.sandbox.post("settings", processing_seconds=20.0)
    start = film(b"avc1", b"mp4a")
    f.agent(A, hal, attached("VIDEO", f.file("first.mp4", "video/mp4", start, 5000), "video/mp4", "a film"))
    f.agent(A, hal, "behind the film")
    f.agent(A, ivy, attached("VIDEO", f.file("second.mp4", "video/mp4", start, 1_500_000), "video/mp4", "a long film"))
    f.agent(A, ivy, "behind the long film")
    # INIT, APPEND and FINALIZE of the first, INIT and one APPEND of the second.
    away = f.sandbox.fault(family="twitter", path="media/upload", account_id=A, skip=5)
    f.serve(Direction.OUT, A)
    f.sandbox.lift(away)
    for state, segments, size in (("processing", -1, 5000), ("uploading", 1, 1_500_000)):
        values = [row for key in f.setup.client.scan_iter(f"tc:ledger:{A}:*") for row in f.setup.client.hvals(key)]
        rows = [json.loads(row) for row in values if row.startswith("{")]
        (row,) = [row for row in rows if row.get("upload_state") == state]
        assert row["segments"] == 1, row
        content = content_of(start, size)
        upload = {"account_id": A, "mime": "video/mp4", "category": "dm_video", "content": content}
        f.last.append({"do": "upload", **upload, "segments": segments, "was": row["media_id"]})
    # The words of a picture are with CCM, the picture is not.
    away = f.sandbox.fault(family="files", path="uploadFileStream")
    picture = {"name": "a.jpg", "mime": "image/jpeg", "content": content_of(JPEG)}
    f.received(A, joe, "words of a picture", picture)
    f.received(A, joe, "behind the picture")
    f.serve(Direction.IN, A)
    f.sandbox.lift(away)


def given_up(f: Filling) -> None:
    """Dead letters of both directions, for several reasons."""
    kim, lee, max_, nan = (f.customer(name) for name in ("kim", "lee", "max", "nan"))
    quoted = f.received(A, lee, "Do you deliver?")
    f.serve(Direction.IN)
    for customer in (kim, lee):
        f.sandbox.post("customer/refuse", customer_id=customer, code=349)
    f.agent(A, kim, "refused by Twitter")
    f.agent(A, lee, "refused with its quote", header=reply_to(cim_id(A, quoted)))
    f.serve(Direction.OUT)
    for customer in (kim, lee):
        f.sandbox.post("customer/refuse", customer_id=customer, code=None)
    f.sandbox.fault(family="ccm", customer_id=max_, status=400, times=1)
    f.received(A, max_, "refused by CCM")
    f.serve(Direction.IN)
    # Of an account CCM does not have either; the sandbox cannot speak for it.
    body = {
        "id": "0b5f1f0e-5d0c-4d3c-9f7c-000000000001",
        "header": {"channelData": {"channelCustomerIdentifier": nan, "serviceIdentifier": NOBODYS}},
        "body": {"type": "PLAIN", "markdownText": "for nobody's account"},
    }
    f.setup.ask("POST", f"{f.web.url}/cim-messages", json=body)
    f.serve(Direction.OUT)
    f.serve(Direction.IN)


def waiting_in(f: Filling, said: dict[str, str]) -> None:
    """Events of every kind, and reports, that nobody has delivered."""
    ada, bob, cyd = said["ada"], said["bob"], said["cyd"]
    for customer in (f.customer("pat"), f.customer("quin")):
        f.agent(F, customer, "reported later")
    f.serve(Direction.OUT, F)
    f.received(A, ada, "in 1")
    f.received(A, ada, "in 2 😀 é & <b> 日本")
    f.received(A, ada, "in 3 https://example.com/a?b=1&c=2")
    f.received(A, ada, "in 4", {"name": "a.jpg", "mime": "image/jpeg", "content": content_of(JPEG)})
    f.received(A, ada, "", {"name": "a.gif", "mime": "image/gif", "content": content_of(gif(frames=2))})
    f.received(A, ada, "in 6", {"name": "a.mp4", "mime": "video/mp4", "content": content_of(film(b"avc1"), 4000)})
    f.received(A, ada, "in 7")
    f.sandbox.post("customer/read", account_id=A, customer_id=ada)
    f.received(A, bob, "3")
    f.received(A, bob, "no number of a dish")
    f.received(A, cyd, "Dish 2", quick_reply_metadata=said["tap"])
    f.received(A, cyd, "", location={"latitude": 47.3769, "longitude": 8.5417})
    f.received(A, cyd, "from a tweet", initiated_via={"tweet_id": "1326931200000000001"})
    for account_id in (F, B):
        for customer in (f.customer(f"c{f.customers}"), f.customer(f"c{f.customers}")):
            for number in range(1, 5):
                f.received(account_id, customer, f"in {number}")
    broken = {"for_user_id": A, "direct_message_events": [{"type": "message_create", "id": None}], "users": {}}
    assert f.sandbox.post("events", account_id=A, body=broken)["status"] == 200
    eventually(lambda: f.setup.client.exists(f"tc:signs:{F}"), what="signs of F")


def waiting_out(f: Filling, said: dict[str, str]) -> None:
    """CIM messages of every type that nobody has delivered."""
    words, files, choices = f.customer("words"), f.customer("files"), f.customer("choices")
    f.agent(A, words, "out 1")
    plain = ["contact", "form_data", "list", "location", "template_with_wording", "url", "comment", "hologram"]
    for name in (*plain, "notification_agent_subscribed", "wrapup", "plain_whisper", "template"):
        f.agent(A, words, payload(name))
    f.agent(A, words, "out 2 in the old shape", shape="old")
    f.agent(A, words, {"type": "PLAIN", "markdownText": "out 3 encoded 😀"}, encoded=True)
    f.agent(A, words, "out 4 " + "in two parts " * 800)
    f.agent(A, words, "out 5")
    f.agent(A, said["ada"], "quoted below", header=reply_to(cim_id(A, said["asked"])))
    f.agent(A, said["ada"], "in 7 is read")
    f.agent(A, said["ada"], {**payload("deliverynotification_read"), "messageId": cim_id(A, said["asked"])})
    png = f.file("map.png", "image/png", PNG, 200)
    f.agent(A, files, attached("IMAGE", png, "image/png", "a map"))
    f.agent(A, files, attached("VIDEO", f.file("clip.mp4", "video/mp4", film(b"avc1"), 4000), "video/mp4", "a clip"))
    f.agent(A, files, attached("IMAGE", f.file("dance.gif", "image/gif", gif(frames=3)), "image/gif", "a dance"))
    f.agent(A, files, attached("FILE", f.file("bill.pdf", "application/pdf", b"%PDF-1.7", 900), "application/pdf"))
    f.agent(A, files, attached("AUDIO", f.file("voice.mp3", "audio/mpeg", b"ID3", 900), "audio/mpeg"))
    f.agent(A, files, attached("MULTIMEDIA", png, "image/png", "the same map"))
    f.agent(A, files, attached("IMAGE", f"{FILES_URL}83120_gone.png", "image/png", "nobody has it"))
    sticker = f.file("wave.webp", "image/webp", b"RIFF\x24\x00\x00\x00WEBPVP8 ", 60)
    f.agent(A, files, {"type": "STICKER", "markdownText": "", "mediaUrl": sticker, "stickerId": "144"})
    f.agent(A, files, "behind the files")
    for name in ("button_quick_replies", "button_links", "button_mixture", "button_list_menu", "button_list_of_21"):
        f.agent(A, choices, payload(name))
    cards = [{"text": "Shoe", "url": png, "buttons": [{"title": "Buy", "payload": "/buy", "type": "text"}]}]
    f.agent(
        A, choices, {"type": "CAROUSEL", "markdownText": "New", "elements": cards, "carouselMessageType": "GENERIC"}
    )
    f.agent(A, choices, "behind the choices")
    for account_id in (F, C):
        for customer in (f.customer(f"c{f.customers}"), f.customer(f"c{f.customers}")):
            for number in range(1, 5):
                f.agent(account_id, customer, f"out {number}")


def held_back(f: Filling) -> None:
    """A limit of Twitter's, refused credentials, a CCM that is away for an account, and lanes of a killed worker."""
    limited, refused = f.customer("limited"), f.customer("refused")
    headers = {"x-rate-limit-limit": "15", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+15}"}
    f.sandbox.fault(family="twitter", path="events/new", account_id=B, status=429, headers=headers, times=1)
    bad = {"errors": [{"code": 89, "message": "Invalid or expired token."}]}
    f.sandbox.fault(family="twitter", path="events/new", account_id=D, status=401, body=bad, times=1)
    for account_id, customer in ((B, limited), (D, refused)):
        for number in range(1, 4):
            f.agent(account_id, customer, f"out {number}")
    f.serve(Direction.OUT, B, D)
    lanes = f.services.lanes
    assert set(lanes.pauses(B)) == set(lanes.pauses(D)) == {Direction.OUT}
    for direction in Direction:
        assert lanes.claim(direction, [B, D]) is not None
    # Their leases are nearly over.
    time.sleep(8.0)
    f.sandbox.fault(family="ccm", account_id=B)
    eventually(lambda: f.serve(Direction.IN, B) or lanes.probes(B), 10.0, what="an open breaker")


def journaled(f: Filling) -> dict[str, str]:
    """What came while the broker was away."""
    rae, sue = f.customer("rae"), f.customer("sue")
    f.setup.client.connection_pool.disconnect()
    os.kill(f.setup.processes[0].pid, 9)
    f.setup.processes[0].wait()
    for number in (1, 2, 3):
        create = {
            "target": {"recipient_id": A},
            "sender_id": rae,
            "message_data": {"text": f"journal {number}", "entities": {}},
        }
        event = {"type": "message_create", "id": str(1990000000000000000 + number), "message_create": create}
        event["created_timestamp"] = str(int(time.time() * 1000))
        body = {"for_user_id": A, "direct_message_events": [event], "users": {rae: {"id": rae, "name": "Rae"}}}
        assert f.sandbox.post("events", account_id=A, body=body)["status"] == 200
    for number in (1, 2, 3):
        f.agent(A, sue, f"journal {number}")
    folder = f.web.var_dir / "journal"
    kept = [
        path for path in sorted(folder.iterdir()) if path.suffix in (".journal", ".replay") or path.name == "pending"
    ]
    return {path.name: base64.b64encode(path.read_bytes()).decode() for path in kept}


def filled(path: Path) -> None:
    key = Fernet.generate_key().decode()
    with running_setup(key, OLD) as made:
        f = Filling(made)
        f.start_web()
        try:
            people(f)
            said = history(f)
            given_up(f)
            in_the_middle(f)
            waiting_in(f, said)
            waiting_out(f, said)
            held_back(f)
            keys, taken_ms = dump(made.client)
            steps = f.steps()
            journal = journaled(f)
            steps += [step for step in f.first if step["do"] == "customer"][-2:]
        finally:
            f.process.kill()
            f.process.wait()
        hosts = {"sandbox": made.sandbox_host, "connector": f"127.0.0.1:{made.port}"}
        Snapshot(taken_ms, key, hosts, steps, keys, journal).write(path)
        print(f"{len(keys)} keys, {len(steps)} steps, {len(journal)} files: {path}")


def drained(path: Path, out: Path) -> None:
    """Let 0.1.0 itself deliver what it left, and keep what came of it: that is what a later release has to do."""
    snapshot = Snapshot.read(path)
    with running_setup(snapshot.key, OLD) as made:
        installation = made.installation(OLD)
        loaded = load(snapshot, made, installation.var_dir)
        installation.start()
        outcome = Outcome(made, loaded, installation).after_everything()
    out.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(out)


if __name__ == "__main__":
    logs.configure("INFO", "text")
    SNAPSHOT.parent.mkdir(exist_ok=True)
    if "--only-drain" not in sys.argv:
        filled(SNAPSHOT)
    drained(SNAPSHOT, EXPECTED)
