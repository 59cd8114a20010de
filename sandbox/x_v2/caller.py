"""Finds out who calls API v2: an OAuth 1.0a signature, an OAuth 2.0 user token, or an app-only bearer token."""

from dataclasses import dataclass

from flask import Request

from sandbox.people import App, Directory, User
from sandbox.twitter import oauth
from sandbox.twitter.errors import TwitterError
from sandbox.x_v2.grants import Grants
from sandbox.x_v2.problems import plain

OAUTH1 = "OAuth 1.0a User Context"
OAUTH2 = "OAuth 2.0 User Context"
APP = "OAuth 2.0 Application-Only"
# What /2/oauth2/token gives for client credentials; no endpoint here takes it.
CLIENT = "OAuth 2.0 Client Credentials"


@dataclass(frozen=True)
class Caller:
    """Who calls. `user` is None without a user; `scopes` are those of an OAuth 2.0 user token."""

    app: App
    user: User | None
    kind: str
    scopes: frozenset[str] = frozenset()

    @property
    def account(self) -> User:
        """The user in whose name the app calls. Raises Problem 401 without one."""
        if self.user is None:
            raise plain(401)
        return self.user


def client_token(app: App) -> str:
    """Return the token that /2/oauth2/token gives an app for its client credentials."""
    return f"SANDBOX-client-token-{app.client_id}"


def identify(request: Request, directory: Directory, grants: Grants) -> Caller:
    """Return the caller. Raises Problem 401."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _bearer(rest.strip(), directory, grants)
    try:
        signed = oauth.authenticate(request, directory)
    except TwitterError:
        raise plain(401) from None
    return Caller(signed.app, signed.user, OAUTH1)


def _bearer(token: str, directory: Directory, grants: Grants) -> Caller:
    if app := directory.app_with_bearer(token):
        return Caller(app, None, APP)
    if grant := grants.with_access_token(token):
        return Caller(directory.apps[grant.app_id], directory.users[grant.user_id], OAUTH2, frozenset(grant.scopes))
    for app in list(directory.apps.values()):
        if app.client_id and token == client_token(app):
            return Caller(app, None, CLIENT)
    raise plain(401)
