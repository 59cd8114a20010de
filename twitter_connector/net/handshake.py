"""Why no encrypted connection came about, in words that say what to do."""

from __future__ import annotations

import re

# OpenSSL's names for errors that end a handshake.
_FAILURES = (
    "HANDSHAKE_FAILURE",
    "NO_PROTOCOLS_AVAILABLE",
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
)
_NO_TLS = ("RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER")
_REFUSED = re.compile(r"CERTIFICATE_VERIFY_FAILED\] certificate verify failed: (.*?)\.? \(_ssl")


def failed_handshake(error: Exception) -> str:
    """Return a clause that says why the handshake failed, or "" if the error came after it.

    error: what `requests` raises. OpenSSL's words are only in its text.
    """
    text = str(error)
    if refused := _REFUSED.search(text):
        unknown = "issuer" in refused[1] or "self-signed" in refused[1] or "self signed" in refused[1]
        advice = (
            "name the file of its authority in REQUESTS_CA_BUNDLE"
            if unknown
            else "correct the certificate or the address"
        )
        return f"its certificate is not accepted ({refused[1]}): {advice}"
    if any(name in text for name in _NO_TLS):
        return "this port does not speak TLS: correct https:// or the port"
    if any(name in text for name in ("NO_CERTIFICATE_OR_CRL_FOUND", "[X509]", "[PEM]", "PEM lib")):
        return "the file that REQUESTS_CA_BUNDLE names has no certificate that can be read"
    return "no encrypted connection came about" if any(name in text for name in _FAILURES) else ""
