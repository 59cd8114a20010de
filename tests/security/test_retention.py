"""docs/security.md tells of everything that is stored."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twitter_connector.broker import keys
from twitter_connector.queue.timings import QueueTimings

TIMINGS = QueueTimings()

DOCUMENT = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
TABLE = DOCUMENT.partition("## What is stored")[2].partition("\n## ")[0]
UNITS = {"d": 86400, "h": 3600, "minutes": 60, "s": 1}


def test_every_kind_of_key_stands_in_the_retention_table() -> None:
    names = {v.removeprefix(keys.PREFIX) for k, v in vars(keys).items() if isinstance(v, str) and v.startswith("tc:")}
    families = {re.sub(r"\{.*", "", name) for name in names} - {""}
    assert len(families) > 20
    missing = {family for family in families if f"`{family}`" not in TABLE}
    assert missing == set()


@pytest.mark.parametrize(
    ("family", "kept_for", "seconds"),
    [
        ("seen:", "7 d", keys.SEEN_SECONDS),
        ("ledger:", "7 d", keys.LEDGER_SECONDS),
        ("sent:", "7 d", keys.SENT_SECONDS),
        ("echo:", "4 h", keys.ECHO_SECONDS),
        ("asked:", "24 h", keys.QUESTION_SECONDS),
        ("accounts", "24 h", keys.RETIRED_SECONDS),
        ("budgets:", "15 minutes", keys.BUDGETS_SECONDS),
        ("flash:", "3 s", TIMINGS.typing // 1000),
    ],
)
def test_the_times_in_the_table_are_those_of_the_code(family: str, kept_for: str, seconds: int) -> None:
    number, unit = kept_for.split()
    assert int(number) * UNITS[unit] == seconds
    (row,) = [line for line in TABLE.splitlines() if line.startswith("|") and f"`{family}`" in line.split("|")[2]]
    assert kept_for in row
