"""The cost of a log line with the secrets of 1 and of 1,000 accounts: `python -m benchmarks.log_lines`."""

from __future__ import annotations

import io
import logging
import secrets
import time

from twitter_connector import logs

LINES = 500
ROUNDS = 15
SECRETS_PER_ACCOUNT = 5
ACCOUNTS = (1, 1_000)


def microseconds_per_line(fmt: str) -> dict[int, float]:
    """Return, by number of accounts, the CPU time of one line in the best round, in microseconds.

    The rounds alternate, so that whatever else the machine does meets both.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("INFO", fmt)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(io.StringIO())
    rounds: dict[int, list[float]] = {accounts: [] for accounts in ACCOUNTS}
    try:
        for _ in range(ROUNDS):
            for accounts, times in rounds.items():
                _hide(accounts)
                times.append(_round())
                _hide(0)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    return {accounts: min(times) for accounts, times in rounds.items()}


def _hide(accounts: int) -> None:
    for number in range(max(ACCOUNTS)):
        own = [secrets.token_urlsafe(40) for _ in range(SECRETS_PER_ACCOUNT)] if number < accounts else []
        logs.hide(f"account {number}", *own)


def _round() -> float:
    log = logging.getLogger("twitter_connector.benchmark")
    with logs.bound(account="732739706", lane="732739706:210375291", entry="1201956294212771840"):
        begin = time.thread_time()
        for tries in range(LINES):
            log.info("delivery_postponed", extra={"reason": "ccm_unavailable", "tries": tries, "seconds": 4.0})
        return (time.thread_time() - begin) / LINES * 1e6


def main() -> None:
    for fmt in ("json", "text"):
        one, many = microseconds_per_line(fmt).values()
        print(f"log line, {fmt}: 1 account {one:5.1f} us, 1,000 accounts {many:5.1f} us, ratio {many / one:.2f}")


if __name__ == "__main__":
    main()
