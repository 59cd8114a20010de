"""Every setting: its variable, default and meaning. The only module that touches the process environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

T = TypeVar("T")

# The longest path that fits sockaddr_un on Linux and macOS, with room for a terminating zero.
SOCKET_PATH_MAX_BYTES = 103

# What NATIVE_REPLIES=note comes to, until CIM documents a form.
NATIVE_REPLIES_NOT_SHOWN = (
    "NATIVE_REPLIES=note has no effect: CIM has no form in which the desk would show the brand's own words as the "
    "brand's. They are counted and ignored."
)


class BadSetting(Exception):
    """A variable that cannot be understood. Its text is one line that names the variable; never its value
    where that may be a secret."""


@dataclass(frozen=True)
class Settings:
    """What the process was told, understood once at start. Secrets are left out of its repr."""

    host: str = "0.0.0.0"  # noqa: S104 - the contract's default: a container must be reachable
    port: int = 8080
    ccm_url: str | None = None
    file_engine_url: str | None = None
    public_file_engine_url: str | None = None
    link_base: str | None = None
    public_url: str | None = None
    redis_url: str = field(default="", repr=False)
    embedded_broker: bool = True
    broker_fsync: str = "always"
    twitter_api_url: str = "https://api.twitter.com"
    twitter_upload_url: str = "https://upload.twitter.com"
    x_api_url: str = "https://api.x.com"
    twitter_media_hosts: tuple[str, ...] = ("ton.twitter.com", "ton.x.com", "pbs.twimg.com", "video.twimg.com")
    api_tokens: tuple[str, ...] = field(default=(), repr=False)
    credentials_keys: tuple[str, ...] = field(default=(), repr=False)
    web_workers: int = 2
    web_threads: int = 8
    worker_concurrency: int = 128
    inbound_max_age: timedelta = timedelta(hours=24)
    outbound_max_age: timedelta = timedelta(hours=24)
    native_replies: str = "ignore"
    dead_letters_max: int = 100_000
    dead_letters_max_age: timedelta = timedelta(days=30)
    log_level: str = "INFO"
    log_format: str = "text"
    var_dir: Path = Path("var")
    sandbox_port: int = 8090
    use_sandbox: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of this environment. Raises BadSetting for the first one it cannot understand."""
        read = _Reader(os.environ if env is None else env)
        var_dir = Path(read("VAR_DIR", str, "var")).absolute()
        ccm_url = read("CCM_URL", _ccm_base)
        use_sandbox = ccm_url is None
        sandbox_port = read("SANDBOX_PORT", _port, 8090)
        sandbox = f"http://127.0.0.1:{sandbox_port}"
        # Without a CCM the whole other side is the sandbox, unless a variable says otherwise.
        twitter = sandbox if use_sandbox else None
        file_engine = read("FILE_ENGINE_URL", _http_url) or (f"{sandbox}/file-engine" if use_sandbox else None)
        default_hosts = (f"127.0.0.1:{sandbox_port}",) if use_sandbox else cls.twitter_media_hosts
        redis_url = read("REDIS_URL", _redis_url)
        terminal = sys.stderr.isatty()
        return cls(
            host=read("HOST", _host, cls.host),
            port=read("PORT", _port, cls.port),
            ccm_url=ccm_url or f"{sandbox}/ccm",
            file_engine_url=file_engine,
            public_file_engine_url=read("PUBLIC_FILE_ENGINE_URL", _http_url) or file_engine,
            # Only an address that was named as public is put into messages to customers.
            link_base=read("PUBLIC_FILE_ENGINE_URL", _http_url) or (file_engine if use_sandbox else None),
            public_url=read("PUBLIC_URL", _http_url),
            redis_url=redis_url or f"unix://{broker_socket(var_dir)}",
            embedded_broker=redis_url is None,
            broker_fsync=read("BROKER_FSYNC", _one_of("always", "everysec"), cls.broker_fsync),
            twitter_api_url=read("TWITTER_API_URL", _http_url) or twitter or cls.twitter_api_url,
            twitter_upload_url=read("TWITTER_UPLOAD_URL", _http_url) or twitter or cls.twitter_upload_url,
            x_api_url=read("X_API_URL", _http_url) or twitter or cls.x_api_url,
            twitter_media_hosts=read("TWITTER_MEDIA_HOSTS", _media_hosts, default_hosts),
            api_tokens=read("CONNECTOR_API_TOKEN", _tokens, ()),
            credentials_keys=read("CREDENTIALS_KEY", _fernet_keys, ()),
            web_workers=read("WEB_WORKERS", _at_least(1), cls.web_workers),
            # One thread waits inside the registration call while Twitter's challenge needs another.
            web_threads=read("WEB_THREADS", _at_least(2), cls.web_threads),
            worker_concurrency=read("WORKER_CONCURRENCY", _at_least(4), cls.worker_concurrency),
            inbound_max_age=read("INBOUND_MAX_AGE", _duration, cls.inbound_max_age),
            outbound_max_age=read("OUTBOUND_MAX_AGE", _duration, cls.outbound_max_age),
            native_replies=read("NATIVE_REPLIES", _one_of("ignore", "note"), cls.native_replies),
            dead_letters_max=read("DEAD_LETTERS_MAX", _at_least(1), cls.dead_letters_max),
            dead_letters_max_age=read("DEAD_LETTERS_MAX_AGE", _duration, cls.dead_letters_max_age),
            log_level=read("LOG_LEVEL", _log_level, cls.log_level),
            log_format=read("LOG_FORMAT", _one_of("json", "text"), "text" if terminal else "json"),
            var_dir=var_dir,
            sandbox_port=sandbox_port,
            use_sandbox=use_sandbox,
        )

    @property
    def metrics_dir(self) -> Path:
        return self.var_dir / "metrics"


def broker_socket(var_dir: Path) -> Path:
    """Return where the embedded broker listens: inside VAR_DIR, unless that path is too long for a socket."""
    inside = var_dir / "broker" / "kv.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_MAX_BYTES:
        return inside
    import hashlib
    import tempfile

    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"twitter-connector-{os.getuid()}-{digest}" / "kv.sock"


def share_metrics_directory() -> None:
    """Point prometheus_client at the directory all web and worker processes write to.

    It reads its own variable while it is imported, so this must run before that import.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        directory = Path(os.environ.get("VAR_DIR", "var")).absolute() / "metrics"
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)


def child_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with changes, for a child process."""
    return {**os.environ, **changes}


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def __call__(self, name: str, understand: Callable[[str], T], default: T | None = None) -> T:
        raw = self._env.get(name, "").strip()
        if not raw:
            return default  # type: ignore[return-value]  # None is a value only where no default is given
        try:
            return understand(raw)
        except ValueError as error:
            raise BadSetting(f"{name}: {error}") from None


def _port(raw: str) -> int:
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise ValueError(f"a port between 1 and 65535 is needed, not {raw!r}")
    return int(raw)


def _host(raw: str) -> str:
    if re.search(r"[\s/@]", raw):
        raise ValueError(f"an address or host name to listen on is needed, not {raw!r}")
    return raw


def _http_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL is needed")
    if parts.username or parts.password:
        raise ValueError("credentials do not belong into the URL")
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no query and no fragment")
    _port_of(parts)
    return raw.rstrip("/")


def _port_of(parts: SplitResult) -> int | None:
    # Its own error quotes what stands there: a piece of the password, where that has a slash in it.
    try:
        return parts.port
    except ValueError:
        raise ValueError(
            "the port is no number between 0 and 65535; in a password, / ? # @ and % are written as %2F and so on"
        ) from None


def _ccm_base(raw: str) -> str:
    # All these forms stand in guides in use: bare host, with /ccm, and the complete receive or configuration URL.
    url = _http_url(raw)
    for tail in ("/message/receive", "/channel-connectors/configurations"):
        url = url.removesuffix(tail).rstrip("/")
    return url


def _redis_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
        raise ValueError("a redis://, rediss:// or unix:// URL is needed")
    if parts.scheme != "unix":
        _port_of(parts)
    return raw


def _media_hosts(raw: str) -> tuple[str, ...]:
    hosts = tuple(h.strip().lower() for h in raw.split(",") if h.strip())
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9.\-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?", host):
            raise ValueError(f"host or host:port, comma separated, is needed, not {host!r}")
    if not hosts:
        raise ValueError("host or host:port, comma separated, is needed")
    return hosts


def _tokens(raw: str) -> tuple[str, ...]:
    tokens = tuple(t.strip() for t in raw.split(",") if t.strip())
    # Of commas alone: who meant to set a token must not run without one.
    if not tokens or any(not re.fullmatch(r"[\x21-\x7e]{8,}", t) for t in tokens):
        raise ValueError("each token needs at least 8 visible ASCII characters")
    return tokens


def _fernet_keys(raw: str) -> tuple[str, ...]:
    keys = tuple(k.strip() for k in raw.split(",") if k.strip())
    if not keys or any(not re.fullmatch(r"[A-Za-z0-9_\-]{43}=", k) for k in keys):
        raise ValueError("Fernet keys (44 characters of URL-safe Base64), comma separated, are needed")
    return keys


def _log_level(raw: str) -> str:
    return _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")(raw.upper())


def _one_of(*choices: str) -> Callable[[str], str]:
    def understand(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed, not {raw!r}")
        return raw

    return understand


def _duration(raw: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,9})\s*([smhd]?)", raw)
    if not found or int(found[1]) == 0:
        raise ValueError(f"a time such as 90s, 30m, 24h or 7d is needed, not {raw!r}")
    return timedelta(seconds=int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]])


def _at_least(minimum: int) -> Callable[[str], int]:
    def understand(raw: str) -> int:
        if not raw.isdecimal() or int(raw) < minimum:
            raise ValueError(f"a whole number, {minimum} or more, is needed, not {raw!r}")
        return int(raw)

    return understand
