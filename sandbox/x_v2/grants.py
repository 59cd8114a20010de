"""OAuth 2.0 grants of users to apps: codes, access tokens, and refresh tokens that rotate. Knows no route."""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field

from sandbox.journal import Journal
from sandbox.settings import Settings

# What an account grants unless it is asked for more, and what posts need besides.
SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read", "media.write", "offline.access")
POST_SCOPES = ("tweet.write", "tweet.moderate.write", "like.write")
_WRONG_CODE = "Value passed for the authorization code was invalid."
_WRONG_TOKEN = "Value passed for the token was invalid."


class GrantRefused(Exception):
    """Raised for a code or token that is not accepted; `error` and `description` are the fields of the answer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass
class Grant:
    """What one user allows one app. Moments are epoch seconds."""

    id: str
    app_id: str
    user_id: str
    scopes: list[str]
    access_token: str = ""
    access_until: float = 0.0
    refresh_token: str = ""
    refresh_until: float = 0.0
    used_refresh_tokens: list[str] = field(default_factory=list)
    revoked: bool = False


@dataclass(frozen=True)
class _Code:
    app_id: str
    user_id: str
    scopes: list[str]
    redirect_uri: str
    challenge: str
    method: str
    until: float


class Grants:
    """Issues, rotates and revokes tokens."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._settings = settings
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._grants: dict[str, Grant] = {}

    def restore(self) -> None:
        """Read the grants of an earlier run."""
        for record in self._journal.load("grant"):
            self._grants[record["id"]] = Grant(**record)

    def clear(self) -> None:
        """Forget all grants and codes."""
        with self._lock:
            self._codes.clear()
            self._grants.clear()

    def code(self, app_id: str, user_id: str, scopes: list[str], redirect_uri: str, challenge: str, method: str) -> str:
        """Return an authorization code. It lives for `oauth2_code_seconds` and works once."""
        made = f"SANDBOX-code-{secrets.token_urlsafe(24)}"
        until = time.time() + self._settings.oauth2_code_seconds
        self._codes[made] = _Code(app_id, user_id, scopes, redirect_uri, challenge, method, until)
        return made

    def redeem(self, app_id: str, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Return a new grant for a code. Raises GrantRefused."""
        issued = self._codes.pop(code, None)
        if issued is None or issued.app_id != app_id or issued.until < time.time():
            raise GrantRefused("invalid_request", _WRONG_CODE)
        if issued.redirect_uri != redirect_uri:
            raise GrantRefused(
                "invalid_request", "Value passed for the redirect uri did not match the uri of the code."
            )
        if issued.challenge != _challenge(verifier, issued.method):
            raise GrantRefused(
                "invalid_request", "Value passed for the code verifier did not match the code challenge."
            )
        return self.give(app_id, issued.user_id, issued.scopes)

    def give(self, app_id: str, user_id: str, scopes: list[str]) -> Grant:
        """Return a new grant with its first tokens."""
        grant = Grant(secrets.token_hex(8), app_id, user_id, scopes)
        with self._lock:
            self._grants[grant.id] = grant
            self._rotate(grant)
        return grant

    def refresh(self, app_id: str, refresh_token: str) -> Grant:
        """Return the grant with new tokens. A used token revokes the grant. Raises GrantRefused."""
        with self._lock:
            for grant in self._grants.values():
                if grant.app_id != app_id or grant.revoked:
                    continue
                if refresh_token and refresh_token == grant.refresh_token and grant.refresh_until > time.time():
                    grant.used_refresh_tokens = [*grant.used_refresh_tokens, refresh_token]
                    self._rotate(grant)
                    return grant
                if refresh_token in grant.used_refresh_tokens:
                    return self._reused(grant)
        raise GrantRefused("invalid_request", _WRONG_TOKEN)

    def with_access_token(self, token: str) -> Grant | None:
        """Return the grant whose access token this is, if it is still valid."""
        now = time.time()
        for grant in list(self._grants.values()):
            if grant.access_token == token and not grant.revoked and grant.access_until > now:
                return grant
        return None

    def revoke_token(self, app_id: str, token: str) -> None:
        """Revoke the grant of an access or refresh token, if there is one."""
        for grant in list(self._grants.values()):
            if grant.app_id == app_id and token in {grant.access_token, grant.refresh_token}:
                self._revoke(grant)

    def revoke_user(self, user_id: str, app_id: str) -> None:
        """Revoke every grant of a user to an app."""
        for grant in list(self._grants.values()):
            if (grant.user_id, grant.app_id) == (user_id, app_id):
                self._revoke(grant)

    def expire_access(self, user_id: str) -> None:
        """Let the access tokens of a user end now, as if their time were over."""
        for grant in list(self._grants.values()):
            if grant.user_id == user_id:
                grant.access_until = 0.0
                self._journal.save("grant", grant.id, grant)

    def of_user(self, user_id: str) -> list[Grant]:
        """Return the grants of a user, revoked ones too."""
        return [grant for grant in list(self._grants.values()) if grant.user_id == user_id]

    def _reused(self, grant: Grant) -> Grant:
        if self._settings.oauth2_reuse == "repeat":
            return grant
        if self._settings.oauth2_reuse == "revoke":
            self._revoke(grant)
        raise GrantRefused("invalid_grant", _WRONG_TOKEN)

    def _revoke(self, grant: Grant) -> None:
        grant.revoked = True
        self._journal.save("grant", grant.id, grant)

    def _rotate(self, grant: Grant) -> None:
        now = time.time()
        grant.access_token = f"SANDBOX-access-{secrets.token_urlsafe(32)}"
        grant.access_until = now + self._settings.oauth2_access_seconds
        if "offline.access" in grant.scopes:
            grant.refresh_token = f"SANDBOX-refresh-{secrets.token_urlsafe(32)}"
            grant.refresh_until = now + self._settings.oauth2_refresh_seconds
        self._journal.save("grant", grant.id, grant)


def _challenge(verifier: str, method: str) -> str:
    if method != "S256":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
