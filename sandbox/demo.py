"""The demo people: one business account for each API, and a few customers.

The keys are fixed, and their text says that they are no secrets.
"""

from typing import Any

from sandbox.people import App, Directory, Token, User

ACCOUNT_ID = "732739706"
V2_ACCOUNT_ID = "1750214466953510912"
CUSTOMER_ID = "210375291"
# The version of the first X Chat keys of the account of API v2.
V2_CHAT_KEY_VERSION = "1768236281331"

_JOINED = "1326931200000"

ACCOUNT = User(
    id=ACCOUNT_ID,
    name="Acme",
    screen_name="acme",
    created_timestamp=_JOINED,
    business=True,
    location="Zurich",
    description="We make everything. Ask us anything.",
)
V2_ACCOUNT = User(
    id=V2_ACCOUNT_ID,
    name="Northwind",
    screen_name="northwind",
    created_timestamp="1706118000000",
    business=True,
    location="Oslo",
    description="Outdoor gear for every weather.",
)
CUSTOMERS = (
    User(CUSTOMER_ID, "Ada Lovelace", "ada", "1288000000000", location="London"),
    User("318692762", "Grace Hopper", "grace", "1308000000000", description="Nanoseconds by the foot."),
    User("2244994946", "Zoë 🌻 Åström", "zoe", "1386995755000"),
    User("1205290247124217856", "山田 太郎", "taro", "1576198570797", location="東京"),
)


def _app(app_id: str, brand: str, mark: str, **more: Any) -> App:
    """Return the demo app of a brand. mark: tells its credentials from those of the other app."""
    return App(
        id=app_id,
        name=f"{brand} Care",
        url=f"https://www.example.com/{brand.lower()}-care",
        consumer_key=f"SANDBOX-demo{mark}-api-key",
        consumer_secret=f"SANDBOX-demo{mark}-api-key-secret-not-a-secret",
        bearer_token=f"SANDBOX-demo{mark}-bearer-token-not-a-secret",
        client_id=f"SANDBOX-demo{mark}-client-id",
        client_secret=f"SANDBOX-demo{mark}-client-secret-not-a-secret",
        **more,
    )


APP = _app("27182818", "Acme", "", environments=["sandbox"])
V2_APP = _app("31415926", "Northwind", "-v2", api="v2")
TOKEN = Token(
    token=f"{ACCOUNT_ID}-SANDBOXdemoAccessToken",
    secret="SANDBOX-demo-access-token-secret-not-a-secret",
    user_id=ACCOUNT_ID,
    app_id=APP.id,
    environment="sandbox",
)
V2_TOKEN = Token(
    token=f"{V2_ACCOUNT_ID}-SANDBOXdemoAccessToken",
    secret="SANDBOX-demo-v2-access-token-secret-not-a-secret",
    user_id=V2_ACCOUNT_ID,
    app_id=V2_APP.id,
    environment="",
)


def add_people(directory: Directory) -> None:
    """Add the demo people that the directory does not have yet."""
    if ACCOUNT_ID not in directory.users:
        directory.add_users([User(**vars(user)) for user in (ACCOUNT, *CUSTOMERS)])
        directory.add_app(App(**{**vars(APP), "environments": list(APP.environments)}))
        directory.add_token(Token(**vars(TOKEN)))
    if V2_ACCOUNT_ID not in directory.users:
        directory.add_users([User(**vars(V2_ACCOUNT))])
        directory.add_app(App(**{**vars(V2_APP), "environments": []}))
        directory.add_token(Token(**vars(V2_TOKEN)))


def register_body(directory: Directory, account_id: str, connector_url: str, api: str = "") -> dict[str, str]:
    """Return what an operator posts to the connector to register the account.

    api: "v1.1" or "v2"; "" means the API of the account's own app. Raises LookupError for an unknown account.
    """
    token = directory.token_of(account_id)
    if token is None:
        raise LookupError(f"no account {account_id}")
    app = directory.apps[token.app_id]
    body = {
        "API-KEY": app.consumer_key,
        "API-KEY-SECRET": app.consumer_secret,
        "ACCESS-TOKEN": token.token,
        "ACCESS-TOKEN-SECRET": token.secret,
        "WEBHOOK-URL": f"{connector_url}/webhook/twitter/{account_id}",
    }
    if (api or app.api) == "v1.1":
        body["ENVIRONMENT-NAME"] = token.environment
    return body
