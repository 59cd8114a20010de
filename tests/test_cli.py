"""The command line's form: what every command of the guide and of an operator's day has in common. Runs none."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.tree import ROOT, environment
from twitter_connector.cli import main
from twitter_connector.commands import run

# They run a process, print a key, or are told of in docs/security.md alone.
WITHOUT_JSON = {"up", "web", "worker", "beat", "broker", "credentials new-key", "credentials check"} | {
    "credentials drop-retired"
}


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


ALL = dict(_commands(main))


@pytest.mark.parametrize("name", sorted(set(ALL) - WITHOUT_JSON))
def test_a_machine_can_read_what_a_command_did(name: str) -> None:
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


def test_the_name_of_0_1_0_still_checks_an_account_and_is_not_listed() -> None:
    context = click.Context(main)
    heal, check = (main.get_command(context, name) for name in ("heal", "check"))
    assert heal is not None
    assert check is not None
    assert heal.callback is check.callback
    assert heal.params == check.params
    listed = main.get_help(click.Context(main))
    assert "  check " in listed
    assert "heal" not in listed


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_command_says_what_it_is_for(name: str) -> None:
    assert ALL[name].help


def _groups(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Group]]:
    yield prefix.strip(), group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _groups(command, f"{prefix}{name} ")


GROUPS = dict(_groups(main))


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("name", sorted(GROUPS))
def test_a_list_of_commands_shows_whole_sentences(name: str, columns: int) -> None:
    shown = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=columns).output
    # A line may end at a hyphen, too.
    listed = "".join(shown.partition("Commands:")[2].split())
    context = click.Context(GROUPS[name])
    for command_name in GROUPS[name].list_commands(context):
        command = GROUPS[name].get_command(context, command_name)
        assert command is not None
        if not command.hidden:
            assert "".join((command_name + command.get_short_help_str(1000)).split()) in listed
    assert "..." not in listed


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert version("twitter-connector") in result.output


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("twitter_connector.cli", "redis"),
        ("twitter_connector.commands.alive", "redis"),
        ("twitter_connector.commands.run", "twitter_connector.bootstrap"),
        ("workers.tasks", "twitter_connector.bootstrap"),
    ],
)
def test_what_starts_processes_and_probes_imports_no_services(module: str, heavy: str, tmp_path: Path) -> None:
    # The supervisor, the scheduler and `alive` run often or for long; the services cost half a second and 30 MB. The
    # library of the broker is a third of a probe.
    code = f"import {module}, sys; print('{heavy}' in sys.modules)"
    env = environment(VAR_DIR=str(tmp_path), CCM_URL="http://127.0.0.1:9/ccm")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_garbage_is_searched_for_among_what_a_command_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "twitter_connector.commands.console_password")
    gc.unfreeze()
    assert main.get_command(click.Context(main), "console-password") is not None
    left_out = gc.get_freeze_count()
    gc.unfreeze()
    assert left_out > 0
    assert gc.isenabled()


@pytest.mark.parametrize(("installed", "says"), [(True, False), (False, True)])
def test_up_says_that_the_library_of_x_chat_is_missing(
    installed: bool, says: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(run.Supervisor, "run", lambda self: 0)
    done = CliRunner().invoke(main, ["up"])
    assert done.exit_code == 0, done.output
    assert ("the package chatxdk is not installed" in done.output) is says


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_list_has_at_least_one_line(limit: str) -> None:
    done = CliRunner().invoke(main, ["dead-letters", "list", "--limit", limit])
    assert (done.exit_code, done.exception.__class__) == (2, SystemExit)
    assert "--limit" in done.output
