"""X's signature, of events and of challenge answers.

https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def signature(consumer_secret: str, message: bytes) -> str:
    """Return `sha256=` and the Base64 HMAC-SHA256 of a message under the consumer secret."""
    digest = hmac.digest(consumer_secret.encode(), message, hashlib.sha256)
    return f"sha256={base64.b64encode(digest).decode('ascii')}"
