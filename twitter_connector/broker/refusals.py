"""Errors of the broker that no waiting ends: REDIS_URL is wrong, it is a Redis Cluster, or TLS with it fails."""

from __future__ import annotations

import ssl

import redis

CLUSTER = (
    "REDIS_URL names a node of a Redis Cluster. The connector cannot use it: its scripts need all keys on one server. "
    "Name a single Redis or Valkey server."
)
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
        if isinstance(error, redis.InvalidResponse):
            return "broker_protocol", "REDIS_URL leads to a server that is no Redis or Valkey. Correct host and port."
        error = error.__cause__ or error.__context__
    return None


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
