"""A primary, a replica and three sentinels on loopback, each a process of the bundled server."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.tree import eventually, free_ports
from twitter_connector.processes import embedded_broker

SERVICE = "acme"
PASSWORD = "a/b@c"
URL_PASSWORD = "a%2Fb%40c"
# A sentinel calls a server down when it is silent for this long, and chooses the new primary within seconds.
DOWN_AFTER_MS = 500


class Server:
    """One server or sentinel. Can be killed and started again on the same port and data."""

    def __init__(self, directory: Path, port: int, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.port = port
        self._env = env
        directory.mkdir(parents=True)
        # A sentinel rewrites its configuration.
        self._config = directory / "server.conf"
        self._config.write_text(
            "\n".join((f"port {port}", "bind 127.0.0.1", f"dir {directory}", "loglevel warning", *options))
        )
        self._sentinel = any(option.startswith("sentinel ") for option in options)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it and wait until it answers. options: of its command line, beside its configuration."""
        words = [embedded_broker.binary(), str(self._config), *(["--sentinel"] if self._sentinel else []), *options]
        self.process = subprocess.Popen(words, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self.answers, what=f"the server on port {self.port}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> redis.Redis:
        return redis.Redis(
            port=self.port,
            username="default",
            password=PASSWORD,
            decode_responses=True,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )

    def answers(self) -> bool:
        with suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def role(self) -> str:
        """Return `master` or `slave`; "" if the server does not answer."""
        with suppress(redis.RedisError), self.client() as client:
            return str(client.role()[0])  # type: ignore[index]
        return ""


class Door:
    """One address in front of the servers, as a Service of Kubernetes: new connections go where it leads now."""

    def __init__(self, port: int) -> None:
        self.leads_to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.leads_to)) as server:
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()

    def close(self) -> None:
        # A thread waits in accept(); closing alone would not wake it.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Group:
    """Two servers that replicate, and their sentinels. env: of the servers; a sentinel rests after a step of time.

    second_env: of the second server, if it has a clock of its own.
    """

    def __init__(
        self, directory: Path, env: Mapping[str, str] | None = None, second_env: Mapping[str, str] | None = None
    ) -> None:
        ports = free_ports(5)
        common = (f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"', 'save ""', "repl-diskless-sync-delay 0")
        durable = ("appendonly yes", "appendfsync everysec")
        replica = f"replicaof 127.0.0.1 {ports[0]}"
        self.servers = [
            Server(directory / "one", ports[0], *common, *durable, env=env),
            Server(directory / "two", ports[1], *common, *durable, replica, env=second_env or env),
        ]
        self._directory, self._sentinel_ports = directory, ports[2:]
        self.sentinels: list[Server] = []
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinel_ports)
        self.url = f"redis+sentinel://:{URL_PASSWORD}@{hosts}/{SERVICE}/2"
        self.door = Door(ports[0])
        self.door_url = f"redis://:{URL_PASSWORD}@127.0.0.1:{self.door.port}/2"

    def start(self) -> None:
        """Start the servers only."""
        for server in self.servers:
            server.start()
        eventually(self.replicating, what="a replica in step")

    def start_sentinels(self, down_after_ms: int = DOWN_AFTER_MS) -> None:
        primary = self.primary()
        assert primary is not None
        options = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2",
            f'sentinel auth-pass {SERVICE} "{PASSWORD}"',
            f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
            f"sentinel failover-timeout {SERVICE} 5000",
        )
        self.sentinels = [Server(self._directory / f"sentinel-{port}", port, *options) for port in self._sentinel_ports]
        for sentinel in self.sentinels:
            sentinel.start()
        eventually(lambda: all(self._knows_all(s) for s in self.sentinels), what="sentinels that know each other")

    def fail_over(self) -> Server:
        """Make the replica the primary, as an operator does. Return it. All connections stay open."""
        former, following = self.primary(), self.replica()
        assert former is not None
        with former.client() as client:
            client.execute_command("FAILOVER", "TO", "127.0.0.1", following.port)
        eventually(lambda: following.role() == "master", what="the new primary")
        self.door.leads_to = following.port
        return following

    def follow(self, former: Server) -> None:
        """Start a former primary as the replica of the present one."""
        primary = self.primary()
        assert primary is not None
        former.start("--replicaof", "127.0.0.1", str(primary.port))

    def primary(self) -> Server | None:
        return next((server for server in self.servers if server.role() == "master"), None)

    def replica(self) -> Server:
        return next(server for server in self.servers if server.role() == "slave")

    def agreed_on(self, primary: Server) -> bool:
        """Return whether all sentinels have made a server the primary, and are done with it."""
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                state = client.sentinel_masters()[SERVICE]
            if state["port"] != primary.port or "failover_in_progress" in state["flags"]:
                return False
        return True

    def replicating(self) -> bool:
        primary = self.primary()
        if primary is None:
            return False
        with primary.client() as client:
            state = client.info("replication")
        # A replica is called online before it has read what it got. Then it acknowledges nothing yet.
        return state["connected_slaves"] == 1 and state["slave0"]["state"] == "online" and state["slave0"]["offset"] > 0

    def _knows_all(self, sentinel: Server) -> bool:
        with sentinel.client() as client:
            state = client.sentinel_masters()[SERVICE]
        return state["num-other-sentinels"] == 2 and state["num-slaves"] == 1

    def close(self) -> None:
        self.door.close()
        for server in (*self.sentinels, *self.servers):
            server.kill()


@contextmanager
def running_group(
    directory: Path, env: Mapping[str, str] | None = None, second_env: Mapping[str, str] | None = None
) -> Iterator[Group]:
    """Run the servers for as long as the block lasts."""
    group = Group(directory, env, second_env)
    try:
        group.start()
        yield group
    finally:
        group.close()
