"""What a command of ours prints, run in this process: starting one takes a second of the processor."""

from __future__ import annotations

from click.testing import CliRunner, Result

from tests.brokers import Broker
from twitter_connector.cli import main


def result_of(broker: Broker, *arguments: str) -> Result:
    """Return how the command ended, and both outputs."""
    env = {
        "VAR_DIR": str(broker.settings.var_dir),
        "REDIS_URL": broker.settings.redis_url,
        "CCM_URL": "http://127.0.0.1:9",
    }
    return CliRunner().invoke(main, list(arguments), env=env)


def printed(broker: Broker, *arguments: str) -> list[str]:
    """Return the lines that the command prints on both outputs. The command must succeed."""
    done = result_of(broker, *arguments)
    assert done.exit_code == 0, done.output
    return (done.stdout + done.stderr).splitlines()
