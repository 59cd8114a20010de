"""What every kind of message offers to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twitter_connector.model.cim import CimMessage
from twitter_connector.model.plan import Plan, Skip


@dataclass(frozen=True)
class Kind:
    """types: the CIM body types it handles. to_plan: what to do at Twitter; raises UnsupportedKind."""

    types: tuple[str, ...]
    to_plan: Callable[[CimMessage], Plan | Skip]
