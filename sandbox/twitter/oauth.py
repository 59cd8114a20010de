"""Authenticates callers of v1.1: OAuth 1.0a signatures and app-only bearer tokens, checked as strictly as by X.

oauthlib computes the signature of RFC 5849. The check uses the request as it arrived: method, host, raw path, query
and form.
"""

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import unquote

from flask import Request
from oauthlib.oauth1.rfc5849 import signature, utils

from sandbox.people import App, Directory, User
from sandbox.twitter.errors import error

_WINDOW_SECONDS = 300
_NEEDED = ("oauth_consumer_key", "oauth_token", "oauth_signature", "oauth_timestamp", "oauth_nonce")


@dataclass(frozen=True)
class Caller:
    """The caller. `user` is None for an app-only token; rate limits count per `key`."""

    app: App
    user: User | None
    key: str

    @property
    def account(self) -> User:
        """The user in whose name the app calls. Raises error 32 for an app-only token."""
        if self.user is None:
            raise error(32)
        return self.user


def authenticate(request: Request, directory: Directory) -> Caller:
    """Return the caller. Raises TwitterError 215, 32, 89 or 135."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        app = directory.app_with_bearer(rest.strip())
        if app is None:
            raise error(89)
        return Caller(app, None, f"app {app.id}")
    if scheme.lower() != "oauth":
        raise error(215)
    return _signed(request, directory)


def app_of_basic(request: Request, directory: Directory) -> App:
    """Return the app named by Basic authorisation with its key and secret. Raises error 99."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    try:
        key, _, secret = base64.b64decode(rest, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise error(99) from None
    app = directory.app_with_key(unquote(key))
    if scheme.lower() != "basic" or app is None or not _same(app.consumer_secret, unquote(secret)):
        raise error(99)
    return app


def _signed(request: Request, directory: Directory) -> Caller:
    try:
        pairs = utils.parse_authorization_header(request.headers["Authorization"])
    except ValueError:
        raise error(215) from None
    header = {name: unquote(value) for name, value in pairs}
    if any(not header.get(name) for name in _NEEDED):
        raise error(215)
    app = directory.app_with_key(header["oauth_consumer_key"])
    if app is None or header.get("oauth_signature_method") != "HMAC-SHA1":
        raise error(32)
    token = directory.tokens.get(header["oauth_token"])
    if token is None or token.revoked or token.app_id != app.id:
        raise error(89)
    if not header["oauth_timestamp"].isdigit():
        raise error(32)
    if abs(time.time() - int(header["oauth_timestamp"])) > _WINDOW_SECONDS:
        raise error(135)
    expected = _signature(request, app.consumer_secret, token.secret)
    if not _same(expected, header["oauth_signature"]):
        raise error(32)
    return Caller(app, directory.users[token.user_id], token.token)


def _signature(request: Request, consumer_secret: str, token_secret: str) -> str:
    """Compute the signature the request should carry. Multipart and JSON bodies are not part of it."""
    raw_path, _, query = request.environ["RAW_URI"].partition("?")
    body: str | list[tuple[str, str]] = []
    if request.mimetype == "application/x-www-form-urlencoded":
        body = request.get_data(as_text=True)
    try:
        parameters = signature.collect_parameters(
            uri_query=query, body=body, headers={"Authorization": request.headers["Authorization"]}
        )
    except ValueError:
        raise error(32) from None
    base = signature.signature_base_string(
        request.method,
        signature.base_string_uri(f"{request.scheme}://{request.host}{raw_path}"),
        signature.normalize_parameters(parameters),
    )
    key = f"{utils.escape(consumer_secret)}&{utils.escape(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
