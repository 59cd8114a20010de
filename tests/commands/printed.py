"""What a command of ours prints, run as a process of its own."""

from __future__ import annotations

import subprocess

from tree import COMMAND, environment

from tests.brokers import Broker


def printed(broker: Broker, *arguments: str) -> list[str]:
    """Return the lines that the command prints on both outputs."""
    env = environment(
        VAR_DIR=str(broker.settings.var_dir), REDIS_URL=broker.settings.redis_url, CCM_URL="http://127.0.0.1:9"
    )
    done = subprocess.run([str(COMMAND), *arguments], env=env, capture_output=True, text=True, timeout=60, check=True)
    return (done.stdout + done.stderr).splitlines()
