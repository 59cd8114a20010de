"""The page for a person who opens the connector's address."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.brokers import services_of, settings_in
from tests.web.web_requests import ACCOUNT
from twitter_connector import create_app

PREFIX = "/twitter-connector"
# What Chromium sends.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_a_page_that_says_what_this_is(client: FlaskClient) -> None:
    answer = client.get("/", headers=BROWSER)
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    page = answer.get_data(as_text=True)
    for word in ("Version ", "Sandbox", "Metrics", "OpenAPI", "docs", "doctor"):
        assert word in page
    assert ACCOUNT.id not in page


@pytest.mark.parametrize(("sandbox", "shown"), [("1", True), ("0", False)])
def test_the_console_and_the_sandbox_are_linked_where_they_are_on(tmp_path: Path, sandbox: str, shown: bool) -> None:
    services = services_of(settings_in(tmp_path, SANDBOX=sandbox))
    page = create_app(services.settings, services).test_client().get("/", headers=BROWSER).get_data(as_text=True)
    assert ('href="twitter-connector/console"' in page) is shown
    assert ('href="http://127.0.0.1:8090/"' in page) is shown


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", None], ids=repr)
def test_other_callers_get_405_as_before(client: FlaskClient, accept: str | None) -> None:
    answer = client.get("/", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def stripped(path: str) -> str:
    """Return what a gateway passes on that strips the prefix, as the platform's does."""
    return (path.removeprefix(PREFIX) if path == PREFIX or path.startswith(f"{PREFIX}/") else path) or "/"


@pytest.mark.parametrize("gateway", [stripped, lambda path: path], ids=["stripping gateway", "no gateway"])
@pytest.mark.parametrize("address", ["/", PREFIX, f"{PREFIX}/"])
def test_every_link_leads_somewhere_behind_a_gateway_and_without_one(
    client: FlaskClient, gateway: object, address: str
) -> None:
    assert callable(gateway)
    page = client.get(gateway(address), headers=BROWSER).get_data(as_text=True)
    links = [link for link in re.findall(r'href="([^"]*)"', page) if not link.startswith("http:")]
    assert len(links) >= 4
    for link in links:
        path = urlsplit(urljoin(f"https://cx.example.com{address}", link)).path
        # A gateway for several services routes by the prefix.
        assert path.startswith(f"{PREFIX}/")
        assert client.get(gateway(path)).status_code in (200, 503), (address, link)


def test_the_page_runs_and_loads_nothing(client: FlaskClient) -> None:
    answer = client.get("/", headers=BROWSER)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script" not in answer.get_data(as_text=True)
