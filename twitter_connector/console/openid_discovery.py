"""What an OpenID Connect provider says about itself: its addresses and its keys.

https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twitter_connector.errors import Permanent, ServiceUnavailable
from twitter_connector.net.answers import Answer, NoAnswer, NotSent
from twitter_connector.net.http_client import HttpClient

SECONDS = 5.0
# How long the description is used before it is read again.
METADATA_SECONDS = 600.0


class Discovery:
    """Reads the description of a provider. Every failure is a ConnectorError that says what to do."""

    def __init__(self, issuer: str, http_client: HttpClient) -> None:
        self._configured = issuer
        self._http_client = http_client
        self._metadata: Mapping[str, Any] = {}
        self._read_at = -METADATA_SECONDS

    @property
    def name(self) -> str:
        """The provider's host, as a page names it."""
        return urlsplit(self._configured).netloc

    @property
    def issuer(self) -> str:
        """The name that the provider gives itself."""
        return str(self._discovered()["issuer"])

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint."""
        address = self.optional_endpoint(name)
        if address is None:
            raise self.odd(f"names no {name}")
        return address

    def optional_endpoint(self, name: str) -> str | None:
        """Return the address of an endpoint; None if the provider has none."""
        address = self._discovered().get(name)
        return address if isinstance(address, str) else None

    def keys(self) -> Any:
        """Return the keys of the provider's signatures, as a JWK set."""
        body = self.asked("GET", self.endpoint("jwks_uri")).json()
        keys = body.get("keys") if isinstance(body, Mapping) else None
        if not isinstance(keys, list):
            raise self.odd("has no keys at the address that it names for them")
        # Keys for encryption and kinds that are not known here have no part in a signature.
        usable = [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]
        return {"keys": [key for key in usable if key.get("kty") in ("RSA", "EC", "OKP")]}

    def asked(self, method: str, url: str, **more: Any) -> Answer:
        """Return the provider's answer, whatever its status. Raises ServiceUnavailable without one."""
        try:
            return self._http_client.exchange(method, url, seconds=SECONDS, **more)
        except (NotSent, NoAnswer) as error:
            raise ServiceUnavailable(
                "sign_in_provider_unreachable",
                f"The provider {self.name} did not answer ({error}). Check that it runs, CONSOLE_OIDC_ISSUER and the "
                "way to it, then log in again.",
            ) from error

    def odd(self, seen: str) -> Permanent:
        """Return the failure of a provider that answers, and not as one."""
        return Permanent("sign_in_provider_odd", f"The provider {self.name} {seen}. Check CONSOLE_OIDC_ISSUER.")

    def _discovered(self) -> Mapping[str, Any]:
        if time.monotonic() - self._read_at >= METADATA_SECONDS:
            body = self.asked("GET", f"{self._configured}/.well-known/openid-configuration").json()
            if not isinstance(body, Mapping) or not isinstance(body.get("issuer"), str):
                raise self.odd("has no OpenID Connect configuration at /.well-known/openid-configuration")
            if body["issuer"].rstrip("/") != self._configured:
                raise self.odd(f"calls itself {body['issuer'][:200]}, which is another issuer")
            self._metadata, self._read_at = body, time.monotonic()
        return self._metadata
