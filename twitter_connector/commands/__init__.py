"""The command line's subcommands, by subject. cli.py puts them together."""
