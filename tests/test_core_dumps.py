"""No process of the service leaves its memory on the disk."""

from __future__ import annotations

import subprocess
import sys

ASKED = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (hard := resource.getrlimit(resource.RLIMIT_CORE)[1], hard))
from twitter_connector import core_dumps
core_dumps.forbid()
print(resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_a_process_that_forbids_it_leaves_no_core_dump() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "0\n"
