"""A replay job: X delivers the events of a span of time to a webhook again.

https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# What X reports at the end of a job. Any other state counts as INCOMPLETE.
COMPLETE, INCOMPLETE = "Complete", "Incomplete"


@dataclass(frozen=True)
class ReplayJob:
    """One job. since, until: the span. started: when it was asked for. tries: how often. state: what X reported, ""
    while it reported nothing."""

    id: str
    since: datetime
    until: datetime
    started: datetime
    tries: int = 1
    state: str = ""

    @property
    def complete(self) -> bool:
        """Whether X reported that it has delivered everything."""
        return self.state == COMPLETE
