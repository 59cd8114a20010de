"""Our own requests: whom they reach, what they carry, and what CCM's configuration may look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Loopback, Reply, Seen, loopback
from tests.web.web_requests import ACCOUNT
from twitter_connector.cim.channel_configuration import credentials_in
from twitter_connector.cim.client import CcmClient
from twitter_connector.errors import ConnectorError, Permanent, Retryable, ServiceUnavailable
from twitter_connector.net.http_client import HttpClient
from twitter_connector.startup import now
from twitter_connector.twitter.http import TwitterHttp

ROWS = [{"key": "API-KEY", "type": "String2000", "value": "ck"}, {"key": "API-KEY-SECRET", "value": "cs"}]
CHANNEL = {"id": "1", "serviceIdentifier": "7", "channelConnector": {"channelProviderConfigs": ROWS}}
OUTCOME = {"api_key": "ck", "api_key_secret": "cs"}


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def ccm(server: Loopback) -> CcmClient:
    return CcmClient(HttpClient(trust_env=False), f"{server.url}/ccm", now)


def answering(server: Loopback, **paths: Any) -> None:
    """Let each path's last but one word decide: `configurations` or `service_identifier`."""

    def answer(seen: Seen) -> Reply:
        value = paths.get(seen.path.split("/")[-2].replace("-", "_"), 404)
        return Reply(value) if isinstance(value, int) else Reply(200, json.dumps(value).encode())

    server.answer = answer


@pytest.mark.parametrize(
    "body",
    [
        ROWS,
        {"connectorConfigurations": ROWS},
        {"channelProviderConfigs": ROWS},
        {"configurations": ROWS},
        {"data": ROWS},
        {"data": {"connectorConfigurations": ROWS}},
        {"serviceIdentifier": "7", "channelConnector": {"channelProviderConfigs": ROWS}},
    ],
)
def test_a_configuration_is_read_in_every_wrapper(server: Loopback, ccm: CcmClient, body: Any) -> None:
    answering(server, configurations=body)
    found = ccm.configuration("732739706")
    assert found is not None
    assert credentials_in(found) == OUTCOME
    assert [seen.target for seen in server.seen] == ["/ccm/channel-connectors/configurations/732739706"]


@pytest.mark.parametrize(
    "missing", [404, 405, 501, [], {}, {"data": None}, {"connectorConfigurations": []}, "x", None, [{"id": 1}]]
)
def test_the_channel_is_asked_where_the_configuration_says_nothing(
    server: Loopback, ccm: CcmClient, missing: Any
) -> None:
    answering(server, configurations=missing, service_identifier=CHANNEL)
    found = ccm.configuration("7")
    assert found is not None
    assert credentials_in(found) == OUTCOME
    assert [seen.target for seen in server.seen][1:] == ["/ccm/channels/service-identifier/7"]
    answering(server, configurations=missing)
    assert ccm.configuration("7") is None


@pytest.mark.parametrize(
    ("status", "family"),
    [(401, Retryable), (403, Retryable), (500, ServiceUnavailable), (302, Permanent), (400, Permanent)],
)
def test_a_refusal_is_an_error_of_a_family(
    server: Loopback, ccm: CcmClient, status: int, family: type[ConnectorError]
) -> None:
    answering(server, configurations=status)
    with pytest.raises(family):
        ccm.configuration("7")


def test_an_id_cannot_leave_its_place_in_the_path(server: Loopback, ccm: CcmClient) -> None:
    ccm.configuration("../../channels?x=1#")
    assert server.seen[0].target == "/ccm/channel-connectors/configurations/..%2F..%2Fchannels%3Fx%3D1%23"


def test_ccm_away_is_said(ccm: CcmClient) -> None:
    gone = CcmClient(HttpClient(trust_env=False), "http://127.0.0.1:9/ccm", now)
    with pytest.raises(ServiceUnavailable):
        gone.configuration("7")


def test_neither_twitters_nor_ccms_redirect_is_followed(server: Loopback, ccm: CcmClient) -> None:
    with loopback() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            server.answer = lambda seen, status=status: Reply(
                status, headers=(("Location", elsewhere.url + seen.target),)
            )
            with pytest.raises(ConnectorError):
                ccm.post_message({"id": "1"})
            http = TwitterHttp(HttpClient(trust_env=False), now)
            with pytest.raises(ConnectorError):
                http.signed("GET", f"{server.url}/1.1/account/verify_credentials.json", ACCOUNT.credentials)
            with pytest.raises(ConnectorError):
                http.bearer("GET", f"{server.url}/2/users/me", "bearer-token")
            with pytest.raises(ConnectorError):
                http.basic("POST", f"{server.url}/oauth2/token", ACCOUNT.credentials, data={"a": "b"})
        assert elsewhere.seen == []


def test_no_netrc_file_of_the_machine_gets_into_a_request(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.answer = lambda seen: Reply(200, b"{}")
    http_client = HttpClient()
    CcmClient(http_client, f"{server.url}/ccm", now).post_message({"id": "1"})
    TwitterHttp(http_client, now).bearer("GET", f"{server.url}/2/users/me", "bearer-token")
    TwitterHttp(http_client, now).signed("GET", f"{server.url}/2/users/me", ACCOUNT.credentials)
    sent = [seen.headers.get("Authorization") for seen in server.seen]
    assert sent[0] is None
    assert sent[1] == "Bearer bearer-token"
    assert str(sent[2]).startswith("OAuth ")


def test_the_secrets_themselves_never_travel_in_a_signed_request(server: Loopback) -> None:
    server.answer = lambda seen: Reply(200, b"{}")
    TwitterHttp(HttpClient(trust_env=False), now).signed(
        "POST", f"{server.url}/1.1/direct_messages/events/new.json", ACCOUNT.credentials, json={"a": 1}
    )
    (seen,) = server.seen
    whole = f"{seen.target} {seen.headers} {seen.start.decode()}"
    assert ACCOUNT.credentials.api_key in whole
    assert ACCOUNT.credentials.api_key_secret not in whole
    assert ACCOUNT.credentials.access_token_secret not in whole
