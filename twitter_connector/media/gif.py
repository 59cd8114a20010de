"""Counts the frames of a GIF by skipping its blocks. Decodes no picture and keeps at most 64 KB in memory.

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

_BUFFER_BYTES = 64 * 1024
# Encoders write sub-blocks of 255 bytes, 62,000 of them in the largest GIF that X takes. A file of tiny blocks would
# cost seconds of computing.
BLOCKS_MAX = 200_000
_EXTENSION = 0x21
_IMAGE = 0x2C
# In both kinds of descriptors: this bit says that a colour table follows; three others give its size.
_HAS_TABLE = 0x80
_TABLE_SIZE = 0x07


@dataclass(frozen=True)
class Facts:
    """Size of the canvas in pixels, and the number of frames."""

    width: int
    height: int
    frames: int


def measure(file: BinaryIO, enough: int) -> Facts | None:
    """Return size and frames of a GIF, or None if it has no frame. Counting stops one frame above the limit.

    A file that ends in the middle, without its trailer, or has more than BLOCKS_MAX blocks counts as far as it is read:
    browsers show such GIFs too, and X judges them.
    """
    file.seek(0)
    steps = _Steps(file)
    frames = 0
    try:
        steps.take(6)
        screen = steps.take(7)
        width, height = int.from_bytes(screen[0:2], "little"), int.from_bytes(screen[2:4], "little")
        steps.skip(_table_bytes(screen[4]))
    except EOFError:
        return None
    try:
        while frames <= enough:
            block = steps.byte()
            if block == _IMAGE:
                descriptor = steps.take(9)
                steps.skip(_table_bytes(descriptor[8]) + 1)
                steps.skip_sub_blocks()
                frames += 1
            elif block == _EXTENSION:
                steps.byte()
                steps.skip_sub_blocks()
            else:
                # The trailer, or invalid data after the last frame.
                break
    except EOFError:
        pass
    return Facts(width, height, frames) if frames else None


def _table_bytes(flags: int) -> int:
    return 3 << (flags & _TABLE_SIZE) + 1 if flags & _HAS_TABLE else 0


class _Steps:
    """Reads a file in small steps from one buffer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._blocks = 0

    def byte(self) -> int:
        if self._at >= len(self._buffer):
            self._fill()
        self._at += 1
        return self._buffer[self._at - 1]

    def take(self, count: int) -> bytes:
        return bytes(self.byte() for _ in range(count))

    def skip(self, count: int) -> None:
        self._at += count

    def skip_sub_blocks(self) -> None:
        while count := self.byte():
            self._at += count
            self.count_block()
        self.count_block()

    def count_block(self) -> None:
        """Raise EOFError after BLOCKS_MAX blocks."""
        self._blocks += 1
        if self._blocks > BLOCKS_MAX:
            raise EOFError

    def _fill(self) -> None:
        beyond = self._at - len(self._buffer)
        if beyond:
            self._file.seek(beyond, 1)
        self._buffer = self._file.read(_BUFFER_BYTES)
        self._at = 0
        if not self._buffer:
            raise EOFError
