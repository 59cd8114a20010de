"""An OpenID Connect provider on loopback, over real HTTP. It logs everybody in at once, as its fields say."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "console", "planted-client-secret"


@dataclass
class OpenIdProvider:
    """What the provider does. Each field may be changed by a test.

    claims: of the next ID token, in place of the right ones; None leaves a claim out. error: what the browser brings
    back in place of a code. metadata: in place of the right one. token_answer: status and body in place of the tokens.
    key: signs ID tokens. published: the keys at jwks_uri. broken: the path that answers 500.
    """

    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    token_answer: tuple[int, Any] | None = None
    algorithm: str = "RS256"
    key: Key = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    published: list[Key] = field(default_factory=list)
    broken: str = ""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self, key: Key, algorithm: str) -> None:
        self.key, self.published, self.algorithm = key, [key], algorithm

    def app(self) -> Flask:
        app = Flask(__name__)
        self.published = self.published or [self.key]

        @app.before_request
        def note() -> Response | None:
            self.asked.append(request.path)
            return Response("down", 500) if request.path == self.broken else None

        @app.get("/.well-known/openid-configuration")
        def configuration() -> Response:
            return jsonify(
                {
                    "issuer": self.address,
                    "authorization_endpoint": f"{self.address}/authorize?realm=cx",
                    "token_endpoint": f"{self.address}/token",
                    "jwks_uri": f"{self.address}/keys",
                    "end_session_endpoint": f"{self.address}/logout",
                    **self.metadata,
                }
            )

        @app.get("/keys")
        def keys() -> Response:
            unknown = {"kty": "future", "kid": "x"}, {"kty": "RSA", "use": "enc", "kid": "e", "n": "AQAB", "e": "AQAB"}
            return jsonify({"keys": [*unknown, *(key.as_dict(private=False) for key in self.published)]})

        @app.get("/authorize")
        def authorize() -> Response:
            query = request.args.to_dict()
            answer = {"error": self.error} if self.error else {"code": secrets.token_urlsafe(8)}
            self.codes[answer.get("code", "")] = query
            back = {"state": query["state"], "iss": self.address, **answer}
            return redirect(f"{query['redirect_uri']}?{urlencode(back)}")  # type: ignore[return-value]

        @app.post("/token")
        def token() -> Response:
            if self.token_answer is not None:
                status, body = self.token_answer
                return Response(body, status) if isinstance(body, str) else _json(status, body)
            given = request.authorization
            if given is None or (given.username, given.password) != (CLIENT_ID, CLIENT_SECRET):
                return _json(401, {"error": "invalid_client"})
            query = self.codes.pop(request.form["code"], None)
            if query is None or not _fits(query, request.form.to_dict()):
                return _json(400, {"error": "invalid_grant"})
            return _json(200, {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token(query["nonce"])})

        @app.get("/logout")
        def logout() -> str:
            return "logged out"

        return app

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        right = {
            "iss": self.address, "sub": "5f1c", "aud": CLIENT_ID, "exp": now + 60, "iat": now, "nonce": nonce,
            "preferred_username": "ada.l", "groups": ["/cx-operators", "/staff"],
        }  # fmt: skip
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.algorithm == "none":
            parts = ('{"alg":"none"}', str(claims).replace("'", '"'))
            return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key, [self.algorithm])


def _json(status: int, body: Any) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    return answer


def _fits(query: dict[str, str], form: dict[str, str]) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    return (query["redirect_uri"], query["code_challenge"], query["code_challenge_method"]) == (
        form["redirect_uri"],
        digest,
        "S256",
    )


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[OpenIdProvider]:
    """Run a provider."""
    provider = OpenIdProvider()
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    provider.address = f"http://{host}:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join(10)
    server.server_close()


SYMMETRIC = OctKey.import_key(CLIENT_SECRET, {"kid": "one"})


def other_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
