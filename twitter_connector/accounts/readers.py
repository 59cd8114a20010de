"""The threads of a worker process that act by themselves: polling, the activity stream, and OAuth 2.0 tokens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import POLL, STREAM, Account

from .mention_polling import MentionPolling, is_polled
from .polling import Polling
from .ports import AccountsPort
from .streaming import Streaming
from .token_refresh import TokenRefresh

log = logging.getLogger(__name__)

# How often the accounts that poll are looked at. A poll itself comes about once a minute.
LOOK_SECONDS = 1.0
LOOK_SHORTEST_SECONDS = 0.05
POLLERS = 4
LOOK_AT_STREAMS_SECONDS = 3.0
LOOK_AT_TOKENS_SECONDS = 5.0
# How long a change of an account can go unnoticed of which no process told.
LOOK_AT_ACCOUNTS_SECONDS = 20.0


class Poller(Protocol):
    """Polls Direct Messages, or mentions."""

    def upcoming(self) -> list[tuple[Account, float]]: ...
    def poll(self, account: Account) -> None: ...


class Readers:
    """Reads until `stopping` is set. Every worker has one; locks in the store divide the accounts among them.

    wait_for_change: waits until an account may have changed, or for so many seconds; raises StoreUnavailable. A thread
    without an account to look at sleeps. mentions: polls public posts.
    """

    def __init__(
        self,
        accounts: AccountsPort,
        polling: Polling,
        streaming: Streaming,
        tokens: TokenRefresh,
        stopping: threading.Event,
        *,
        wait_for_change: Callable[[float], None],
        mentions: MentionPolling | None = None,
    ) -> None:
        self._accounts = accounts
        self._pollers: tuple[Poller, ...] = (polling,) if mentions is None else (polling, mentions)
        self._tokens = tokens
        self._streaming = streaming
        self._stopping = stopping
        self._wait_for_change = wait_for_change
        self._polled, self._streamed, self._granted = threading.Event(), threading.Event(), threading.Event()
        self._at_work: set[tuple[Poller, str]] = set()
        self._streams: set[str] = set()

    def start(self) -> None:
        threading.Thread(target=self._look, name="accounts", daemon=True).start()
        threading.Thread(target=self._poll, name="poller", daemon=True).start()
        threading.Thread(target=self._stream, name="streams", daemon=True).start()
        threading.Thread(target=self._refresh, name="tokens", daemon=True).start()

    def _look(self) -> None:
        """Note which of the other threads have an account to look at.

        The whole process has the accounts as they are then: no reply goes out for an account that was unregistered.
        """
        while not self._stopping.is_set():
            try:
                self._wait_for_change(LOOK_AT_ACCOUNTS_SECONDS)
            except StoreUnavailable:
                self._stopping.wait(LOOK_SECONDS)
            with _logged("polling_stopped"):
                accounts = self._accounts.refresh()
                _set(self._polled, any(account.inbound == POLL or is_polled(account) for account in accounts))
                _set(self._streamed, any(account.inbound == STREAM for account in accounts))
                _set(self._granted, any(account.credentials.oauth2_refresh_token for account in accounts))

    def _wait(self, needed: threading.Event, seconds: float) -> bool:
        """Wait for the next look. Return False once the process is to end."""
        needed.wait()
        return not self._stopping.wait(seconds)

    def _poll(self) -> None:
        with ThreadPoolExecutor(POLLERS, thread_name_prefix="poller") as pool:
            wait = LOOK_SECONDS
            while self._wait(self._polled, wait):
                wait = LOOK_SECONDS
                with _logged("polling_stopped"):
                    for poller, (account, seconds) in [(p, each) for p in self._pollers for each in p.upcoming()]:
                        if seconds > 0:
                            # Not up to a second late: a customer waits.
                            wait = min(wait, max(seconds, LOOK_SHORTEST_SECONDS))
                        elif (poller, account.id) not in self._at_work:
                            self._at_work.add((poller, account.id))
                            pool.submit(self._poll_one, poller, account)

    def _poll_one(self, poller: Poller, account: Account) -> None:
        with _logged("polling_stopped", account=account.id):
            try:
                poller.poll(account)
            finally:
                self._at_work.discard((poller, account.id))

    def _stream(self) -> None:
        """Try every app's stream; the process that gets the lock reads it, in a thread of its own."""
        while self._wait(self._streamed, LOOK_AT_STREAMS_SECONDS):
            with _logged("streaming_stopped"):
                for app in self._streaming.due():
                    if app not in self._streams:
                        self._streams.add(app)
                        threading.Thread(target=self._read, args=(app,), name="stream", daemon=True).start()

    def _read(self, app: str) -> None:
        with _logged("streaming_stopped"):
            try:
                self._streaming.serve(app, self._stopping)
            finally:
                self._streams.discard(app)

    def _refresh(self) -> None:
        while self._wait(self._granted, LOOK_AT_TOKENS_SECONDS):
            with _logged("token_refresh_stopped"):
                self._tokens.refresh_due()


@contextmanager
def _logged(event: str, **facts: str) -> Iterator[None]:
    """Log the failure of one look. The thread goes on: the next look tries again.

    event: of the line if the broker does not answer.
    """
    try:
        yield
    except StoreUnavailable as error:
        log.warning(event, extra={"reason": error.reason, **facts})
    except Exception as error:
        log.error("internal_error", exc_info=error, extra=facts)


def _set(event: threading.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()
