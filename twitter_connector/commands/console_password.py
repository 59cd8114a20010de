"""Prints the hash of a password for CONSOLE_USERS."""

from __future__ import annotations

import sys

import click
from werkzeug.security import generate_password_hash

from .environment import fail, json_option, out, say

SHORT = 12


@click.command("console-password")
@json_option
def console_password(as_json: bool) -> None:
    """Print the hash of a password, which is typed twice, for CONSOLE_USERS."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt="Again", err=True)
    else:
        password, again = (sys.stdin.readline().rstrip("\n") for _ in range(2))
        if password != again:
            fail("the two passwords differ. Give the same one on two lines.")
    if not password:
        fail("the password is empty. Type one.")
    if len(password) < SHORT:
        out(f"warning: a password of at least {SHORT} characters is harder to guess.", err=True)
    # Shells and compose files replace dollar signs, so the hash is printed with dots.
    hashed = generate_password_hash(password, "scrypt").replace("$", ".")
    say(hashed, as_json, hash=hashed)
