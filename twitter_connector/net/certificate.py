"""How long a server's certificate is valid."""

from __future__ import annotations

import socket
import ssl
import time
from urllib.parse import urlsplit

SECONDS = 3.0


def seconds_left(url: str) -> float | None:
    """Return the seconds until the certificate of an https address ends.

    None: the address is not https, cannot be reached directly, or has a certificate that is not trusted.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            certificate = secured.getpeercert() or {}
    except (OSError, ValueError):
        return None
    ends = certificate.get("notAfter")
    return ssl.cert_time_to_seconds(ends) - time.time() if isinstance(ends, str) else None
