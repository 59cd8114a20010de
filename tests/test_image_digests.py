"""`make image-digests` writes what docker says into the files of deploy/, all or none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
DIGEST = "sha256:" + "ab" * 32
FILES = ("Dockerfile", "compose.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*FILES, "image_digests.py"):
        shutil.copy(DEPLOY / name, tmp_path / name)
    return tmp_path


def run(folder: Path, docker: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a docker that is this shell script."""
    binary = folder / "docker"
    binary.write_text(f"#!/bin/sh\n{docker}\n")
    binary.chmod(0o700)
    return subprocess.run(
        [sys.executable, str(folder / "image_digests.py")],
        env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def images(folder: Path) -> list[str]:
    lines = "\n".join((folder / name).read_text() for name in FILES).splitlines()
    return [line.split()[1] for line in lines if line.startswith("FROM ") or line.strip().startswith("image: ")]


def test_each_image_of_others_gets_its_digest_and_ours_none(folder: Path) -> None:
    before = images(folder)
    done = run(folder, f'test "$*" = "buildx imagetools inspect $4 --format {{{{.Manifest.Digest}}}}" && echo {DIGEST}')
    assert (done.returncode, done.stderr) == (0, "")
    after = images(folder)
    assert [image.partition("@")[0] for image in after] == [image.partition("@")[0] for image in before]
    others = [image for image in after if not image.startswith("twitter-connector:")]
    assert len(others) >= 3
    assert all(image.endswith(f"@{DIGEST}") for image in others)
    assert [image for image in after if image.startswith("twitter-connector:")]


def test_a_second_run_puts_the_newer_digest_in_the_place_of_the_older(folder: Path) -> None:
    run(folder, f"echo {DIGEST}")
    newer = DIGEST.replace("ab", "cd")
    run(folder, f"echo {newer}")
    text = (folder / "Dockerfile").read_text()
    assert newer in text
    assert DIGEST not in text


@pytest.mark.parametrize(
    "docker", ["echo 'no such host' >&2; exit 1", "echo nonsense", 'test "$4" != valkey/valkey:8 && echo ' + DIGEST]
)
def test_nothing_is_changed_if_one_image_cannot_be_looked_up(folder: Path, docker: str) -> None:
    before = [(folder / name).read_text() for name in FILES]
    done = run(folder, docker)
    assert done.returncode == 1
    assert "needs docker and the network. Nothing was changed." in done.stderr
    assert [(folder / name).read_text() for name in FILES] == before
