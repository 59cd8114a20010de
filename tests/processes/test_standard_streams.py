"""A process that was started with closed standard streams does not give their numbers to its own files."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import os
from twitter_connector.processes.standard_streams import open_closed_streams
open_closed_streams()
is_null = [os.path.samestat(os.fstat(n), os.stat(os.devnull)) and os.get_inheritable(n) for n in range(3)]
os.write({answer}, repr(is_null).encode())
"""


@pytest.mark.parametrize("closed", [(), (0,), (2,), (0, 1, 2)])
def test_the_null_device_takes_the_place_of_a_closed_stream(closed: tuple[int, ...]) -> None:
    read, write = os.pipe()
    subprocess.run(
        [sys.executable, "-c", CODE.format(answer=write)],
        pass_fds=[write], stdin=subprocess.PIPE, capture_output=True, check=True, timeout=30,
        preexec_fn=lambda: [os.close(number) for number in closed],
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as answer:
        assert answer.read() == repr([number in closed for number in range(3)])
