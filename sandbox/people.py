"""Users of X, apps of developers, and the access tokens that users gave to apps."""

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.journal import Journal


@dataclass
class User:
    """A business account or a customer."""

    id: str
    name: str
    screen_name: str
    created_timestamp: str
    business: bool = False
    location: str | None = None
    description: str | None = None
    # The error code that a sender to this user gets: 349, 150, 389 ...
    refuses: int | None = None
    # Whether its posts may have 25,000 characters.
    long_posts: bool = False


@dataclass
class App:
    """A developer's app. Its consumer secret signs what X sends to its webhooks.

    `api` is "v1.1" for an app with access to both APIs and "v2" for one that X refuses API v1.1. Apps with the same
    `developer` share one limit on webhooks; "" stands for the app's own id.
    """

    id: str
    name: str
    url: str
    consumer_key: str
    consumer_secret: str
    bearer_token: str
    environments: list[str] = field(default_factory=list)
    api: str = "v1.1"
    developer: str = ""
    client_id: str = ""
    client_secret: str = ""

    @property
    def developer_id(self) -> str:
        """The developer account that owns the app."""
        return self.developer or self.id


@dataclass
class Token:
    """An access token of a user for an app."""

    token: str
    secret: str
    user_id: str
    app_id: str
    environment: str
    revoked: bool = False


class Directory:
    """Stores users, apps and tokens, and finds them by id, name, key or token."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self.users: dict[str, User] = {}
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, Token] = {}
        self._by_screen_name: dict[str, User] = {}
        self._by_consumer_key: dict[str, App] = {}
        self._by_bearer: dict[str, App] = {}
        self._by_client_id: dict[str, App] = {}
        self._token_of: dict[str, Token] = {}

    def restore(self) -> None:
        """Read the people of an earlier run."""
        for record in self._journal.load("user"):
            self._index_user(User(**record))
        for record in self._journal.load("app"):
            self._index_app(App(**record))
        for record in self._journal.load("token"):
            self._index_token(Token(**record))

    def clear(self) -> None:
        """Forget all people."""
        with self._lock:
            for index in (self.users, self.apps, self.tokens, self._by_screen_name):
                index.clear()
            self._by_consumer_key.clear()
            self._by_bearer.clear()
            self._by_client_id.clear()
            self._token_of.clear()

    def add_users(self, users: Iterable[User]) -> None:
        """Add users, or replace those of the same id."""
        with self._lock:
            for user in users:
                self._index_user(user)
                self._journal.save("user", user.id, user)

    def add_app(self, app: App) -> None:
        """Add an app, or save a change of one."""
        with self._lock:
            self._index_app(app)
            self._journal.save("app", app.id, app)

    def add_token(self, token: Token) -> None:
        """Add a token; it becomes the one its user's registration uses."""
        with self._lock:
            self._index_token(token)
            self._journal.save("token", token.token, token)

    def user_named(self, screen_name: str) -> User | None:
        """Find a user by screen name; capitals do not matter."""
        return self._by_screen_name.get(screen_name.casefold())

    def app_with_key(self, consumer_key: str) -> App | None:
        """Find an app by its consumer key."""
        return self._by_consumer_key.get(consumer_key)

    def app_with_bearer(self, bearer_token: str) -> App | None:
        """Find an app by its app-only token."""
        return self._by_bearer.get(bearer_token)

    def app_with_client_id(self, client_id: str) -> App | None:
        """Find an app by its OAuth 2.0 client id."""
        return self._by_client_id.get(client_id)

    def token_of(self, user_id: str) -> Token | None:
        """Return the newest token of a user."""
        return self._token_of.get(user_id)

    def accounts(self) -> list[User]:
        """Return the business accounts, oldest first."""
        return [user for user in list(self.users.values()) if user.business]

    def customers(self) -> list[User]:
        """Return the customers, oldest first."""
        return [user for user in list(self.users.values()) if not user.business]

    def _index_user(self, user: User) -> None:
        self.users[user.id] = user
        self._by_screen_name[user.screen_name.casefold()] = user

    def _index_app(self, app: App) -> None:
        self.apps[app.id] = app
        self._by_consumer_key[app.consumer_key] = app
        self._by_bearer[app.bearer_token] = app
        if app.client_id:
            self._by_client_id[app.client_id] = app

    def _index_token(self, token: Token) -> None:
        self.tokens[token.token] = token
        # Tokens are restored in no order. At most one token of a user is valid.
        if not token.revoked or token.user_id not in self._token_of:
            self._token_of[token.user_id] = token


def new_app(app_id: str, name: str, environment: str, api: str = "v1.1", developer: str = "") -> App:
    """Return a new app whose keys are recognizable as sandbox keys. An app of API v2 has no environment."""
    return App(
        id=app_id,
        name=name,
        url="https://www.example.com",
        consumer_key=f"SANDBOX-key-{secrets.token_hex(8)}",
        consumer_secret=f"SANDBOX-key-secret-{secrets.token_hex(16)}",
        bearer_token=f"SANDBOX-bearer-{secrets.token_hex(16)}",
        environments=[environment] if environment else [],
        api=api,
        developer=developer,
        client_id=f"SANDBOX-client-{secrets.token_hex(8)}",
        client_secret=f"SANDBOX-client-secret-{secrets.token_hex(16)}",
    )


def new_token(user_id: str, app_id: str, environment: str) -> Token:
    """Return a new access token of a user for an app. Like X's, it begins with the user's id."""
    return Token(
        token=f"{user_id}-SANDBOX{secrets.token_hex(12)}",
        secret=f"SANDBOX-token-secret-{secrets.token_hex(16)}",
        user_id=user_id,
        app_id=app_id,
        environment=environment,
    )
