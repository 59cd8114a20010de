"""The configuration of each account's channel connector at CCM: the account's present credentials, unless changed.

It stores no credentials and pushes nothing to the connector.
"""

from collections.abc import Mapping
from typing import Any

STATES = ("saved", "masked", "missing", "no-channel")


class Configurations:
    """Changes to configurations; lost when the sandbox stops or is reset."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._values: dict[str, dict[str, str | None]] = {}

    def change(self, account_id: str, state: str, values: Mapping[str, Any]) -> None:
        """Set what CCM returns for an account: its state, and attributes that replace the present ones (None removes
        one). Raises ValueError."""
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}")
        if any(value is not None and not isinstance(value, str) for value in values.values()):
            raise ValueError("each of the values must be text or null")
        self._states[account_id] = state
        self._values[account_id] = dict(values)

    def of(self, account_id: str, present: Mapping[str, str]) -> dict[str, str]:
        """Return attribute name -> value as CCM returns them. present: the credentials the account has now."""
        state = self._states.get(account_id, "saved")
        if state in {"missing", "no-channel"}:
            return {}
        attributes = {**present, **self._values.get(account_id, {})}
        return {name: "****" if state == "masked" else value for name, value in attributes.items() if value is not None}

    def without_channel(self, account_id: str) -> bool:
        """Whether no channel has the account as its service identifier."""
        return self._states.get(account_id) == "no-channel"

    def clear(self) -> None:
        """Forget all changes."""
        self._states.clear()
        self._values.clear()
