"""A worker that starts has the missed messages read back, also if the broker fails while it does that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import brokers
from tests.loopback import Reply, loopback
from tests.tree import ROOT, environment, eventually
from tests.web.web_requests import ACCOUNT
from twitter_connector.broker import keys
from twitter_connector.processes import command_lines


@pytest.mark.integration
def test_missed_messages_are_read_back_although_the_broker_refused_at_first(tmp_path: Path) -> None:
    with brokers.running(tmp_path) as broker, loopback() as others, broker.client() as client:
        others.answer = lambda _: Reply(503)
        services = brokers.services_of(broker.settings)
        services.accounts.save(ACCOUNT)
        status = keys.ACCOUNT_STATUS.format(account=ACCOUNT.id)
        client.delete(status)
        client.set(status, "no hash, so every request for it fails")
        env = environment(VAR_DIR=str(tmp_path), CCM_URL=others.url, TWITTER_API_URL=others.url, NO_PROXY="*")
        log = tmp_path / "log"
        with log.open("wb") as stderr:
            worker = subprocess.Popen(command_lines.worker(), cwd=ROOT, env=env, stderr=stderr)
        try:
            eventually(lambda: "backfill_stopped" in log.read_text(), 30, what="the refusal")
            client.delete(status)
            # No scheduler runs here: the regular work would open the gap after 150 seconds only.
            eventually(lambda: services.accounts.account_status(ACCOUNT.id).get("gap_since"), 20, what="a gap")
        finally:
            services.redis.close()
            worker.terminate()
            worker.wait(30)
        assert "Traceback" not in log.read_text()
        assert worker.returncode == 0
