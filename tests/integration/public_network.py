"""A public internet of one machine's own: a network namespace in which addresses of the outside are on loopback, and
the whole service inside it. Run as a program, it prints what became of files that agents and bots link to.

Nothing leaves the namespace. Needs Linux and the right to make one; where that is refused it says so and ends with
`CANNOT`. Asserts nothing: test_public_address.py does.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from tree import ROOT, Control, Tree, environment, eventually, free_ports

from tests.integration.conversations import Account
from tests.integration.media_files import at_twitter
from tests.media.files import JPEG

CANNOT = 77
PUBLIC, INSIDE, METADATA = "93.184.215.14", "10.0.0.8", "169.254.169.254"
NAMES = f"""127.0.0.1 localhost
{PUBLIC} pictures.example.com
{INSIDE} inside.example.com
{PUBLIC} both.example.com
{INSIDE} both.example.com
"""
MOVED = {
    "/moved": "http://pictures.example.com/map.jpg",
    "/to-inside": f"http://{INSIDE}/map.jpg",
    "/to-metadata": f"http://{METADATA}/latest/meta-data/",
    "/to-a-name-inside": "http://inside.example.com/map.jpg",
}

# <sched.h>, <sys/mount.h> and <linux/sockios.h>
_NEW_MOUNTS, _NEW_USERS, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _PRIVATE_ALL = 4096, (1 << 18) | 16384
_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C
_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)


def enter(hosts: Path) -> None:
    """Go into a network of this process's own, with those names and addresses. Raises OSError."""
    user, group = os.getuid(), os.getgid()
    try:
        _checked(_libc.unshare(_NEW_NETWORK | _NEW_MOUNTS))
    except PermissionError:
        _checked(_libc.unshare(_NEW_NETWORK | _NEW_MOUNTS | _NEW_USERS))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _checked(_libc.mount(b"none", b"/", None, _PRIVATE_ALL, None))
    _checked(_libc.mount(os.fsencode(hosts), b"/etc/hosts", None, _BIND, None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
        for number, address in enumerate((PUBLIC, INSIDE, METADATA)):
            name = f"lo:{number}".encode()
            fcntl.ioctl(handle, _SET_ADDRESS, _with_address(name, address))
            fcntl.ioctl(handle, _SET_MASK, _with_address(name, "255.255.255.255"))
    if {entry[4][0] for entry in socket.getaddrinfo("both.example.com", 80)} != {PUBLIC, INSIDE}:
        raise OSError("names are not looked up in /etc/hosts")


@contextmanager
def web_server(address: str, asked: list[str]) -> Iterator[None]:
    """Serve a picture there, and ways to elsewhere; note who was asked for what."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{address}{self.path}")
            leads_to = MOVED.get(self.path)
            self.send_response(302 if leads_to else 200)
            self.send_header("Content-Length", "0" if leads_to else str(len(JPEG)))
            if leads_to:
                self.send_header("Location", leads_to)
            self.end_headers()
            if not leads_to:
                self.wfile.write(JPEG)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((address, 80), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@contextmanager
def service(folder: Path) -> Iterator[Tree]:
    """Run the service as in production: CCM and Twitter are elsewhere, so nothing on loopback is public."""
    (port,) = free_ports(1)
    sandbox = f"http://127.0.0.1:{port}"
    tree = Tree(
        CCM_URL=f"{sandbox}/ccm",
        FILE_ENGINE_URL=f"{sandbox}/file-engine",
        TWITTER_API_URL=sandbox,
        TWITTER_UPLOAD_URL=sandbox,
        X_API_URL=sandbox,
        TWITTER_MEDIA_HOSTS=f"127.0.0.1:{port}",
    )
    command = [sys.executable, "-m", "sandbox", "--quiet", "--port", str(port), "--state-dir", str(folder / "sandbox")]
    other_sides = subprocess.Popen([*command, "--connector-url", tree.url], cwd=ROOT, env=environment())
    try:
        tree.sandbox = Control(sandbox)
        tree.start()
        eventually(lambda: _answers(tree.sandbox), what="the sandbox")
        yield tree
    finally:
        tree.close()
        other_sides.kill()
        other_sides.wait()


def seen(tree: Tree) -> dict[str, Any]:
    """Let an agent send a picture from each address; return, by address, the report, its sentence, and whether Twitter
    holds the picture."""
    urls = [
        *(f"http://{PUBLIC}/map.jpg", "http://pictures.example.com/map.jpg"),
        *(f"http://{PUBLIC}{path}" for path in MOVED),
        *(f"http://{INSIDE}/map.jpg", f"http://{METADATA}/latest/meta-data/"),
        *("http://inside.example.com/map.jpg", "http://both.example.com/map.jpg"),
        f"http://127.0.0.1:{tree.port}/map.jpg",
    ]
    chats = Account.registered(tree).customers(len(urls))
    found: dict[str, Any] = {}
    for chat, url in zip(chats, urls, strict=True):
        chat.agent_sends(body={"type": "IMAGE", "markdownText": "", "attachment": {"mediaUrl": url}})
    for chat, url in zip(chats, urls, strict=True):
        (report,) = eventually(chat.reports, what=f"a report about {url}")
        lease = [at_twitter(chat, dm) == JPEG for dm in chat.twitter_messages()]
        found[url.replace(f":{tree.port}", "")] = [report["status"], report["markdownText"], lease]
    return found


def _with_address(name: bytes, address: str) -> bytes:
    return struct.pack("16sH2x4s8x", name, socket.AF_INET, socket.inet_aton(address))


def _checked(outcome: int) -> None:
    if outcome != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _answers(sandbox: Control) -> bool:
    try:
        return bool(sandbox.get("settings"))
    except (requests.ConnectionError, requests.Timeout):
        return False


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tc-") as name:
        folder = Path(name)
        hosts = folder / "hosts"
        hosts.write_text(NAMES)
        try:
            enter(hosts)
        except OSError as error:
            print(f"no network namespace can be had here: {error}", file=sys.stderr)
            return CANNOT
        outside: list[str] = []
        inside: list[str] = []
        with (
            web_server(PUBLIC, outside),
            web_server(INSIDE, inside),
            web_server(METADATA, inside),
            service(folder) as tree,
        ):
            found = seen(tree)
        print(json.dumps({"found": found, "outside": outside, "inside": inside}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
