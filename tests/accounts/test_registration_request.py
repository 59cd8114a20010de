"""The registration request: strict, because a person reads the answer, and silent about the values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from marshmallow import ValidationError

from twitter_connector.accounts.registration_request import load_registration
from twitter_connector.model.account import V1, V2, Credentials

GUIDE = {
    "API-KEY": "ck",
    "API-KEY-SECRET": "cs",
    "ACCESS-TOKEN": "7-at",
    "ACCESS-TOKEN-SECRET": "ats",
    "WEBHOOK-URL": "https://cx.example.com/twitter-connector/webhook/twitter/7",
    "ENVIRONMENT-NAME": "prod",
}


def errors_of(data: object) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        load_registration(data)
    found: dict[str, Any] = caught.value.normalized_messages()
    return found


def test_the_body_of_the_guide_is_read() -> None:
    wanted = load_registration(GUIDE)
    assert wanted.credentials == Credentials("ck", "cs", "7-at", "ats", None)
    assert (wanted.webhook_url, wanted.flavour, wanted.settings) == (GUIDE["WEBHOOK-URL"], V1, {"environment": "prod"})


def test_a_bearer_token_and_no_environment_are_possible() -> None:
    body = {k: v for k, v in GUIDE.items() if k != "ENVIRONMENT-NAME"}
    wanted = load_registration({**body, "BEARER-TOKEN": "AAAA%2Bb"})
    assert (wanted.credentials.bearer_token, wanted.flavour, wanted.settings) == ("AAAA%2Bb", V2, {"inbound": "xaa"})
    assert load_registration({**GUIDE, "ENVIRONMENT-NAME": ""}).flavour == V2
    assert load_registration({**GUIDE, "BEARER-TOKEN": None, "ENVIRONMENT-NAME": None}).flavour == V2


@pytest.mark.parametrize("inbound", ["xaa", "aaa", "stream", "poll"])
def test_the_way_in_of_api_v2_is_chosen(inbound: str) -> None:
    body = {k: v for k, v in GUIDE.items() if k != "ENVIRONMENT-NAME"}
    request = load_registration({**body, "INBOUND": inbound})
    assert (request.account_id, request.flavour, request.settings) == ("7", V2, {"inbound": inbound})
    assert bool(request.webhook_url) == (inbound in ("xaa", "aaa")), "a stream and polling have no webhook"


@pytest.mark.parametrize("inbound", ["poll", "stream", None, ""])
def test_without_a_webhook_the_account_is_the_tokens_owner(inbound: str | None) -> None:
    body = {k: v for k, v in GUIDE.items() if k not in ("ENVIRONMENT-NAME", "WEBHOOK-URL")}
    request = load_registration({**body, **({} if inbound is None else {"INBOUND": inbound})})
    assert (request.account_id, request.webhook_url) == ("", "")
    assert request.settings == {"inbound": inbound or "poll"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"INBOUND": "pol"}, "INBOUND"),
        ({"INBOUND": "XAA"}, "INBOUND"),
        ({"INBOUND": 7}, "INBOUND"),
        ({"INBOUND": "poll", "ENVIRONMENT-NAME": "prod"}, "INBOUND"),
        ({"INBOUND": "xaa", "WEBHOOK-URL": None}, "WEBHOOK-URL"),
        ({"INBOUND": "aaa", "WEBHOOK-URL": ""}, "WEBHOOK-URL"),
        ({"ENVIRONMENT-NAME": "prod", "WEBHOOK-URL": "absent"}, "WEBHOOK-URL"),
        ({"INBOUND": "xaa", "WEBHOOK-URL": "absent"}, "WEBHOOK-URL"),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], named: str) -> None:
    body = {**{k: v for k, v in GUIDE.items() if k != "ENVIRONMENT-NAME"}, **changes}
    body = {k: v for k, v in body.items() if v != "absent"}
    assert set(errors_of(body)) == {named}


V2_BODY = {k: v for k, v in GUIDE.items() if k != "ENVIRONMENT-NAME"}
GRANT = {"CLIENT-ID": "ci", "CLIENT-SECRET": "cis", "OAUTH2-REFRESH-TOKEN": "rt", "OAUTH2-ACCESS-TOKEN": "at"}


def test_an_oauth2_grant_is_read_and_replaces_the_access_token() -> None:
    body = {k: v for k, v in {**V2_BODY, **GRANT}.items() if not k.startswith("ACCESS-TOKEN")}
    credentials = load_registration(body).credentials
    assert (credentials.client_id, credentials.client_secret) == ("ci", "cis")
    assert (credentials.oauth2_refresh_token, credentials.oauth2_access_token) == ("rt", "at")
    assert (credentials.oauth2_seed, credentials.access_token, credentials.access_token_secret) == ("rt", "", "")
    both = load_registration({**V2_BODY, **GRANT}).credentials
    assert (both.oauth2_seed, both.access_token) == ("rt", "7-at")
    client = load_registration({**V2_BODY, "CLIENT-ID": "ci"}).credentials
    assert (client.client_id, client.oauth2_seed) == ("ci", "")
    assert all(value not in repr(both) for value in GRANT.values() if len(value) > 2)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({**GUIDE, **GRANT}, set(GRANT)),
        ({**V2_BODY, "CLIENT-SECRET": "cis"}, {"CLIENT-ID"}),
        ({**V2_BODY, "OAUTH2-REFRESH-TOKEN": "rt"}, {"CLIENT-ID"}),
        ({**V2_BODY, "CLIENT-ID": "ci", "OAUTH2-ACCESS-TOKEN": "at"}, {"OAUTH2-REFRESH-TOKEN"}),
        ({**V2_BODY, "CLIENT-ID": "two words"}, {"CLIENT-ID"}),
        ({**V2_BODY, **GRANT, "ACCESS-TOKEN": "absent"}, {"ACCESS-TOKEN"}),
        ({**V2_BODY, "CLIENT-ID": "ci", "ACCESS-TOKEN": "absent"}, {"ACCESS-TOKEN"}),
        ({**V2_BODY, "POSTS": "some"}, {"POSTS"}),
    ],
)
def test_oauth2_values_that_do_not_fit_together_are_named(body: dict[str, Any], named: set[str]) -> None:
    assert set(errors_of({k: v for k, v in body.items() if v != "absent"})) == named


@pytest.mark.parametrize("posts", ["off", "mentions", "replies", "all", "", None])
def test_the_public_posts_of_an_account_are_chosen(posts: str | None) -> None:
    chosen = {} if posts in ("off", "", None) else {"posts": posts}
    assert load_registration({**V2_BODY, "POSTS": posts}).settings == {"inbound": "xaa", **chosen}


def test_spaces_from_copying_are_forgiven() -> None:
    wanted = load_registration({k: f" {v}\n" for k, v in GUIDE.items()})
    assert wanted == load_registration(GUIDE)


@pytest.mark.parametrize("key", ["API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET", "WEBHOOK-URL"])
@pytest.mark.parametrize("value", ["absent", None, "", "   ", 7, [], "x" * 501])
def test_a_missing_or_bad_value_is_named_by_its_key(key: str, value: object) -> None:
    body = {k: v for k, v in GUIDE.items() if k != key or value != "absent"}
    if value != "absent":
        body[key] = value  # type: ignore[assignment]
    assert key in errors_of(body)


@pytest.mark.parametrize("value", ["two words", "é", "tab\tbed", "line\nbreak"])
def test_a_secret_is_one_word_of_visible_ascii(value: str) -> None:
    assert errors_of({**GUIDE, "API-KEY-SECRET": value}).keys() == {"API-KEY-SECRET"}


@pytest.mark.parametrize("value", ["a/b", "a b", "x" * 65, "é", "a.b"])
def test_an_environment_name_is_a_label(value: str) -> None:
    assert errors_of({**GUIDE, "ENVIRONMENT-NAME": value}).keys() == {"ENVIRONMENT-NAME"}


@pytest.mark.parametrize("key", ["API_KEY", "api-key", "API-SECRET", "WEBHOOK_URL", "extra"])
def test_a_misspelt_key_is_told(key: str) -> None:
    assert key in errors_of({**GUIDE, key: "x"})


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_what_is_no_object_is_refused(data: object) -> None:
    assert errors_of(data).keys() == {"_schema"}


def test_no_error_quotes_a_value() -> None:
    planted = dict.fromkeys(GUIDE, "planted secret with spaces " + "x" * 600)
    assert "planted" not in json.dumps(errors_of(planted))


def test_no_repr_shows_a_value() -> None:
    shown = repr(load_registration({**GUIDE, "API-KEY-SECRET": "planted-1", "BEARER-TOKEN": "planted-2"}))
    assert "planted" not in shown
