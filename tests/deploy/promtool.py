"""Runs the alarms on metrics that were scraped, with Prometheus' own engine (promtool)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.tree import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed; Debian's package `prometheus` has it (see .ci/run)"
)

STEP_SECONDS = 30
# For twenty minutes the first scrape is repeated, then for twenty minutes the second one.
STEPS = 40
BROKEN_AT_MINUTES = STEPS * STEP_SECONDS // 60
_COUNTERS = ("_total", "_bucket", "_count", "_sum")


def series_of(text: str) -> dict[str, float]:
    """Return series -> value of metrics in Prometheus' text format."""
    return {
        sample.name
        + "{"
        + ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(sample.labels.items()))
        + "}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _values(series: str, first: float | None, second: float | None) -> str:
    """Return the values of a series in promtool's notation. A counter grows evenly from the first to the second."""
    start = f"_x{STEPS}" if first is None else f"{first!r}+0x{STEPS - 1}"
    if second is None:
        return f"{start} _x{STEPS}"
    if first is not None and series.partition("{")[0].endswith(_COUNTERS):
        step = (second - first) / STEPS
        return f"{start} {first + step!r}+{step!r}x{STEPS - 1}"
    return f"{start} {second!r}+0x{STEPS - 1}"


def firing(first: str, second: str, directory: Path) -> set[str]:
    """Return the alarms that fire eleven minutes after the first scrape was followed by the second one."""
    before, after = series_of(first), series_of(second)
    series = [
        {"series": name, "values": _values(name, before.get(name), after.get(name))} for name in {**before, **after}
    ]
    # promtool prints what it gets where nothing is expected.
    query = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{BROKEN_AT_MINUTES + 11}m",
        "exp_samples": [],
    }
    content = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [{"interval": f"{STEP_SECONDS}s", "input_series": series, "promql_expr_test": [query]}],
    }
    file = directory / "alarms.json"
    file.write_text(json.dumps(content), "utf-8")
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    names = set(re.findall(r'alertname="(\w+)"', done.stdout + done.stderr))
    assert bool(names) == bool(done.returncode), done.stdout + done.stderr
    return names
