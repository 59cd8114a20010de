"""WEBHOOK-URL: what X and this service require of it, told with the other fields of a registration."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import Registration, load_registration

BASE = "https://cx.example.com/twitter-connector"
A = "732739706"
GUIDE = {
    "API-KEY": "ck",
    "API-KEY-SECRET": "cs",
    "ACCESS-TOKEN": f"{A}-at",
    "ACCESS-TOKEN-SECRET": "ats",
    "WEBHOOK-URL": f"{BASE}/webhook/twitter/{A}",
    "ENVIRONMENT-NAME": "prod",
}


def loaded(url: str, public_url: str | None = None, **changes: object) -> Registration:
    return load_registration({**GUIDE, "WEBHOOK-URL": url, **changes}, public_url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "https://cx.example.com/webhook/twitter/",
        "https://cx.example.com/webhook/twitter/acme",
        f"https://cx.example.com/webhook/twitter/{A}/",
        f"https://cx.example.com/webhook/twitter/{A}/status",
        f"https://cx.example.com/other/{A}",
        f"http://cx.example.com/webhook/twitter/{A}",
        f"https://cx.example.com:8443/webhook/twitter/{A}",
        f"https://cx.example.com/webhook/twitter/{A}?x=1",
        f"https://cx.example.com/webhook/twitter/{A}#x",
        f"https://user:pass@cx.example.com/webhook/twitter/{A}",
        f"ftp://localhost/webhook/twitter/{A}",
        f"https:///webhook/twitter/{A}",
        f"https://cx.example.com:x/webhook/twitter/{A}",
        "https://cx.example.com/webhook/twitter/" + "1" * 21,
    ],
)
def test_a_bad_webhook_url_is_named_as_a_field(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        loaded(url)
    assert set(caught.value.normalized_messages()) == {"WEBHOOK-URL"}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("value", [None, 7, [], {}, True])
def test_a_webhook_url_that_is_no_text_is_named_as_a_field(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        load_registration({**GUIDE, "WEBHOOK-URL": value}, None)
    assert set(caught.value.normalized_messages()) == {"WEBHOOK-URL"}  # type: ignore[no-untyped-call]


def test_all_bad_fields_are_named_at_once() -> None:
    body = {**GUIDE, "WEBHOOK-URL": "nonsense", "ENVIRONMENT-NAME": "a b", "API-KEY": ""}
    with pytest.raises(ValidationError) as caught:
        load_registration(body, None)
    names = set(caught.value.normalized_messages())  # type: ignore[no-untyped-call]
    assert names == {"WEBHOOK-URL", "ENVIRONMENT-NAME", "API-KEY"}


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:18080", "localhost", "[::1]:80"])
def test_a_loopback_address_may_be_plain_and_have_a_port(host: str) -> None:
    assert loaded(f"http://{host}/webhook/twitter/{A}").account_id == A


def test_a_public_url_must_be_its_beginning() -> None:
    assert loaded(f"{BASE}/webhook/twitter/{A}", BASE).account_id == A
    for base in ("https://cx.example.com", f"{BASE}x"):
        with pytest.raises(ValidationError, match="PUBLIC_URL"):
            loaded(f"{base}/webhook/twitter/{A}", BASE)
