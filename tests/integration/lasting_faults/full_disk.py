"""A disk that is full now and then. VAR_DIR is put on a small file system of its own, which needs root on Linux."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tree import Tree

from .repeated import repeated

_FULL_SECONDS = 1.5


@contextmanager
def small_disk(tree: Tree, megabytes: int) -> Iterator[bool]:
    """Give a tree that has not been started a small VAR_DIR. Yields False if this user may not mount one.

    megabytes: more than the journal, the broker and the sandbox write. A disk that stays full ends everything.
    """
    tree.var_dir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(tree.var_dir)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: the processes of the tree still use it, until its folder is removed.
            subprocess.run(["umount", "--lazy", str(tree.var_dir)], check=True)


@contextmanager
def full_disk(tree: Tree, done: Counter[str], every: float) -> Iterator[None]:
    """Fill the small VAR_DIR every so many seconds, for one and a half."""
    filler = tree.var_dir / "filler"

    def fill() -> None:
        try:
            _fill(filler)
            done["disk full"] += 1
            time.sleep(_FULL_SECONDS)
        finally:
            filler.unlink(missing_ok=True)

    with repeated(fill, every):
        yield


def _fill(path: Path) -> None:
    block = b"\0" * 65_536
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            try:
                while file.write(block[:size]):
                    pass
            except OSError:
                continue  # full, as far as blocks of this size go
