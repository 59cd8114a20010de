"""The form of the list of commands in `--help`."""

from __future__ import annotations

import click

# Longer than any sentence about a command.
_WHOLE_SENTENCE = 10_000


class Group(click.Group):
    """A group that shows the whole first sentence about each command. click cuts it at the width of the terminal."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, hidden ones left out."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_WHOLE_SENTENCE))
                    for name, command in commands
                    if command is not None and not command.hidden
                ]
            )
