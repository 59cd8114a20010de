"""Errors of the broker that no waiting ends: REDIS_URL is wrong, it is a Redis Cluster, or TLS with it fails.

And what is probably wrong where only waiting could show it.
"""

from __future__ import annotations

import ssl

import redis

from .primary_only import Unanswered

CLUSTER = (
    "REDIS_URL names a node of a Redis Cluster. The connector cannot use it: its scripts need all keys on one server. "
    "Name a single Redis or Valkey server."
)
# A TLS server answers to a command with an alert, which begins with this byte.
_TLS_ALERT = r"\x15"
_CLUSTER_ERRORS = (
    redis.exceptions.MovedError,
    redis.exceptions.AskError,
    redis.exceptions.ClusterCrossSlotError,
    redis.exceptions.ClusterDownError,
)


def refusal(error: BaseException | None) -> tuple[str, str] | None:
    """Return reason and sentence of an error that only a person can end, or None."""
    while error is not None:
        if isinstance(error, _CLUSTER_ERRORS):
            return "broker_cluster", CLUSTER
        if isinstance(error, ssl.SSLError):
            return "broker_tls", _tls(error)
        if isinstance(error, redis.AuthenticationError):
            return "broker_password", "The broker refuses the user or password in REDIS_URL. Correct them."
        if isinstance(error, redis.ResponseError) and "DB index" in str(error):
            return "broker_database", "The broker has no database of the number at the end of REDIS_URL. Correct it."
        if isinstance(error, redis.InvalidResponse) and _TLS_ALERT in str(error):
            return "broker_tls", "The broker speaks TLS at that port. REDIS_URL must begin with rediss:// then."
        if isinstance(error, redis.InvalidResponse):
            return "broker_protocol", "REDIS_URL leads to a server that is no Redis or Valkey. Correct host and port."
        error = error.__cause__ or error.__context__
    return None


def suspicion(error: BaseException | None) -> str:
    """Return a sentence about what is probably wrong with REDIS_URL, and what to do; "" if nothing seems to be.

    A server that waits for a command answers no TLS, and one that waits for TLS closes at a command.
    """
    while error is not None:
        if isinstance(error, TimeoutError) and "handshake" in str(error):
            return (
                "REDIS_URL asks for TLS, and the broker did not answer to it: it probably does not speak TLS at that "
                "port. Use redis:// without TLS, or name its port for TLS."
            )
        if isinstance(error, Unanswered):
            return (
                "The broker closed the connection without an answer: it probably speaks TLS at that port. Then "
                "REDIS_URL must begin with rediss://. Otherwise check that it is running and takes connections."
            )
        error = error.__cause__ or error.__context__
    return ""


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The broker's certificate is not trusted ({error.verify_message.rstrip('.')}). Name the file of its "
            "authority in REDIS_URL (?ssl_ca_certs=/path/ca.pem), and use a host name that the certificate contains."
        )
    if error.reason == "WRONG_VERSION_NUMBER":
        return (
            "REDIS_URL begins with rediss://, and the broker does not speak TLS at that port. Use redis://, or name "
            "its port for TLS."
        )
    return f"TLS with the broker failed ({error.reason or 'unknown'}). Check its certificate, and the one in REDIS_URL."
