"""A picture at a public address is fetched and sent; nothing leads the fetcher to an address inside. For real, in a
network namespace that has addresses of both kinds; on loopback alone one of the two could never be seen."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tree import ROOT, can_look_at_processes

REFUSED = (
    "The file's address does not lead to the public internet, so it was not fetched. Attach the file itself, or send "
    "its address as text."
)
CANNOT = 77


@pytest.fixture(scope="module")
def seen() -> Any:
    if sys.platform != "linux" or not can_look_at_processes():
        pytest.skip("network namespaces are a matter of Linux")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.public_network"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == CANNOT:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_picture_at_a_public_address_arrives_also_where_it_has_moved(seen: Any) -> None:
    for url in ("http://93.184.215.14/map.jpg", "http://pictures.example.com/map.jpg", "http://93.184.215.14/moved"):
        assert seen["found"][url] == ["DELIVERED", "", [True]], url
    assert seen["outside"].count("93.184.215.14/map.jpg") == 3


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.8/map.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/map.jpg",
        "http://inside.example.com/map.jpg",
        "http://both.example.com/map.jpg",
        "http://93.184.215.14/to-inside",
        "http://93.184.215.14/to-metadata",
        "http://93.184.215.14/to-a-name-inside",
    ],
)
def test_what_leads_inside_fails_with_that_reason(seen: Any, url: str) -> None:
    assert seen["found"][url] == ["FAILED", REFUSED, []]


def test_nobody_inside_was_asked_although_they_would_have_answered(seen: Any) -> None:
    assert seen["inside"] == []
    assert {"93.184.215.14/to-inside", "93.184.215.14/to-metadata"} <= set(seen["outside"])
