"""Troubles: named sets of faults and settings that the page switches on and off."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.faults import Faults
from sandbox.people import Directory
from sandbox.x_v2.credits import Credits

_SEND = r"(events/new\.json|/messages|/2/tweets)$"
_CCM = {"family": "ccm", "path": "message/receive"}


@dataclass(frozen=True)
class Trouble:
    """Faults to add, and defaults for customers' messages, while it is on. `credit` takes the apps' credit away."""

    label: str
    faults: tuple[dict[str, Any], ...] = ()
    delivery: dict[str, Any] = field(default_factory=dict)
    credit: bool = False


TROUBLES = {
    "ccm-down": Trouble("CCM is down", ({**_CCM, "action": "reset"},)),
    "ccm-slow": Trouble("CCM takes five seconds", ({**_CCM, "delay": 5},)),
    "limited": Trouble(
        "X limits replies (429)",
        (
            {
                "family": "twitter",
                "path": _SEND,
                "method": "POST",
                "problem": "too-many-requests",
                "headers": {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "{now+10}"},
            },
        ),
    ),
    "locked": Trouble(
        "X refuses replies: locked (326)",
        (
            {
                "family": "twitter",
                "path": _SEND,
                "method": "POST",
                "status": 403,
                "body": {
                    "errors": [
                        {
                            "code": 326,
                            "message": "To protect our users from spam and other malicious activity, this account is "
                            "temporarily locked.",
                        }
                    ]
                },
            },
        ),
    ),
    "repeated": Trouble("X delivers each event three times", delivery={"repeat_delivery": 3}),
    "swapped": Trouble("X delivers events in swapped order", delivery={"swap": True}),
    "lost-answer": Trouble(
        "X's answer to a reply is lost",
        ({"family": "twitter", "path": _SEND, "method": "POST", "action": "act_then_reset"},),
    ),
    "no-credit": Trouble("The credit at X is used up (API v2)", credit=True),
}


class Switches:
    """Which troubles are on, and the faults each of them has added."""

    def __init__(self, faults: Faults, directory: Directory, credit: Credits) -> None:
        self._faults = faults
        self._directory = directory
        self._credit = credit
        self._fault_ids: dict[str, list[str]] = {}

    def clear(self) -> None:
        """Forget all; the faults are deleted by the reset."""
        self._fault_ids.clear()

    def is_on(self, name: str) -> bool:
        """Whether a trouble is on."""
        return name in self._fault_ids

    def switch(self, name: str, *, on: bool) -> None:
        """Switch a trouble on or off."""
        trouble = TROUBLES[name]
        if on == self.is_on(name):
            return
        if on:
            self._fault_ids[name] = [self._faults.add(dict(fault)).id for fault in trouble.faults]
        else:
            for fault_id in self._fault_ids.pop(name):
                self._faults.lift(fault_id)
        if trouble.credit:
            for app in list(self._directory.apps.values()):
                if app.api == "v2":
                    self._credit.set_balance(app.id, 0.0 if on else None, "credits-depleted")

    def restore(self) -> None:
        """Switch all troubles off."""
        for name in TROUBLES:
            self.switch(name, on=False)

    def delivery(self) -> dict[str, Any]:
        """Return the defaults for the delivery of customers' messages."""
        return {name: value for key in self._fault_ids for name, value in TROUBLES[key].delivery.items()}
