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
# Long enough for everything that is repeated by itself.
REST_SECONDS = 65.0
# A message passes within a fraction of this.
MESSAGE_SECONDS = 2.0
MESSAGES = {"an inbound text": ("customer/messages", "hello there"), "a reply": ("agent/messages", "a reply")}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tc-trace-") as directory:
        tracing = {"PYTHONPATH": str(ROOT / "benchmarks" / "tracing"), "TRACE_DIR": directory, "TRACE_ROOT": str(ROOT)}
        os.environ.update(tracing)
        service = SandboxedService()
        try:
            accounts = {"v1.1": V1_ACCOUNT, "v2": V2_ACCOUNT}
            for account_id in accounts.values():
                # What happens once in a process is no part of a message.
                for where, text in MESSAGES.values():
                    _send(service, where, account_id, text)
            rest = _entered(Path(directory), REST_SECONDS)
            for api, account_id in accounts.items():
                for name, (where, text) in MESSAGES.items():
                    begin = time.monotonic()
                    _send(service, where, account_id, text)
                    files = _since(Path(directory), begin) - rest
                    print(f"API {api:5}{name:16}{len(files):4} files")
                    if "--names" in sys.argv:
                        print("".join(f"  {file}\n" for file in sorted(files)))
        finally:
            service.stop()


def _send(service: SandboxedService, where: str, account_id: str, text: str) -> None:
    service.control(where, account_id=account_id, customer_id=CUSTOMER, text=text)
    time.sleep(MESSAGE_SECONDS)


def _entered(directory: Path, seconds: float) -> set[str]:
    begin = time.monotonic()
    time.sleep(seconds)
    return _since(directory, begin)


def _since(directory: Path, begin: float) -> set[str]:
    lines = (line.split(" ", 1) for path in directory.iterdir() for line in path.read_text("utf-8").splitlines())
    return {name for moment, name in lines if float(moment) >= begin}


if __name__ == "__main__":
    main()
