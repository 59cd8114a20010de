"""The command line: the guide's steps and an operator's day, on the same use cases as the web."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType

import click

from twitter_connector.commands.group import Group

# Name -> module of `commands`, and the command's name in it.
COMMANDS = {
    "up": ("run", "up"),
    "web": ("run", "web"),
    "worker": ("run", "worker"),
    "beat": ("run", "beat"),
    "broker": ("run", "run_broker"),
    "alive": ("alive", "alive"),
    "account-id": ("accounts", "account_id"),
    "register": ("accounts", "register"),
    "unregister": ("accounts", "unregister"),
    "accounts": ("accounts", "accounts"),
    "status": ("accounts", "status"),
    "webhooks": ("accounts", "webhooks"),
    "posts": ("posts", "posts"),
    "authorize": ("authorize", "authorize"),
    "check": ("check", "check"),
    "heal": ("check", "heal"),
    "dead-letters": ("dead_letters", "dead_letters"),
    "messages": ("messages", "messages"),
    "trace": ("messages", "trace"),
    "customer": ("customer", "customer"),
    "doctor": ("doctor", "doctor"),
    "usage": ("usage", "usage"),
    "console-password": ("console_password", "console_password"),
    "xchat": ("xchat", "xchat"),
    "credentials": ("credentials", "credentials"),
}


class LazyGroup(Group):
    """Imports a command when it is used: most of them need all services, whose import takes half a second.

    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, hidden ones included."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, or None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(_imported(f"twitter_connector.commands.{module}"), name)
        return command


def _imported(name: str) -> ModuleType:
    """Return a module. What is imported with it is never searched for garbage.

    Such searches, also the last one at the end of the command, took a fifth of the processor time of a command.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    module = import_module(name)
    gc.enable()
    gc.freeze()
    return module


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="twitter-connector")
def main() -> None:
    """Twitter (X) Direct Messages for Expertflow CIM."""
