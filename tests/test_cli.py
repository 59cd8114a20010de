"""The command line's form: what every command of the guide and of an operator's day has in common. Runs none."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from twitter_connector.cli import main

# They run a process, print a key, or are told of in docs/security.md alone.
WITHOUT_JSON = {"up", "web", "worker", "beat", "broker", "credentials new-key", "credentials check"} | {
    "credentials drop-retired"
}


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


ALL = dict(_commands(main))


@pytest.mark.parametrize("name", sorted(set(ALL) - WITHOUT_JSON))
def test_a_machine_can_read_what_a_command_did(name: str) -> None:
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


def test_the_name_of_0_1_0_still_checks_an_account_and_is_not_listed() -> None:
    assert main.commands["heal"].callback is main.commands["check"].callback
    assert main.commands["heal"].params == main.commands["check"].params
    listed = main.get_help(click.Context(main))
    assert "  check " in listed
    assert "heal" not in listed


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_command_says_what_it_is_for(name: str) -> None:
    assert ALL[name].help
