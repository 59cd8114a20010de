"""Faults: refusals, delays, silence, and lost answers. Decides which fault applies to a request and counts its hits.

`fault_middleware.py` applies it.
"""

import itertools
import random
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from sandbox.x_v2.problem_catalogue import CATALOGUE

ACTIONS = ("answer", "reset", "hang", "act_then_reset", "act_then_hang", "act_then_answer", "delay")
FAMILIES = ("twitter", "ccm", "files", "media")
_FIELDS = {
    "family",
    "method",
    "path",
    "account_id",
    "customer_id",
    "times",
    "skip",
    "share",
    "delay",
    "status",
    "headers",
    "body",
    "problem",
    "action",
}


@dataclass
class Fault:
    """One fault and the requests it applies to."""

    id: str
    family: str
    action: str
    method: str | None = None
    path: str | None = None
    account_id: str | None = None
    customer_id: str | None = None
    times: int | None = None
    skip: int = 0
    share: float = 1.0
    delay: float = 0.0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    problem: str | None = None
    hits: int = 0
    matched: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def document(self) -> dict[str, Any]:
        """Return the fault for the control API."""
        return {name: value for name, value in vars(self).items() if name != "lifted"}

    def filled_headers(self) -> dict[str, str]:
        """Return the headers; `{now+2}` becomes the epoch second two seconds from now."""
        return {
            name: re.sub(r"\{now\+(\d+)\}", lambda match: str(int(time.time()) + int(match[1])), value)
            for name, value in self.headers.items()
        }


class Faults:
    """The faults in force, oldest first. The first one that matches a request applies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, fields: dict[str, Any]) -> Fault:
        """Add a fault. Raises ValueError for fields that are not valid."""
        if unknown := set(fields) - _FIELDS:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if fields.get("family") not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
        values = {name: value for name, value in fields.items() if value is not None}
        if "problem" in values:
            values |= _filled(values)
        values.setdefault("action", "delay" if "delay" in values and "status" not in values else "answer")
        if values["action"] not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        _check(values)
        if values["action"].endswith("answer"):
            values.setdefault("status", 503)
        fault = Fault(id=str(next(self._ids)), **values)
        with self._lock:
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return every fault, used-up ones included."""
        return list(self._faults)

    def lift(self, fault_id: str | None = None) -> bool:
        """Delete one fault, or all; requests that wait in them go on. Returns whether there was any."""
        with self._lock:
            gone = [fault for fault in self._faults if fault_id in (None, fault.id)]
            self._faults = [fault for fault in self._faults if fault not in gone]
        for fault in gone:
            fault.lifted.set()
        return bool(gone)

    def waiting(self, family: str) -> bool:
        """Whether there is any fault of the family; cheap enough for every request."""
        return any(_covers(fault, family) for fault in self._faults)

    def match(
        self, family: str, method: str, path: str, account_id: str | None, customer_id: str | None
    ) -> Fault | None:
        """Return the fault that applies to this request and count it, or None."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if not _covers(fault, family):
                    continue
                if fault.method is not None and fault.method.upper() != method:
                    continue
                if fault.path is not None and not re.search(fault.path, path):
                    continue
                if fault.account_id not in (None, account_id) or fault.customer_id not in (None, customer_id):
                    continue
                if fault.times is not None and fault.hits >= fault.times:
                    continue
                fault.matched += 1
                if fault.matched <= fault.skip or (fault.share < 1 and random.random() >= fault.share):
                    continue
                fault.hits += 1
                return fault
        return None


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Return status, body and content type of the named problem. Raises ValueError."""
    name = values["problem"]
    if name not in CATALOGUE:
        raise ValueError(f"problem must be one of {', '.join(CATALOGUE)}")
    status, body = CATALOGUE[name]
    mime = "text/html" if isinstance(body, str) or body is None else "application/problem+json"
    return {"status": status, "body": body, "headers": {"Content-Type": mime, **values.get("headers", {})}}


def _check(values: dict[str, Any]) -> None:
    """Raise ValueError for values that would fail later, in the middle of a request."""
    kinds: dict[str, tuple[type, ...]] = {
        "times": (int,),
        "skip": (int,),
        "status": (int,),
        "delay": (int, float),
        "share": (int, float),
        "headers": (dict,),
        "body": (object,),
    }
    wrong = [
        name for name, value in values.items() if value is not None and not isinstance(value, kinds.get(name, (str,)))
    ]
    if wrong or not all(isinstance(value, str) for value in values.get("headers", {}).values()):
        raise ValueError(f"of the wrong kind: {', '.join(wrong) or 'headers'}")
    try:
        re.compile(values.get("path", ""))
    except re.error as problem:
        raise ValueError(f"path is no regular expression: {problem}") from None


def _covers(fault: Fault, family: str) -> bool:
    return fault.family == family or (fault.family == "twitter" and family == "media")
