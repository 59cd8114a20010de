"""Log-in by an OpenID Connect provider: discovery, the code flow with PKCE, and the check of the ID token.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
"""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from twitter_connector.config import Settings
from twitter_connector.errors import Permanent, Retryable
from twitter_connector.net.http_client import HttpClient

from .openid_discovery import SECONDS, Discovery

# By how much the provider's clock may differ.
LEEWAY_SECONDS = 60
# A signature with one secret for both sides, or none, proves nothing here.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
NAME_MAX_CHARS = 80


@dataclass(frozen=True)
class Attempt:
    """What one log-in has to bring back. It is kept in the browser that began it."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


@dataclass(frozen=True)
class Identity:
    """Who logged in. subject: the provider's id of the person. groups: None if the ID token has no claim `groups`."""

    subject: str
    name: str
    groups: tuple[str, ...] | None

    def is_in(self, group: str | None) -> bool:
        """Return whether the person is in a group. Keycloak writes a slash in front of a group's path."""
        return bool(group) and str(group).removeprefix("/") in {name.removeprefix("/") for name in self.groups or ()}


class OpenIdProvider:
    """The provider that CONSOLE_OIDC_ISSUER names. Every failure is a ConnectorError that says what to do."""

    def __init__(self, settings: Settings, http_client: HttpClient) -> None:
        self._discovery = Discovery(str(settings.console_oidc_issuer), http_client)
        self._client_id = str(settings.console_oidc_client_id)
        self._secret = settings.console_oidc_client_secret
        # A slow provider keeps one thread of this process from other work, not all.
        self._turn = threading.Lock()

    @property
    def name(self) -> str:
        """The provider's host, as a page names it."""
        return self._discovery.name

    def link(self, attempt: Attempt, return_url: str) -> str:
        """Return the address on which a person logs in."""
        with self._one_at_a_time():
            page = self._discovery.endpoint("authorization_endpoint")
        address: str = prepare_grant_uri(
            page,
            self._client_id,
            "code",
            redirect_uri=return_url,
            scope="openid profile",
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return address

    def logout_link(self, return_url: str) -> str | None:
        """Return the address on which a person ends the session at the provider too; None if it has none."""
        with self._one_at_a_time():
            page = self._discovery.optional_endpoint("end_session_endpoint")
        query = {"client_id": self._client_id, "post_logout_redirect_uri": return_url}
        return f"{page}?{urlencode(query)}" if page else None

    def identity(self, attempt: Attempt, code: str, return_url: str) -> Identity:
        """Return who logged in, for the code that the provider gave the browser."""
        with self._one_at_a_time():
            tokens = self._redeemed(code, attempt.verifier, return_url)
            token, issuer = self._signed(str(tokens.get("id_token", ""))), self._discovery.issuer
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": self._client_id}},
            {"nonce": attempt.nonce, "client_id": self._client_id, "access_token": tokens.get("access_token")},
        )
        try:
            claims.validate(int(time.time()), LEEWAY_SECONDS)
        except JoseError as error:
            raise self._refused(_why(error)) from error
        return _identity(claims)

    def check_issuer(self, named: str | None) -> None:
        """Raise Permanent if an answer names another provider as its author.

        https://www.rfc-editor.org/rfc/rfc9207
        """
        with self._one_at_a_time():
            if named not in (None, self._discovery.issuer):
                raise self._refused("the answer names another issuer")

    def _signed(self, id_token: str) -> jwt.Token:
        keys = self._discovery.keys()
        try:
            return jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise self._refused("its signature is missing or wrong") from error

    def _redeemed(self, code: str, verifier: str, return_url: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_url,
            "code_verifier": verifier,
            "client_id": self._client_id,
        }
        headers = {}
        if self._secret:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        answer = self._discovery.asked("POST", self._discovery.endpoint("token_endpoint"), data=form, headers=headers)
        body = answer.json()
        fields = body if isinstance(body, Mapping) else {}
        if answer.status == 401 or fields.get("error") in ("invalid_client", "unauthorized_client"):
            raise Permanent(
                "sign_in_client_refused",
                f"{self.name} does not accept this connector as a client. Check CONSOLE_OIDC_CLIENT_ID and "
                "CONSOLE_OIDC_CLIENT_SECRET, and that the client may use the standard flow.",
            )
        if fields.get("error") == "invalid_grant":
            raise Permanent("sign_in_ended", f"{self.name} does not accept this log-in any more. Log in again.")
        if answer.status != 200 or not fields:
            raise self._discovery.odd(f"answered HTTP {answer.status} to a request for tokens")
        return fields

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=SECONDS):
            detail = f"Another log-in is waiting for {self.name}. Log in again in a moment."
            raise Retryable("sign_in_provider_slow", detail)
        try:
            yield
        finally:
            self._turn.release()

    def _refused(self, why: str) -> Permanent:
        detail = f"The ID token of {self.name} was not accepted: {why}. Log in again; if that does not help, "
        return Permanent("id_token_refused", f"{detail}compare the settings of the client there with CONSOLE_OIDC_*.")


def _why(error: JoseError) -> str:
    if isinstance(error, ExpiredTokenError):
        return "it has ended (compare the clocks of both machines)"
    if isinstance(error, InvalidClaimError | MissingClaimError):
        return f"its {error.claim} is missing or another one"
    return "a claim in it cannot be used"


def _identity(claims: Mapping[str, Any]) -> Identity:
    groups = claims.get("groups")
    names = (claims.get(claim) for claim in ("preferred_username", "name", "email", "sub"))
    name = next(value for value in names if isinstance(value, str) and value)
    return Identity(
        str(claims["sub"])[:255],
        name[:NAME_MAX_CHARS],
        tuple(group for group in groups if isinstance(group, str)) if isinstance(groups, list) else None,
    )
