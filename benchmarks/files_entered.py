"""Counts the connector's own files that one inbound text and one reply enter in the running service.

    python -m benchmarks.files_entered [--names]

Files that the service also enters at rest are left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.sandboxed import V1_ACCOUNT, V2_ACCOUNT, SandboxedService

ROOT = Path(__file__).parents[1]
CUSTOMER = "210375291"
# Long enough for everything that is repeated by itself, the minute's upkeep apart.
REST_SECONDS = 12.0
# A message passes within a fraction of this.
MESSAGE_SECONDS = 2.0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tc-trace-") as directory:
        tracing = {"PYTHONPATH": str(ROOT / "benchmarks" / "tracing"), "TRACE_DIR": directory, "TRACE_ROOT": str(ROOT)}
        os.environ.update(tracing)
        service = SandboxedService()
        try:
            for account_id, api in ((V1_ACCOUNT, "v1.1"), (V2_ACCOUNT, "v2")):
                _measure(service, Path(directory), account_id, api)
        finally:
            service.stop()


def _measure(service: SandboxedService, directory: Path, account_id: str, api: str) -> None:
    to = {"account_id": account_id, "customer_id": CUSTOMER}
    messages = {"an inbound text": ("customer/messages", "hello there"), "a reply": ("agent/messages", "a reply")}
    for where, text in messages.values():
        # What happens once in a process is no part of a message.
        service.control(where, **to, text=text)
        time.sleep(MESSAGE_SECONDS)
    rest = _entered(directory, REST_SECONDS)
    for name, (where, text) in messages.items():
        begin = time.monotonic()
        service.control(where, **to, text=text)
        time.sleep(MESSAGE_SECONDS)
        files = _since(directory, begin) - rest
        print(f"API {api:5}{name:16}{len(files):4} files")
        if "--names" in sys.argv:
            print("".join(f"  {file}\n" for file in sorted(files)))


def _entered(directory: Path, seconds: float) -> set[str]:
    begin = time.monotonic()
    time.sleep(seconds)
    return _since(directory, begin)


def _since(directory: Path, begin: float) -> set[str]:
    lines = (line.split(" ", 1) for path in directory.iterdir() for line in path.read_text("utf-8").splitlines())
    return {name for moment, name in lines if float(moment) >= begin}


if __name__ == "__main__":
    main()
