"""WEBHOOK-URL: it is told to Twitter as it was typed, so it must be what it looks like."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from twitter_connector.accounts.webhook_url import BadWebhookUrl, account_id_in

BASE = "https://cx.example.com/twitter-connector"


def account_of(url: str, public_url: str | None = None) -> str:
    return account_id_in(url, public_url)


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/webhook/twitter/7",
        "https://cx.example.com/webhook/twitter/7",
        "http://127.0.0.1:8080/twitter-connector/webhook/twitter/7",
        "http://localhost:8080/webhook/twitter/7",
        "http://[::1]:8080/webhook/twitter/7",
    ],
)
def test_a_plain_url_names_its_account(url: str) -> None:
    assert account_of(url) == "7"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "7",
        "/webhook/twitter/7",
        "//cx.example.com/webhook/twitter/7",
        "http://cx.example.com/webhook/twitter/7",
        "http://127.0.0.2.example.com/webhook/twitter/7",
        "https://cx.example.com:8443/webhook/twitter/7",
        "https://cx.example.com:99999/webhook/twitter/7",
        "https://cx.example.com:port/webhook/twitter/7",
        "https://[::1/webhook/twitter/7",
        "https://[zz]/webhook/twitter/7",
        "https://user@cx.example.com/webhook/twitter/7",
        "https://user:pw@cx.example.com/webhook/twitter/7",
        "https://cx.example.com\\@evil.example/webhook/twitter/7",
        "https://cx.example.com/webhook/twitter/7?x=1",
        "https://cx.example.com/webhook/twitter/7#x",
        "https://cx.example.com/webhook/twitter/7/",
        "https://cx.example.com/webhook/twitter/seven",
        "https://cx.example.com/webhook/twitter/٧",
        "https://cx.example.com/webhook/twitter/%37",
        "https://cx.example.com/../webhook/twitter/7",
        "https://cx.example.com/a/./webhook/twitter/7",
        "https://cx.exa\nmple.com/webhook/twitter/7",
        "https://cx.example.com/web\thook/twitter/7",
        "https://cx.example.com/webhook/twitter/7\n",
        "https://cx.example.com/ /webhook/twitter/7",
        "https://cx.exämple.com/webhook/twitter/7",
        "ftp://127.0.0.1/webhook/twitter/7",
        "javascript:alert(1)//webhook/twitter/7",
        "https:///webhook/twitter/7",
    ],
)
def test_anything_else_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(BadWebhookUrl) as outcome:
        account_of(url)
    assert str(outcome.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        (f"{BASE}/webhook/twitter/7", True),
        (f"{BASE}x/webhook/twitter/7", False),
        ("https://cx.example.com/webhook/twitter/7", False),
        ("https://evil.example/twitter-connector/webhook/twitter/7", False),
        ("https://cx.example.com.evil.example/twitter-connector/webhook/twitter/7", False),
        (f"{BASE}/../evil/webhook/twitter/7", False),
        (f"{BASE}/%2e%2e/evil/webhook/twitter/7", False),
        (f"{BASE}/..%2fevil/webhook/twitter/7", False),
    ],
)
def test_with_public_url_it_must_begin_with_that_and_stay_there(url: str, fits: bool) -> None:
    if fits:
        assert account_of(url, BASE) == "7"
    else:
        with pytest.raises(BadWebhookUrl):
            account_of(url, BASE)


@budget(300)
@given(
    st.text(max_size=60)
    | st.builds(
        "{}{}{}".format,
        st.sampled_from(["https://", "http://", "//", "https:", ""]),
        st.text(st.sampled_from("abc.:/@[]%\\?#\n\t 127é"), max_size=30),
        st.sampled_from(["/webhook/twitter/7", "/webhook/twitter/", "/7", ""]),
    )
)
@example("https://[::1%eth0]/webhook/twitter/7")
@example("https://\u2100/webhook/twitter/7")
def test_no_url_makes_the_check_fail(url: str) -> None:
    try:
        assert account_of(url).isdecimal()
    except BadWebhookUrl:
        return
