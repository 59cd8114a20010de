"""X as the sandbox plays it, in this process and over real HTTP, and one account of each of its APIs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from tree import Control

from sandbox.app import create_app
from sandbox.server import Handler, Server
from sandbox.state import Options, Sandbox
from tests.brokers import settings_in
from twitter_connector.errors import MediaProcessing
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.flavour import Flavour, Messages
from twitter_connector.model.plan import Upload
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.flavours import Flavours

IDS = {V1: "732739706", V2: "1750214466953510912"}
ADA = "210375291"
SENDS = {V1: "direct_messages/events/new", V2: r"dm_conversations/with/\d+/messages"}
LISTS = {V1: "direct_messages/events/list", V2: "/2/dm_events"}
# X counts milliseconds, and both clocks are this machine's.
BEFORE = timedelta(seconds=1)


@contextmanager
def running_sandbox(state_dir: Path) -> Iterator[Control]:
    """Serve the sandbox for the duration of the block. No connector answers its events."""
    server = Server("127.0.0.1", 0, lambda environ, start: [], Handler)
    base_url = f"http://127.0.0.1:{server.port}"
    server.app = create_app(Sandbox(Options(base_url, "http://127.0.0.1:9/twitter-connector", state_dir, "")))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    control = Control(base_url)
    try:
        yield control
    finally:
        control.http.close()
        server.shutdown()
        server.server_close()


@dataclass
class X:
    """One account at X, and the flavour that speaks for it. began: when the test began, by X's clock."""

    control: Control
    flavour: Flavour
    account: Account
    began: datetime

    @property
    def name(self) -> str:
        return self.flavour.name

    @property
    def messages(self) -> Messages:
        return self.flavour.messages(self.account)

    def customer_writes(self, text: str) -> str:
        """Let the customer write and return the message's id."""
        dm_id: str = self.control.post("customer/messages", account_id=self.account.id, customer_id=ADA, text=text)[
            "id"
        ]
        return dm_id

    def sent(self) -> list[Any]:
        """Return what X has of the account's own messages, oldest first."""
        pair = {"account_id": self.account.id, "customer_id": ADA, "sender_id": self.account.id}
        dms: list[Any] = self.control.get("twitter/messages", **pair)["messages"]
        return dms

    def fault(self, paths: dict[str, str], **answer: Any) -> None:
        """Have X answer the next request to a path otherwise."""
        self.control.fault(family="twitter", path=paths[self.name], times=1, **answer)

    def requests(self, part: str) -> int:
        """Count the requests to X so far whose path contains a part."""
        return len(self.control.get("requests", family="twitter", path=part)["requests"])

    def upload(self, content: bytes, mime_type: str, category: str, kept: list[Upload]) -> str:
        """Upload a file, from the last state in `kept` on. Return its media id."""
        outgoing = Outgoing(BytesIO(content), len(content), mime_type, category)
        end = time.monotonic() + 20
        while True:
            begun = kept[-1] if kept else Upload()
            try:
                return self.flavour.media.carry_on(self.account.credentials, begun, outgoing, kept.append)
            except MediaProcessing:
                assert time.monotonic() < end, "X goes on processing the file"
                time.sleep(0.1)


def account_at(
    control: Control,
    flavour_name: str,
    directory: Path,
    renewed: Callable[[Credentials], Credentials | None] = lambda credentials: None,
    **tokens: str,
) -> X:
    """Reset X, unless `tokens` of it are given, and return one account of it, to which the customer has written."""
    if not tokens:
        control.post("reset")
    control.post("settings", processing_seconds=0.1)
    urls = dict.fromkeys(("TWITTER_API_URL", "TWITTER_UPLOAD_URL", "X_API_URL"), control.url)
    flavours = Flavours(
        HttpClient(trust_env=False), settings_in(directory, **urls), lambda: datetime.now(UTC), lambda *_: None, renewed
    )
    body = control.get(f"accounts/{IDS[flavour_name]}")
    key, token = (body["API-KEY"], body["API-KEY-SECRET"]), (body["ACCESS-TOKEN"], body["ACCESS-TOKEN-SECRET"])
    # OAuth 1.0a comes first where an account has both.
    credentials = Credentials(*key, *(("", "") if tokens else token), **tokens)
    settings = {"environment": body["ENVIRONMENT-NAME"]} if flavour_name == V1 else {"inbound": "poll"}
    account = Account(IDS[flavour_name], credentials, "", settings, flavour=flavour_name)
    x = X(control, flavours.of(account), account, datetime.now(UTC) - BEFORE)
    x.customer_writes("Where is my order?")
    return replace(x, began=datetime.now(UTC) - BEFORE)
