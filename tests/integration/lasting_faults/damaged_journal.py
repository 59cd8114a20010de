"""Bytes that no process wrote, between the records of the journal. No record is damaged, so nothing may be lost."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tree import Tree

from .repeated import repeated

_SECONDS = 0.1


@contextmanager
def damaged_journal(tree: Tree, seed: int, done: Counter[str]) -> Iterator[None]:
    """Append random bytes to the journal's files while they are written, each time with another length."""
    chance = random.Random(seed)
    directory = tree.var_dir / "journal"

    def damage() -> None:
        for path in directory.glob("*.*"):
            if path.suffix in {".damaged", ".unreadable"}:
                continue
            try:
                file = os.open(path, os.O_WRONLY | os.O_APPEND)
            except FileNotFoundError:
                continue  # it was replayed meanwhile
            with suppress(OSError):  # the disk may be full
                os.write(file, chance.randbytes(chance.randrange(1, 300)))
                done["journal damaged"] += 1
            os.close(file)

    with repeated(damage, _SECONDS):
        yield
