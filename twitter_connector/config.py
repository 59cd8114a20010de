"""Every setting with its variable and default. The only module that reads the process environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from . import config_values as parse
from .config_values import ConsoleUser as ConsoleUser  # noqa: PLC0414 - exported

T = TypeVar("T")

# The longest socket path on Linux and macOS: sockaddr_un, without its terminating zero byte.
SOCKET_PATH_MAX_BYTES = 103
# Variables that other programs read: the platform's charts set TZ, prometheus_client reads the other.
_READ_BY_OTHERS = {"TZ", "PROMETHEUS_MULTIPROC_DIR"}
# Variables of earlier versions that have no effect any more, with the values that never had one.
_REMOVED = {"NATIVE_REPLIES": ("", "ignore")}
# A worker process uses one core (docs/decisions/0021). With more than so many, the broker is what limits the rate.
WORKER_PROCESSES_MAX = 4
# Set by the supervisor for its children, so that they do not repeat its warnings.
_SUPERVISED = "TWITTER_CONNECTOR_SUPERVISED"


# Values of HOST with the loopback address that reaches each.
_REACHED_BY_LOOPBACK = {
    "0.0.0.0": "127.0.0.1",  # noqa: S104
    "::": "::1",
    "127.0.0.1": "127.0.0.1",
    "::1": "::1",
    "localhost": "localhost",
}


class BadSetting(Exception):
    """A variable has a value that cannot be used. The text is one line that names the variable. It quotes the value
    only where that cannot be a secret."""


@dataclass(frozen=True)
class Settings:
    """The settings of this process, read once at start. Its repr contains no secrets."""

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
    broker_eviction: str = "refuse"
    long_posts: str = "thread"
    broker_replicas: int = 0
    journal: str = "on"
    twitter_api_url: str = "https://api.twitter.com"
    twitter_upload_url: str = "https://upload.twitter.com"
    x_api_url: str = "https://api.x.com"
    twitter_media_hosts: tuple[str, ...] = ("ton.twitter.com", "ton.x.com", "pbs.twimg.com", "video.twimg.com")
    api_tokens: tuple[str, ...] = field(default=(), repr=False)
    credentials_keys: tuple[str, ...] = field(default=(), repr=False)
    web_workers: int = 2
    web_threads: int = 8
    worker_concurrency: int = 128
    worker_processes: int = 1
    inbound_max_age: timedelta = timedelta(hours=24)
    outbound_max_age: timedelta = timedelta(hours=24)
    dead_letters_max: int = 100_000
    dead_letters_max_age: timedelta = timedelta(days=30)
    x_chat_options: str = "text"
    x_prices: Mapping[str, Decimal] = field(default_factory=lambda: parse.prices("{}"))
    usage_soft_limit: Decimal | None = None
    usage_hard_limit: Decimal | None = None
    console_users: tuple[ConsoleUser, ...] = field(default=(), repr=False)
    console_oidc_issuer: str | None = None
    console_oidc_client_id: str | None = None
    console_oidc_client_secret: str | None = field(default=None, repr=False)
    console_oidc_operators: str | None = None
    notify_url: str | None = field(default=None, repr=False)
    traces: bool = False
    traces_secrets: tuple[str, ...] = field(default=(), repr=False)
    message_log_days: int = 7
    message_log_max: int = 200_000
    log_level: str = "INFO"
    log_format: str = "text"
    var_dir: Path = Path("var")
    sandbox_port: int = 8090
    use_sandbox: bool = False
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] | None = None, *, sandbox_in_checkout: bool = False, needs_ccm: bool = True
    ) -> Settings:
        """Return the settings of this environment. Raises BadSetting for the first variable that cannot be used.

        sandbox_in_checkout: use the sandbox if neither CCM_URL nor SANDBOX is set and the working directory contains
        the repository. Without it, the sandbox needs SANDBOX=1. needs_ccm: raise BadSetting if there is no CCM, neither
        a real one nor the sandbox's.
        """
        env = os.environ if env is None else env
        read = _Reader(env)
        var_dir = Path(read("VAR_DIR", str, "var")).absolute()
        ccm_url = read("CCM_URL", parse.ccm_url)
        by_default = sandbox_in_checkout and ccm_url is None and is_checkout(Path.cwd())
        use_sandbox = read("SANDBOX", parse.switch, by_default)
        sandbox_port = read("SANDBOX_PORT", parse.port, 8090)
        sandbox = f"http://127.0.0.1:{sandbox_port}"
        # The sandbox also plays CCM and the file engine, unless CCM_URL names a real CCM.
        plays_ccm = use_sandbox and ccm_url is None
        twitter = sandbox if use_sandbox else None
        file_engine = read("FILE_ENGINE_URL", parse.http_url) or (f"{sandbox}/file-engine" if plays_ccm else None)
        default_hosts = (f"127.0.0.1:{sandbox_port}",) if use_sandbox else cls.twitter_media_hosts
        redis_url = read("REDIS_URL", parse.redis_url)
        traces, without_traces = _traces(read)
        terminal = sys.stderr is not None and sys.stderr.isatty()
        settings = cls(
            host=read("HOST", parse.host, cls.host),
            port=read("PORT", parse.port, cls.port),
            ccm_url=ccm_url or (f"{sandbox}/ccm" if plays_ccm else None),
            file_engine_url=file_engine,
            public_file_engine_url=read("PUBLIC_FILE_ENGINE_URL", parse.http_url) or file_engine,
            # Messages to customers contain only an address that was named as public.
            link_base=read("PUBLIC_FILE_ENGINE_URL", parse.http_url) or (file_engine if plays_ccm else None),
            public_url=read("PUBLIC_URL", parse.http_url),
            redis_url=redis_url or f"unix://{broker_socket(var_dir)}",
            embedded_broker=redis_url is None,
            broker_fsync=read("BROKER_FSYNC", parse.one_of("always", "everysec"), cls.broker_fsync),
            journal=read("JOURNAL", parse.one_of("on", "off"), cls.journal),
            broker_replicas=read("BROKER_REPLICAS", parse.at_least(0), cls.broker_replicas),
            long_posts=read("LONG_POSTS", parse.one_of("thread", "refuse"), cls.long_posts),
            broker_eviction=read("BROKER_EVICTION", parse.one_of("refuse", "allow"), cls.broker_eviction),
            twitter_api_url=read("TWITTER_API_URL", parse.http_url) or twitter or cls.twitter_api_url,
            twitter_upload_url=read("TWITTER_UPLOAD_URL", parse.http_url) or twitter or cls.twitter_upload_url,
            x_api_url=read("X_API_URL", parse.http_url) or twitter or cls.x_api_url,
            twitter_media_hosts=read("TWITTER_MEDIA_HOSTS", parse.media_hosts, default_hosts),
            api_tokens=read("CONNECTOR_API_TOKEN", parse.tokens, ()),
            credentials_keys=read("CREDENTIALS_KEY", parse.fernet_keys, ()),
            web_workers=read("WEB_WORKERS", parse.at_least(1), cls.web_workers),
            # While a registration waits in one thread, X's challenge needs another.
            web_threads=read("WEB_THREADS", parse.at_least(2), cls.web_threads),
            # The sandbox carries a few conversations of one person.
            worker_processes=read("WORKER_PROCESSES", parse.at_least(1), 1 if use_sandbox else _usable_cores()),
            worker_concurrency=read("WORKER_CONCURRENCY", parse.at_least(4), cls.worker_concurrency),
            inbound_max_age=read("INBOUND_MAX_AGE", parse.duration, cls.inbound_max_age),
            outbound_max_age=read("OUTBOUND_MAX_AGE", parse.duration, cls.outbound_max_age),
            dead_letters_max=read("DEAD_LETTERS_MAX", parse.at_least(1), cls.dead_letters_max),
            dead_letters_max_age=read("DEAD_LETTERS_MAX_AGE", parse.duration, cls.dead_letters_max_age),
            x_chat_options=read("X_CHAT_OPTIONS", parse.one_of("text", "native"), cls.x_chat_options),
            x_prices=read("X_PRICES", parse.prices, parse.prices("{}")),
            usage_soft_limit=read("USAGE_SOFT_LIMIT", parse.usd),
            usage_hard_limit=read("USAGE_HARD_LIMIT", parse.usd),
            console_users=read("CONSOLE_USERS", parse.console_users, cls.console_users),
            console_oidc_issuer=read("CONSOLE_OIDC_ISSUER", parse.issuer),
            console_oidc_client_id=read("CONSOLE_OIDC_CLIENT_ID", str),
            console_oidc_client_secret=read("CONSOLE_OIDC_CLIENT_SECRET", str),
            console_oidc_operators=read("CONSOLE_OIDC_OPERATORS", str),
            notify_url=read("NOTIFY_URL", parse.any_http_url),
            traces=traces,
            traces_secrets=_traces_secrets(read),
            message_log_days=read("MESSAGE_LOG_DAYS", parse.at_least(0), cls.message_log_days),
            message_log_max=read("MESSAGE_LOG_MAX", parse.at_least(1), cls.message_log_max),
            log_level=read("LOG_LEVEL", parse.log_level, cls.log_level),
            log_format=read("LOG_FORMAT", parse.one_of("json", "text"), "text" if terminal else "json"),
            var_dir=var_dir,
            sandbox_port=sandbox_port,
            use_sandbox=use_sandbox,
            warnings=(*read.warnings(), *filter(None, [without_traces])),
        )
        _require_whole_client(settings)
        if use_sandbox and sandbox_port == settings.port:
            raise BadSetting(f"SANDBOX_PORT: {sandbox_port} is the PORT of the web listener. Choose another.")
        if not _below(settings.usage_soft_limit, settings.usage_hard_limit):
            sentence = "USAGE_SOFT_LIMIT has no effect: it is not below USAGE_HARD_LIMIT."
            settings = replace(settings, warnings=(*settings.warnings, sentence))
        if settings.ccm_url is None and needs_ccm:
            raise BadSetting(
                "CCM_URL is not set. Set it to CCM's base URL, or set SANDBOX=1 to use the sandbox as X and CCM."
                + "".join(f" {warning}" for warning in settings.warnings if "CCM_URL" in warning)
            )
        return settings

    @classmethod
    def from_env_or_exit(cls) -> Settings:
        """Return the settings of this environment. Print one line and end the process if a variable cannot be used."""
        try:
            return cls.from_env()
        except BadSetting as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - before logging is set up
            raise SystemExit(2) from None

    @property
    def console_has_login(self) -> bool:
        """Whether somebody can log in to the console."""
        return bool(self.console_users or self.console_oidc_issuer)

    @property
    def metrics_dir(self) -> Path:
        return self.var_dir / "metrics"

    @property
    def worker_locks(self) -> Path:
        """Return the folder in which each running worker process holds a locked file."""
        return self.var_dir / "workers"

    @property
    def beat_file(self) -> Path:
        """Return the file that a running scheduler touches about every five minutes."""
        return self.var_dir / "beat"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the addresses to listen on.

        The sandbox reaches the service by loopback: calls from another address of this machine may count as external.
        """
        if self.use_sandbox and self.host not in _REACHED_BY_LOOPBACK:
            return (self.host, "127.0.0.1")
        return (self.host,)

    @property
    def local_url(self) -> str:
        """Return the service's base URL for callers on this machine."""
        return _base_url(_REACHED_BY_LOOPBACK.get(self.host, self.hosts[-1]), self.port)


def _require_whole_client(settings: Settings) -> None:
    """Raise BadSetting if a variable of the console's OpenID Connect client is set and one that it needs is not."""
    values = {
        "CONSOLE_OIDC_ISSUER": settings.console_oidc_issuer,
        "CONSOLE_OIDC_CLIENT_ID": settings.console_oidc_client_id,
        "CONSOLE_OIDC_CLIENT_SECRET": settings.console_oidc_client_secret,
        "CONSOLE_OIDC_OPERATORS": settings.console_oidc_operators,
    }
    given = [name for name, value in values.items() if value]
    for needed in ("CONSOLE_OIDC_ISSUER", "CONSOLE_OIDC_CLIENT_ID"):
        if given and needed not in given:
            raise BadSetting(f"{needed} is not set, and {given[0]} is. Set both, or neither.")


def _traces(read: _Reader) -> tuple[bool, str]:
    """Return whether traces are sent, and a sentence that says why not if they are asked for; "" otherwise.

    The variables are OpenTelemetry's, whose library reads the others itself:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    exporter = read("OTEL_TRACES_EXPORTER", str, "")
    endpoints = [read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", str), read("OTEL_EXPORTER_OTLP_ENDPOINT", str)]
    protocols = [read("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", str), read("OTEL_EXPORTER_OTLP_PROTOCOL", str)]
    off = read("OTEL_SDK_DISABLED", str, "").lower() == "true" or exporter == "none"
    if off or not (exporter or any(endpoints)):
        return False, ""
    return parse.traces(exporter or "otlp", next(filter(None, protocols), "http/protobuf"))


def _traces_secrets(read: _Reader) -> tuple[str, ...]:
    """Return what the variables for OpenTelemetry's exporter contain that must not be shown."""
    headers = [read("OTEL_EXPORTER_OTLP_TRACES_HEADERS", str, ""), read("OTEL_EXPORTER_OTLP_HEADERS", str, "")]
    endpoints = [read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", str, ""), read("OTEL_EXPORTER_OTLP_ENDPOINT", str, "")]
    return parse.secrets_of_exporter(",".join(headers), endpoints)


def _usable_cores() -> int:
    """Return the number of cores this process may use, up to WORKER_PROCESSES_MAX."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, WORKER_PROCESSES_MAX)


def _below(lower: Decimal | None, upper: Decimal | None) -> bool:
    return lower is None or upper is None or lower < upper


def _base_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/twitter-connector"


def is_checkout(directory: Path) -> bool:
    """Return whether a directory contains this repository."""
    return (directory / "wsgi.py").is_file() and (directory / "sandbox" / "__init__.py").is_file()


def broker_socket(var_dir: Path) -> Path:
    """Return the path of the embedded broker's socket: in VAR_DIR, unless that path is too long for a socket."""
    inside = var_dir / "broker" / "kv.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_MAX_BYTES:
        return inside
    import hashlib
    import tempfile

    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"twitter-connector-{os.getuid()}-{digest}" / "kv.sock"


def share_metrics_directory() -> None:
    """Set the directory in which all web and worker processes share their counters.

    prometheus_client reads its variable while it is imported, so call this before.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        directory = Path(os.environ.get("VAR_DIR", "var")).absolute() / "metrics"
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    with suppress(OSError):  # counter_files.py counts in memory then
        Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process of the supervisor, with the supervisor's decisions spelled out."""
    decided = {
        "VAR_DIR": str(settings.var_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir),
        "LOG_FORMAT": settings.log_format,
        "SANDBOX": "1" if settings.use_sandbox else "0",
        _SUPERVISED: "1",
    }
    proxy = {"NO_PROXY": "127.0.0.1,::1,localhost"} if settings.use_sandbox else {}
    return {**os.environ, **decided, **proxy}


def use_environment(variables: Mapping[str, str]) -> None:
    """Give this process, and those that it forks, these variables too."""
    os.environ.update(variables)


class _Reader:
    """Reads variables and remembers their names."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._names = set(_READ_BY_OTHERS)

    def __call__(self, name: str, understand: Callable[[str], T], default: T | None = None) -> T:
        self._names.add(name)
        raw = self._env.get(name, "").strip()
        if not raw:
            return default  # type: ignore[return-value]  # None is a value only where no default is given
        try:
            return understand(raw)
        except ValueError as error:
            raise BadSetting(f"{name}: {error}") from None

    def warnings(self) -> tuple[str, ...]:
        """Return a sentence for each variable whose name is probably mistyped. Call this after the last read."""
        if _SUPERVISED in self._env:
            return ()
        mistyped = parse.typing_errors(set(self._env), self._names | set(_REMOVED))
        return (
            *(
                f"The variable {name} is set and has no effect. Did you mean {known}?"
                for name, known in mistyped.items()
            ),
            *(
                f"The variable {name} has no effect any more. Remove it."
                for name, harmless in _REMOVED.items()
                if self._env.get(name, "").strip() not in harmless
            ),
        )
