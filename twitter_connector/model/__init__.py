"""Accounts, events, messages, plans and work as frozen dataclasses. Standard library only."""
