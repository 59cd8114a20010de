"""The people everybody finds at the start: one business account and a few customers.

The keys are fixed and say what they are, so that nobody takes them for secrets.
"""

from sandbox.people import App, Directory, Token, User

ACCOUNT_ID = "732739706"
CUSTOMER_ID = "210375291"

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
CUSTOMERS = (
    User(CUSTOMER_ID, "Ada Lovelace", "ada", "1288000000000", location="London"),
    User("318692762", "Grace Hopper", "grace", "1308000000000", description="Nanoseconds by the foot."),
    User("2244994946", "Zoë 🌻 Åström", "zoe", "1386995755000"),
    User("1205290247124217856", "山田 太郎", "taro", "1576198570797", location="東京"),
)
APP = App(
    id="27182818",
    name="Acme Care",
    url="https://www.example.com/acme-care",
    consumer_key="SANDBOX-demo-api-key",
    consumer_secret="SANDBOX-demo-api-key-secret-not-a-secret",
    bearer_token="SANDBOX-demo-bearer-token-not-a-secret",
    environments=["sandbox"],
)
TOKEN = Token(
    token=f"{ACCOUNT_ID}-SANDBOXdemoAccessToken",
    secret="SANDBOX-demo-access-token-secret-not-a-secret",
    user_id=ACCOUNT_ID,
    app_id=APP.id,
    environment="sandbox",
)


def settle(directory: Directory) -> None:
    """Put the demo people into the directory unless they live there already."""
    if ACCOUNT_ID in directory.users:
        return
    directory.add_users([User(**vars(user)) for user in (ACCOUNT, *CUSTOMERS)])
    directory.add_app(App(**{**vars(APP), "environments": list(APP.environments)}))
    directory.add_token(Token(**vars(TOKEN)))


def register_body(directory: Directory, account_id: str, connector_url: str) -> dict[str, str]:
    """Return what an operator posts to the connector to register the account. Raises LookupError."""
    token = directory.token_of(account_id)
    if token is None:
        raise LookupError(f"no account {account_id}")
    app = directory.apps[token.app_id]
    return {
        "API-KEY": app.consumer_key,
        "API-KEY-SECRET": app.consumer_secret,
        "ACCESS-TOKEN": token.token,
        "ACCESS-TOKEN-SECRET": token.secret,
        "WEBHOOK-URL": f"{connector_url}/webhook/twitter/{account_id}",
        "ENVIRONMENT-NAME": token.environment,
    }
