"""Parsers for the values of variables. Each returns the value, or raises ValueError with what is needed.

The text of an error quotes the value only where it cannot be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from urllib.parse import SplitResult, unquote, urlsplit

from twitter_connector.model import sentinel_address
from twitter_connector.model.usage import PUBLISHED_PRICES


def port(raw: str) -> int:
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise ValueError(f"a port between 1 and 65535 is needed, not {raw!r}")
    return int(raw)


def host(raw: str) -> str:
    if re.search(r"[\s/@]", raw):
        raise ValueError(f"an address or host name to listen on is needed, not {raw!r}")
    return raw.removeprefix("[").removesuffix("]")


def http_url(raw: str) -> str:
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL is needed")
    if parts.username or parts.password:
        raise ValueError("a URL must not contain a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no query and no fragment")
    _check_port(parts)
    return raw.rstrip("/")


def issuer(raw: str) -> str:
    """Return the address of an OpenID Connect provider. Its answers are trusted, so only loopback needs no https."""
    url = http_url(raw)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("an https:// URL is needed, such as https://keycloak.example.com/realms/cx")
    return url


def any_http_url(raw: str) -> str:
    """Return an address as it is, with its query: it may contain a secret, so no error quotes it."""
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL is needed")
    _check_port(parts)
    return raw


def _check_port(parts: SplitResult) -> None:
    # urllib's own error quotes the port, which is part of the password if the password contains a slash.
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(
            "the port is not a number between 0 and 65535. In a password, write / ? # @ and % as %2F and so on"
        ) from None


def ccm_url(raw: str) -> str:
    """Return CCM's base URL. Guides use all these forms: the bare host, with /ccm, and two complete URLs."""
    url = http_url(raw)
    for path in ("/message/receive", "/channel-connectors/configurations"):
        url = url.removesuffix(path).rstrip("/")
    return url


def redis_url(raw: str) -> str:
    if sentinel_address.is_sentinel_url(raw):
        sentinel_address.parse(raw)
        return raw
    parts = urlsplit(raw)
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path):
        raise ValueError("a redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix:// URL is needed")
    if parts.scheme != "unix":
        _check_port(parts)
        if not re.fullmatch(r"/?\d{0,4}", parts.path):
            raise ValueError("the path of the URL is the number of a database, /0 for example")
    return raw


def media_hosts(raw: str) -> tuple[str, ...]:
    hosts = tuple(h.strip().lower() for h in raw.split(",") if h.strip())
    for name in hosts:
        if not re.fullmatch(r"[a-z0-9.\-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?", name):
            raise ValueError(f"host or host:port, separated by commas, is needed, not {name!r}")
    if not hosts:
        raise ValueError("host or host:port, separated by commas, is needed")
    return hosts


def tokens(raw: str) -> tuple[str, ...]:
    values = tuple(t.strip() for t in raw.split(",") if t.strip())
    # Commas alone are an error: the operator meant to set a token, so the routes must not be open.
    if not values or any(not re.fullmatch(r"[\x21-\x7e]{8,}", t) for t in values):
        raise ValueError("each token needs at least 8 visible ASCII characters")
    return values


def fernet_keys(raw: str) -> tuple[str, ...]:
    keys = tuple(k.strip() for k in raw.split(",") if k.strip())
    if not keys or any(not re.fullmatch(r"[A-Za-z0-9_\-]{43}=", k) for k in keys):
        raise ValueError("Fernet keys (44 characters of URL-safe Base64), separated by commas, are needed")
    return keys


def log_level(raw: str) -> str:
    return one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")(raw.upper())


@dataclass(frozen=True)
class ConsoleUser:
    """Somebody who may log in to the console. role: viewer or operator. hash: as `console-password` prints it."""

    name: str
    role: str
    hash: str = field(repr=False)


def console_users(raw: str) -> tuple[ConsoleUser, ...]:
    """Return the users. An error quotes no hash."""
    users = []
    for number, entry in enumerate(filter(None, (part.strip() for part in raw.split(","))), 1):
        name, _, rest = entry.partition(":")
        role, _, hashed = rest.partition(":")
        if not name or role not in ("viewer", "operator"):
            raise ValueError(f"entry {number} is not name:role:hash with the role viewer or operator")
        # `console-password` prints dots, since shells and compose files read a dollar sign.
        hashed = hashed.replace(".", "$")
        if not re.fullmatch(r"scrypt:\d+:\d+:\d+\$[A-Za-z0-9]+\$[0-9a-f]+", hashed):
            raise ValueError(f"the hash of entry {number} is not one that `twitter-connector console-password` prints")
        users.append(ConsoleUser(name, role, hashed))
    if len({user.name for user in users}) < len(users):
        raise ValueError("a name stands there twice")
    return tuple(users)


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed, not {raw!r}")
        return raw

    return parse


def switch(raw: str) -> bool:
    return one_of("1", "0")(raw) == "1"


def duration(raw: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,9})\s*([smhd]?)", raw)
    if not match or int(match[1]) == 0:
        raise ValueError(f"a duration such as 90s, 30m, 24h or 7d is needed, not {raw!r}")
    return timedelta(seconds=int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]])


def at_least(minimum: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not raw.isdecimal() or int(raw) < minimum:
            raise ValueError(f"a whole number, {minimum} or more, is needed, not {raw!r}")
        return int(raw)

    return parse


def usd(raw: str) -> Decimal:
    """Return an amount of US dollars above zero."""
    amount = _amount(raw)
    if amount is None or amount == 0:
        raise ValueError(f"an amount of US dollars such as 5 or 2.50 is needed, not {raw!r}")
    return amount


def prices(raw: str) -> Mapping[str, Decimal]:
    """Return the price of each kind of usage: those of a JSON object, and X's published ones for the rest."""
    try:
        # Never a float: 0.1 would not be a tenth.
        given = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
        kinds = set(given.keys())
    except (ValueError, AttributeError):
        raise ValueError('a JSON object with prices in US dollars is needed, such as {"dm_sent": 0.015}') from None
    if unknown := sorted(kinds - set(PUBLISHED_PRICES)):
        raise ValueError(f"{unknown[0]!r} is no kind of usage; the kinds are {', '.join(PUBLISHED_PRICES)}")
    amounts = {kind: _amount(str(price)) for kind, price in given.items() if not isinstance(price, bool)}
    if wrong := sorted(kind for kind in given if amounts.get(kind) is None):
        raise ValueError(f"the price of {wrong[0]} is not a number of US dollars, 0 or more")
    return {**PUBLISHED_PRICES, **{kind: amount for kind, amount in amounts.items() if amount is not None}}


def _amount(raw: str) -> Decimal | None:
    return Decimal(raw) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", raw) else None


def traces(exporter: str, protocol: str) -> tuple[bool, str]:
    """Return (True, "") if traces can be sent with this exporter and protocol, otherwise False and why not."""
    if "otlp" not in exporter.split(","):
        return False, "OTEL_TRACES_EXPORTER names another exporter than otlp, so no traces are sent. Set it to otlp."
    if protocol != "http/protobuf":
        return False, (
            "No traces are sent: the connector sends them as http/protobuf only. Set OTEL_EXPORTER_OTLP_PROTOCOL to "
            "http/protobuf, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's address for HTTP (port 4318)."
        )
    if not _opentelemetry_is_installed():
        return False, (
            "The OTEL_ variables ask for traces, and OpenTelemetry is not installed, so none are sent. Install it with "
            "pip install 'twitter-connector[otel]', or unset the variables."
        )
    return True, ""


def _opentelemetry_is_installed() -> bool:
    try:
        return (
            find_spec("opentelemetry.sdk") is not None
            and find_spec("opentelemetry.exporter.otlp.proto.http") is not None
        )
    except ModuleNotFoundError:  # a package above it
        return False


def secrets_of_exporter(headers: str, endpoints: Iterable[str]) -> tuple[str, ...]:
    """Return the values in OpenTelemetry's list of headers ("name=value,..."), and the passwords in its endpoints."""
    values = [header.partition("=")[2].strip() for header in headers.split(",")]
    words = [word for value in values for word in (value, unquote(value), *unquote(value).split())]
    passwords = [part.rpartition("@")[0].rpartition(":")[2] for part in endpoints]
    return tuple(dict.fromkeys(filter(None, words + passwords)))


def typing_errors(names: set[str], known: set[str]) -> dict[str, str]:
    """Return those names that are probably mistyped, each with the known name it is close to.

    "Close" is one inserted, missing, wrong or swapped letter, or two in names of eight letters and more. Names of
    three letters and fewer are never close to anything.
    """
    similar = {}
    for name in sorted(names - known):
        for other in sorted(known):
            allowed = 0 if len(other) < 4 else 1 if len(other) < 7 else 2
            # Each change affects two letters at most. This is cheaper than the distance, and every start does it.
            could_be = abs(len(name) - len(other)) <= allowed and len(set(name) ^ set(other)) <= 2 * allowed
            if could_be and _distance(name, other) <= allowed:
                similar[name] = other
    return similar


def _distance(one: str, other: str) -> int:
    """Return the optimal string alignment distance: insert, delete, replace, or swap two neighbours."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
