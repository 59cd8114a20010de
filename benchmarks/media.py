"""What a 25 MB video costs a worker in memory, each way, through the whole service with the sandbox."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.sandboxed import V1_ACCOUNT, SandboxedService, post

CUSTOMER = "210375291"
SIZE = 25 * 1024 * 1024
_BOUNDARY = "a-boundary-that-does-not-occur"


def film() -> bytes:
    """Return an MP4 of the largest size that is let through: a type box, and the rest to skip."""
    kind = struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp42", 0, b"isom")
    return kind + struct.pack(">I4s", SIZE - len(kind), b"free") + bytes(SIZE - len(kind) - 8)


def main() -> None:
    service = MediaService()
    try:
        inward, outward = service.measure()
        print(f"a 25 MB video adds to the worker: inbound {inward:.1f} MB, outbound {outward:.1f} MB (aim 12)")
    finally:
        service.stop()


class MediaService:
    """The service with the sandbox, and the calls that send a file each way."""

    def __init__(self) -> None:
        self._service = SandboxedService()

    def measure(self) -> tuple[float, float]:
        """Return what the worker's memory grew by at its peak, in MB: for a video in, and for one out."""
        whole = film()
        name = self._upload("file-engine/api/uploadFileStream", {"conversationId": "1"}, "file", whole)["name"]
        # Small ones first, so that what is loaded on first use does not count.
        self._customer_sends(whole[:20] + struct.pack(">I4s", 1000, b"free") + bytes(992))
        self._await_ccm("VIDEO", 1)
        inward = self._peak(lambda: self._customer_sends(whole), "VIDEO", 2)
        outward = self._peak(lambda: self._agent_sends(name), "DELIVERYNOTIFICATION", 1)
        return inward, outward

    def stop(self) -> None:
        self._service.stop()

    def _peak(self, act: Callable[[], None], kind: str, count: int) -> float:
        pid = self._worker()
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted anew from here
        before = _status(pid, "VmRSS")
        act()
        self._await_ccm(kind, count)
        return (_status(pid, "VmHWM") - before) / 1024

    def _worker(self) -> int:
        children = Path(f"/proc/{self._service.pid}/task/{self._service.pid}/children").read_text().split()
        return next(int(p) for p in children if b"\0worker\0" in Path(f"/proc/{p}/cmdline").read_bytes())

    def _customer_sends(self, media: bytes) -> None:
        fields = {"account_id": V1_ACCOUNT, "customer_id": CUSTOMER}
        self._upload("_sandbox/customer/messages", fields, "media_file", media)

    def _agent_sends(self, name: str) -> None:
        url = f"{self._service.sandbox}/file-engine/api/downloadFileStream?filename={name}"
        attachment = {"mediaUrl": url, "mimeType": "video/mp4", "size": SIZE}
        body = {"type": "VIDEO", "markdownText": "", "caption": "", "attachment": attachment}
        self._service.control("agent/messages", account_id=V1_ACCOUNT, customer_id=CUSTOMER, body=body)

    def _await_ccm(self, kind: str, count: int) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if len(self._service.shown("ccm/messages", type=kind)["messages"]) >= count:
                return
            time.sleep(0.05)
        raise RuntimeError(f"CCM did not get {count} {kind}")

    def _upload(self, path: str, fields: dict[str, str], name: str, content: bytes) -> Any:
        parts = [
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
            for k, v in fields.items()
        ]
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="film.mp4"\r\n'
        parts += [head.encode(), b"Content-Type: video/mp4\r\n\r\n", content, f"\r\n--{_BOUNDARY}--\r\n".encode()]
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        return post(f"{self._service.sandbox}/{path}", b"".join(parts), kind)


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
