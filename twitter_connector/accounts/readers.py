"""The threads of a worker process that act by themselves: polling, the activity stream, and OAuth 2.0 tokens."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from twitter_connector.errors import StoreUnavailable
from twitter_connector.model.account import Account

from .polling import Polling
from .streaming import Streaming
from .token_refresh import TokenRefresh

log = logging.getLogger(__name__)

# How often the accounts are looked at. A poll itself comes about once a minute.
LOOK_SECONDS = 1.0
POLLERS = 4
LOOK_AT_STREAMS_SECONDS = 3.0
LOOK_AT_TOKENS_SECONDS = 5.0


class Readers:
    """Reads until `stopping` is set. Every worker has one; locks in the store divide the accounts among them."""

    def __init__(self, polling: Polling, streaming: Streaming, tokens: TokenRefresh, stopping: threading.Event) -> None:
        self._polling = polling
        self._tokens = tokens
        self._streaming = streaming
        self._stopping = stopping
        self._at_work: set[str] = set()
        self._streams: set[str] = set()

    def start(self) -> None:
        threading.Thread(target=self._poll, name="poller", daemon=True).start()
        threading.Thread(target=self._stream, name="streams", daemon=True).start()
        threading.Thread(target=self._refresh, name="tokens", daemon=True).start()

    def _poll(self) -> None:
        with ThreadPoolExecutor(POLLERS, thread_name_prefix="poller") as pool:
            while not self._stopping.wait(LOOK_SECONDS):
                try:
                    for account in self._polling.due():
                        if account.id not in self._at_work:
                            self._at_work.add(account.id)
                            pool.submit(self._poll_one, account)
                except StoreUnavailable as error:
                    log.warning("polling_stopped", extra={"reason": error.reason})
                    self._stopping.wait(LOOK_SECONDS)
                except Exception as error:
                    log.error("internal_error", exc_info=error)
                    self._stopping.wait(LOOK_SECONDS)

    def _poll_one(self, account: Account) -> None:
        try:
            self._polling.poll(account)
        except StoreUnavailable as error:
            log.warning("polling_stopped", extra={"reason": error.reason, "account": account.id})
        except Exception as error:
            log.error("internal_error", exc_info=error, extra={"account": account.id})
        finally:
            self._at_work.discard(account.id)

    def _stream(self) -> None:
        """Try every app's stream; the process that gets the lock reads it, in a thread of its own."""
        while not self._stopping.wait(LOOK_AT_STREAMS_SECONDS):
            try:
                for app in self._streaming.due():
                    if app not in self._streams:
                        self._streams.add(app)
                        threading.Thread(target=self._read, args=(app,), name="stream", daemon=True).start()
            except StoreUnavailable as error:
                log.warning("streaming_stopped", extra={"reason": error.reason})
            except Exception as error:
                log.error("internal_error", exc_info=error)

    def _refresh(self) -> None:
        while not self._stopping.wait(LOOK_AT_TOKENS_SECONDS):
            try:
                self._tokens.refresh_due()
            except StoreUnavailable as error:
                log.warning("token_refresh_stopped", extra={"reason": error.reason})
            except Exception as error:
                log.error("internal_error", exc_info=error)

    def _read(self, app: str) -> None:
        try:
            self._streaming.serve(app, self._stopping)
        except StoreUnavailable as error:
            log.warning("streaming_stopped", extra={"reason": error.reason})
        except Exception as error:
            log.error("internal_error", exc_info=error)
        finally:
            self._streams.discard(app)
