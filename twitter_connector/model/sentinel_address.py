"""The address of a broker behind Redis Sentinel: redis+sentinel://[user:password@]host:port,host:port/service/db"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode

PLAIN, TLS = "redis+sentinel", "rediss+sentinel"
DEFAULT_PORT = 26379
_HOST = re.compile(r"(?P<host>[^\s\[\]:@/]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?")
_URL = re.compile(
    r"(?P<scheme>rediss?\+sentinel)://((?P<credentials>[^@/?#]*)@)?(?P<hosts>[^@/?#]+)"
    r"/(?P<service>[^/?#]+)(/(?P<database>\d*))?/?(\?(?P<query>[^#]*))?"
)
_OWN_OPTIONS = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True)
class SentinelAddress:
    """Where the sentinels are, and how to log in to the servers that they name. Its repr contains no secrets.

    server_url: a redis:// or rediss:// URL with the user, password, database and options of the servers. Its host is a
    sentinel's. sentinel_username, sentinel_password: for the sentinels; "" for none.
    """

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    tls: bool
    server_url: str = field(repr=False)
    sentinel_username: str = field(default="", repr=False)
    sentinel_password: str = field(default="", repr=False)

    def __json__(self) -> str:
        """Return what Celery may show of its settings."""
        return repr(self)


def is_sentinel_url(url: str) -> bool:
    """Return whether a URL names sentinels."""
    return url.startswith((f"{PLAIN}://", f"{TLS}://"))


def parse(url: str) -> SentinelAddress:
    """Return the address that a URL names. Raises ValueError with what is needed, without a part of the URL.

    The sentinels get the password of the servers, which a sentinel without one accepts, unless the query has
    `sentinel_password` and perhaps `sentinel_username`. All other options of the query are for the connections.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(_NEEDED)
    hosts, query = match["hosts"].split(","), parse_qsl(match["query"] or "")
    _, _, password = (match["credentials"] or "").partition(":")
    own = {name: value for name, value in query if name in _OWN_OPTIONS}
    options = urlencode([(name, value) for name, value in query if name not in _OWN_OPTIONS])
    tls = match["scheme"] == TLS
    login = f"{match['credentials']}@" if match["credentials"] else ""
    server_url = f"{'rediss' if tls else 'redis'}://{login}{hosts[0]}/{match['database'] or 0}"
    return SentinelAddress(
        sentinels=tuple(map(_sentinel, hosts)),
        service=unquote(match["service"]),
        database=int(match["database"] or 0),
        tls=tls,
        server_url=f"{server_url}?{options}" if options else server_url,
        sentinel_username=own.get("sentinel_username", "default" if password else ""),
        sentinel_password=own.get("sentinel_password", unquote(password)),
    )


_NEEDED = (
    f"{PLAIN}://[user:password@]host:port,host:port/service/database is needed. In a password, write / ? # @ and % as "
    "%2F and so on"
)


def _sentinel(text: str) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match["port"] or DEFAULT_PORT) < 65536:
        raise ValueError(_NEEDED)
    return match["host"].strip("[]"), int(match["port"] or DEFAULT_PORT)
