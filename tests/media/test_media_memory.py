"""25 MB each way through a worker's memory: measured in a process of its own, against servers that never stop.

To see it fail, let `spool` keep what it writes: `kept.append(chunk)` in its loop adds the 25 MB to the result. The
last test does as much without changing anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback import Loopback, Reply, Seen, loopback, zeros
from tests.media.files import film

MIB = 1024 * 1024
SIZE = 25 * MIB
MOST = 12 * MIB

WORKER = """
import json, os, sys, tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from twitter_connector.cim.files import Files
from twitter_connector.media.file_kind import VIDEO_MAX_BYTES, inspect, kind_of
from twitter_connector.media.spool import spool
from twitter_connector.model.account import Credentials
from twitter_connector.model.plan import Upload
from twitter_connector.twitter.media_download import Downloads
from twitter_connector.twitter.chunked_upload import Outgoing
from twitter_connector.twitter.v1.media import V1Uploads
from twitter_connector.net.http_client import HttpClient

way, host, directory = sys.argv[1], sys.argv[2], Path(sys.argv[3])
wire, keys, now = HttpClient(trust_env=False), Credentials("a", "b", "c", "d"), lambda: datetime.now(UTC)
downloads, files = Downloads(wire, (host,), now), Files(wire, f"http://{host}", None)
uploads = V1Uploads(wire, f"http://{host}", now)

def inbound(name):
    with (
        downloads.open(f"http://{host}/dm_video/{name}", keys, ceiling=VIDEO_MAX_BYTES) as incoming,
        spool(incoming.chunks, VIDEO_MAX_BYTES, directory) as spooled,
    ):
        kind = kind_of(spooled.head, spooled.size_bytes)
        return files.store(spooled, name, kind.mime_type).size_bytes

def outbound(name):
    with (
        files.read(name, ceiling=VIDEO_MAX_BYTES) as incoming,
        spool(incoming.chunks, VIDEO_MAX_BYTES, directory) as spooled,
    ):
        kind = inspect(spooled.file, spooled.size_bytes)
        outgoing = Outgoing(spooled.file, spooled.size_bytes, kind.mime_type, kind.category)
        uploads.carry_on(keys, Upload(), outgoing, lambda upload: None)
        return spooled.size_bytes

def whole(name):
    with files.read(name, ceiling=VIDEO_MAX_BYTES) as incoming:
        return len(b"".join(incoming.chunks))

def resident(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024

go = {"inbound": inbound, "outbound": outbound, "whole": whole}[way]
go("small.mp4")
exact = os.access("/proc/self/clear_refs", os.W_OK)
if exact:
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
else:
    tracemalloc.start()
size = go("large.mp4")
added = resident("VmHWM") - before if exact else tracemalloc.get_traced_memory()[1]
print(json.dumps({"size": size, "added": added}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    """Twitter's media and upload hosts and the file engine in one; all its files are films."""
    head = film(b"avc1")

    def answer(seen: Seen) -> Reply:
        if seen.method == "GET":
            size = SIZE if "large" in seen.target else MIB
            return Reply(200, zeros(size, head), (("Content-Type", "video/mp4"),), length=size)
        if seen.path == "/api/uploadFileStream":
            return Reply(200, b'{"name":"1_film.mp4"}')
        return Reply(200, b'{"media_id_string":"1"}')

    with loopback() as server:
        server.answer = answer
        yield server


def measure(way: str, server: Loopback, directory: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, way, server.host, str(directory)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["size"] == SIZE
    assert not directory.exists() or list(directory.iterdir()) == []
    return int(outcome["added"])


@pytest.mark.parametrize("way", ["inbound", "outbound"])
def test_a_film_of_25_mb_adds_at_most_12_mb(way: str, server: Loopback, tmp_path: Path) -> None:
    server.seen.clear()
    added = measure(way, server, tmp_path / "spool")
    print(f"{way}: {added / MIB:.1f} MB")
    assert added <= MOST
    sent = [seen for seen in server.seen if seen.method == "POST"]
    assert sum(seen.size for seen in sent) > SIZE + MIB, "the film has been sent on"


def test_the_measurement_notices_a_film_that_is_kept_in_memory(server: Loopback, tmp_path: Path) -> None:
    assert measure("whole", server, tmp_path / "spool") > MOST
