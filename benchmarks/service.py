"""The service's real processes for a benchmark: broker, web, worker; the account is put into the store directly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from benchmarks.events import ACCOUNT_ID, SECRET, V2_ACCOUNT_ID
from benchmarks.processes import cpu_by_name, memory_mb, name_of, tree
from twitter_connector.bootstrap import Services, build_services
from twitter_connector.config import Settings
from twitter_connector.model.account import V2, XAA, Account, Credentials
from twitter_connector.store.vault import keys_of


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Service:
    """`twitter-connector up` in a temporary VAR_DIR, without the sandbox."""

    def __init__(
        self,
        ccm_port: int,
        fsync: str = "always",
        *,
        checkout: Path | None = None,
        replica_of: Service | None = None,
        **variables: str,
    ) -> None:
        """ccm_port: of benchmarks/ccm.py. checkout: another checkout of the project, with its own .venv. replica_of: a
        service whose broker and accounts this one has. variables: of the environment."""
        checkout = (checkout or Path()).absolute()
        self._directory = tempfile.TemporaryDirectory(prefix="tc-bench-")
        self.port = free_port()
        self._env = {
            **os.environ,
            "VAR_DIR": self._directory.name,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CCM_URL": f"http://127.0.0.1:{ccm_port}",
            "TWITTER_API_URL": f"http://127.0.0.1:{ccm_port}",
            "X_API_URL": f"http://127.0.0.1:{ccm_port}",
            "BROKER_FSYNC": fsync,
            "LOG_LEVEL": "ERROR",
            "LOG_FORMAT": "json",
            **variables,
        }
        self._env.pop("REDIS_URL", None)
        if replica_of is not None:
            first = replica_of.services.settings
            self._env["REDIS_URL"] = first.redis_url
            self._env["CREDENTIALS_KEY"] = ",".join(keys_of(first.credentials_keys, first.var_dir))
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [checkout / ".venv/bin/twitter-connector", "up"],
            cwd=checkout,
            env=self._env,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid: int = self._process.pid
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready:"):
                break
        else:
            raise RuntimeError("the service did not start")
        self.start_seconds = time.perf_counter() - begin
        self.services: Services = build_services(Settings.from_env(self._env), patient=True)
        if replica_of is not None:
            return
        credentials = Credentials("key", SECRET, f"{ACCOUNT_ID}-token", "token-secret")
        self.services.accounts.save(Account(ACCOUNT_ID, credentials, "https://example.com/", {"environment": "bench"}))
        second = Credentials("key-2", SECRET, f"{V2_ACCOUNT_ID}-token", "token-secret")
        self.services.accounts.save(
            Account(V2_ACCOUNT_ID, second, "https://example.com/2", {"inbound": XAA}, flavour=V2)
        )

    def web_cpu_seconds(self) -> float:
        """Return the processor time that the web processes have used so far."""
        return cpu_by_name(self.pid)["web"]

    def memory_mb(self) -> float:
        """Return the proportional set size of the whole tree, in MB."""
        return sum(self.memory_by_name().values())

    def memory_by_name(self) -> Counter[str]:
        """Return the proportional set size of each part, in MB."""
        sizes: Counter[str] = Counter()
        for pid in tree(self.pid):
            sizes[name_of(pid)] += memory_mb(pid)  # type: ignore[assignment]  # a Counter of fractions
        return sizes

    def settled(self, at_most: int = 0, pause: float = 0.05) -> None:
        """Wait until no more than so many lanes have work."""
        end = time.monotonic() + 180
        while True:
            waiting = sum(sum(self.services.lanes.waiting(a).values()) for a in (ACCOUNT_ID, V2_ACCOUNT_ID))
            if waiting <= at_most:
                return
            if time.monotonic() > end:
                raise RuntimeError(f"{waiting} lanes are still waiting")
            time.sleep(pause)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._directory.cleanup()


class EmptyView:
    """The empty view under the service's own gunicorn settings."""

    def __init__(self) -> None:
        from twitter_connector.processes import command_lines

        self._directory = tempfile.TemporaryDirectory(prefix="tc-bench-")
        self.port = free_port()
        env = {
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CCM_URL": "http://127.0.0.1:9",
            "VAR_DIR": self._directory.name,
        }
        command = [part.replace("wsgi:app", "benchmarks.empty:app") for part in command_lines.web()]
        self._process = subprocess.Popen(command, env=env)
        end = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=1)
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(15)
        self._directory.cleanup()
