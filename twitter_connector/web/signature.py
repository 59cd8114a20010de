"""Twitter's signatures: pure HMAC over the raw bytes.

https://docs.x.com/x-api/webhooks/introduction (challenge-response checks, signature header)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

_PREFIX = "sha256="


def signature(secret: str, message: bytes) -> str:
    """Return `sha256=` and the Base64 of the HMAC-SHA256 of a message under the consumer secret."""
    return _PREFIX + base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha256)).decode("ascii")


def is_genuine(header: str | None, secrets: Iterable[str], body: bytes) -> bool:
    """Say whether the header is the body's signature under any of the secrets. Fails closed; constant time."""
    if not header:
        return False
    given = header.encode("utf-8", "surrogatepass")
    genuine = False
    for secret in secrets:
        # An empty secret would accept what anybody can sign.
        if secret and hmac.compare_digest(given, signature(secret, body).encode("ascii")):
            genuine = True
    return genuine
