"""Dashboard, ConfigMaps, PodMonitor and NetworkPolicy agree with the service and with each other."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promtool import ALERTS, PROMTOOL, needs_promtool
from tests.tree import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
KUBERNETES = DEPLOY / "kubernetes"


def metric_names() -> set[str]:
    """Return every series name that the code gives out; a histogram has several."""
    names: set[str] = set()
    for path in (ROOT / "twitter_connector").rglob("*.py"):
        source = path.read_text("utf-8")
        names |= set(re.findall(r'"(twitter_connector_[a-z_]+)"', source))
        for histogram in re.findall(r'Histogram\(\s*"(twitter_connector_[a-z_]+)"', source):
            names |= {f"{histogram}_{part}" for part in ("bucket", "count", "sum")}
    return names


def named_in(text: str) -> set[str]:
    return set(re.findall(r"twitter_connector_[a-z_]+", text))


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((KUBERNETES / name).read_text("utf-8"))
    return found


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))["twitter-connector"]
    return found


@pytest.mark.parametrize("file", [ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_every_metric_that_is_named_exists(file: Path) -> None:
    named = named_in(file.read_text("utf-8"))
    assert len(named) >= 10
    assert named - metric_names() == set()


def test_the_dashboard_shows_every_metric() -> None:
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named_in(DASHBOARD.read_text("utf-8"))}
    assert {name for name in metric_names() if not re.search(r"_(bucket|count|sum)$", name)} - shown == set()


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    cells = [
        (x, y)
        for panel in panels()
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)


@needs_promtool
def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    assert len(expressions) >= 20
    variables = {"$namespace": ".*", "$__rate_interval": "5m"}
    for name, value in variables.items():
        expressions = [expression.replace(name, value) for expression in expressions]
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "key", "file"),
    [("alerts-configmap.yaml", "alerts.yaml", ALERTS), ("dashboard-configmap.yaml", "dashboard.json", DASHBOARD)],
)
def test_a_config_map_has_the_file_as_it_is(name: str, key: str, file: Path) -> None:
    config_map = manifest(name)
    assert config_map["kind"] == "ConfigMap"
    assert config_map["data"] == {key: file.read_text("utf-8")}, "run `make manifests`"


def test_the_prometheus_rule_has_the_same_alarms() -> None:
    rule = manifest("prometheusrule.yaml")
    assert rule["kind"] == "PrometheusRule"
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text("utf-8")), "run `make manifests`"


def test_the_pod_monitor_scrapes_the_port_of_the_chart() -> None:
    (endpoint,) = manifest("podmonitor.yaml")["spec"]["podMetricsEndpoints"]
    (port,) = values()["containerPorts"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
    # Kubernetes' limit for the name of a port.
    assert len(port["name"]) <= 15


def test_the_network_policy_lets_in_the_port_of_the_chart_and_lets_out_what_is_called() -> None:
    spec = manifest("networkpolicy.yaml")["spec"]
    (port,) = values()["containerPorts"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [p["port"] for rule in spec["ingress"] for p in rule["ports"]] == [port["containerPort"]]
    called = {p["port"] for rule in spec["egress"] for p in rule["ports"]}
    own = {variable["name"]: variable["value"] for variable in values()["siteEnvVars"]}
    for name in ("CCM_URL", "FILE_ENGINE_URL"):
        assert int(own[name].rpartition(":")[2]) in called
    # Names, Redis, X.
    assert called >= {53, 6379, 443}


def test_the_selectors_are_the_charts_label() -> None:
    label = {"app.kubernetes.io/name": "twitter-connector"}
    assert manifest("podmonitor.yaml")["spec"]["selector"]["matchLabels"] == label
    assert manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"] == label


def test_the_values_add_variables_to_those_of_the_chart() -> None:
    # extraEnvVars has the chart's own variables, and a list replaces a list.
    assert "extraEnvVars" not in values()
    assert "/" in values()["image"]["repository"]
    assert "." not in values()["image"]["repository"].partition("/")[0], "the chart puts its registry in front"
