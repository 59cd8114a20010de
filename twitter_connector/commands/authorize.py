"""`authorize`: gives an account an OAuth 2.0 grant, by a link that its owner opens and the address X sends them to."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import click

from twitter_connector.model.account import Credentials
from twitter_connector.model.post import OFF

from .environment import fail, json_option, out, say
from .session import account, plainly, services

REDIRECT_URI = "http://127.0.0.1/callback"


@click.command("authorize")
@click.argument("account_id", required=False)
@click.option("--client-id", default="", help="Id of the app's OAuth 2.0 client; needed if the account has none yet.")
@click.option("--client-secret", default="", help="Secret of a confidential client.")
@click.option("--redirect-uri", default=REDIRECT_URI, show_default=True, help="The one entered in X's portal.")
@click.option("--posts", is_flag=True, help="Ask for public posts too, as always if the account takes them in.")
@json_option
@plainly
def authorize(
    account_id: str | None, client_id: str, client_secret: str, redirect_uri: str, posts: bool, as_json: bool
) -> None:
    """Give an account an OAuth 2.0 token: print a link to open, and read the address that X redirects to."""
    svc = services()
    known = account(svc, account_id)
    credentials = _client(known.credentials, client_id, client_secret)
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    out("Log in to X as the account, open this link and authorize the app:", err=True)
    posts = posts or known.posts != OFF
    out(svc.oauth2.link(credentials.client_id, redirect_uri, state, verifier, posts=posts), err=as_json)
    out("Then paste the address of the page X sends you to, within 30 seconds:", err=True)
    code = _code(sys.stdin.readline().strip(), state)
    svc.oauth2_sign_in.finish(known, credentials, code, redirect_uri, verifier)
    say(f"account {known.id} has an OAuth 2.0 token.", as_json, account_id=known.id, authorized=True)


def _client(credentials: Credentials, client_id: str, client_secret: str) -> Credentials:
    if client_id:
        return replace(credentials, client_id=client_id, client_secret=client_secret)
    if not credentials.client_id:
        fail("the account has no CLIENT-ID. Copy it from the app's OAuth 2.0 settings and add --client-id.", 2)
    return credentials


def _code(address: str, state: str) -> str:
    query = parse_qs(urlsplit(address).query)
    if query.get("error"):
        fail(f"the owner did not authorize the app ({query['error'][0]:.40}). Run the command again.")
    if not query.get("code"):
        fail("the address has no code. Paste the whole address of the page X sent you to.")
    if query.get("state") != [state]:
        fail("the address belongs to another link. Run the command again and use the link it prints.")
    return query["code"][0]
