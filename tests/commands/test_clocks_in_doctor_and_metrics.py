"""A clock that differs from the broker's is a finding of `doctor`, and a metric."""

from __future__ import annotations

from twitter_connector import create_app
from twitter_connector.bootstrap import Services
from twitter_connector.findings.finding import Finding
from twitter_connector.findings.report import all_findings


def clocks(services: Services) -> Finding:
    return next(finding for finding in all_findings(services) if finding.what == "clocks")


def metric(services: Services) -> float:
    text = create_app(services.settings, services=services).test_client().get("/metrics").text
    (line,) = (row for row in text.splitlines() if row.startswith("twitter_connector_clock_difference_seconds "))
    return float(line.split()[1])


def test_clocks_that_agree_are_no_finding(services: Services) -> None:
    services.heartbeats.beat("one")
    assert clocks(services).ok
    assert metric(services) < 1


def test_a_worker_whose_clock_differs_is_named(services: Services) -> None:
    services.heartbeats.beat("one")
    services.heartbeats.beat("two", difference=-660.2)
    finding = clocks(services)
    assert not finding.ok
    assert finding.detail == "two 660 s behind"
    assert "NTP" in finding.advice
    assert metric(services) == 660
    services.heartbeats.beat("two")
    assert clocks(services).ok
    assert metric(services) < 1
