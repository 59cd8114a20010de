"""What comes as JSON from outside: whatever could make something behind the door stumble ends at the door."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from tests.security.fuzz_effort import budget
from tests.web.web_requests import PATH, cim, is_problem, post_event, stored
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.model.json_fields import DEPTH_MAX
from twitter_connector.web.request_body import NotJson, read_json


def nested(levels: int, inner: str = "1") -> bytes:
    return b"[" * levels + inner.encode() + b"]" * levels


REFUSED = {
    "an integer of more digits than Python converts": b'{"a":' + b"9" * 5000 + b"}",
    "an infinite float": b'{"a":1e999}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":[-Infinity]}',
    "brackets without an end": b"[" * 100_000,
    "objects without an end": b'{"a":' * 100_000,
    "one level too many": nested(DEPTH_MAX + 1),
    "too deep behind something flat": b'{"a":[' + b"0," * 500 + nested(DEPTH_MAX) + b"]}",
    "a key twice": b'{"id":"1","id":"2"}',
    "a key twice by an escape": b'{"id":"1","\\u0069d":"2"}',
    "bytes that are no UTF-8": b'{"a":"\xff"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "nothing": b"",
    "two values": b"{} {}",
    "a comma too many": b'{"a":1,}',
    "a comment": b"{} // hello",
    "a form": b"a=1&b=2",
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_400_and_nothing_is_stored(client: FlaskClient, inspector: Any, name: str) -> None:
    body = REFUSED[name]
    for path in ("/cim-messages", "/connector-configurations", "/dead-letters/replay"):
        response = client.post(path, data=body[: 64 * 1024 - 1], content_type="application/json")
        assert response.status_code == 400, path
        assert is_problem(response)
    assert stored(inspector) == []
    with pytest.raises(NotJson):
        read_json(body)


def test_a_compressed_body_is_refused_by_this_reason(client: FlaskClient) -> None:
    response = client.post("/cim-messages", data=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    assert response.status_code == 400
    assert response.get_json()["errors"]["_schema"] == [
        "The body is compressed (header Content-Encoding). Send it uncompressed."
    ]


@pytest.mark.parametrize("name", [n for n in REFUSED if "key twice" not in n])
def test_even_with_a_good_signature(client: FlaskClient, inspector: Any, name: str) -> None:
    assert post_event(client, REFUSED[name]).status_code == 400
    assert stored(inspector) == []


def test_what_is_just_within_the_limits_passes() -> None:
    assert read_json(nested(DEPTH_MAX)) == json.loads(nested(DEPTH_MAX))
    assert read_json(b'{"a":1e308,"b":' + b"9" * 4000 + b"}")["b"] == int("9" * 4000)
    assert read_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
    # Jackson writes a type property twice where it is a member as well.
    assert read_json(b'{"type":"PLAIN","markdownText":"x","type":"PLAIN"}') == {"type": "PLAIN", "markdownText": "x"}
    # Twitter's events are signed: nobody read them before us, so the last one counts as everywhere.
    assert read_json(b'{"a":1,"a":2}', unambiguous=False) == {"a": 2}
    # Brackets in texts are no levels.
    assert read_json(json.dumps(["[" * 5000]).encode()) == ["[" * 5000]


def test_half_a_surrogate_pair_becomes_a_replacement_character_wherever_it_stands() -> None:
    assert read_json(b'{"\\ud83d":["a\\uDE00b"],"whole":"\\ud83d\\ude00"}') == {"\ufffd": ["a\ufffdb"], "whole": "😀"}


def test_ids_with_half_a_pair_break_neither_the_broker_nor_the_answer(client: FlaskClient, services: Services) -> None:
    message = cim("\ud83d")
    message["header"]["channelData"]["channelCustomerIdentifier"] = "\udc00"
    message["body"]["markdownText"] = "half \ud83d a pair"
    response = client.post("/cim-messages", data=json.dumps(message), content_type="application/json")
    assert response.status_code == 202
    assert response.get_json() == {"messageId": "\ufffd"}


@pytest.mark.parametrize(
    "bad",
    [
        *("a b", "a\nb", "a\rb", "a\tb", "a\x00b", "a\x1b[31mb", "a\x7fb", "a\x85b", "a\x9bb", "a\u2028b", "a\u202eb"),
        *("a\u200bb", "\ufeffa", "x" * 129, "", " ", "\n"),
    ],
)
def test_ids_that_would_break_a_log_line_are_refused(client: FlaskClient, bad: str) -> None:
    for message in (cim(bad), cim(type=bad)):
        assert client.post("/cim-messages", json=message).status_code == 400
    for field in ("channelCustomerIdentifier", "serviceIdentifier"):
        message = cim()
        message["header"]["channelData"][field] = bad
        response = client.post("/cim-messages", json=message)
        assert response.status_code == 400
        assert list(response.get_json()["errors"]["header"]["channelData"]) == [field]


@pytest.mark.parametrize(
    "odd", ["a:b", "a|b", "a~b", "a/b", "../../x", "tc:seen:in:1:2", "%0a", "é", "😀", "*", "a'b\"c", "|", "~"]
)
def test_other_odd_ids_stay_apart_from_each_other_and_from_our_keys(
    client: FlaskClient, services: Services, odd: str
) -> None:
    message = cim(odd)
    message["header"]["channelData"].update(channelCustomerIdentifier=odd, serviceIdentifier=odd)
    assert client.post("/cim-messages", json=message).get_json() == {"messageId": odd}
    plain = cim(odd)
    assert client.post("/cim-messages", json=plain).status_code == 202
    patterns = [value for value in vars(keys).values() if isinstance(value, str) and value.startswith(keys.PREFIX)]
    ours = {pattern.split(":")[1] for pattern in patterns}
    for key in services.redis.keys("*"):
        parts = str(key).split(":")
        assert parts[0] == "tc"
        # The id is the last part of a mark's name and may hold what it likes; all others are quoted.
        assert parts[1] in ours, key


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=25,
)


@budget(300)
@given(_values)
def test_json_is_read_as_everybody_reads_it_or_refused(value: Any) -> None:
    raw = json.dumps(value).encode()
    try:
        found = read_json(raw)
    except NotJson:
        assert any(word in raw for word in (b"NaN", b"Infinity"))
        return
    written = json.dumps(found, allow_nan=False)
    # What is let in can be written as UTF-8; that is all that was ever changed about it.
    assert json.loads(written.encode()) == found
    repaired = json.loads(raw.decode()) if b"\\ud" not in raw else found
    assert found == repaired


@budget(300)
@given(st.binary(max_size=200) | st.text(st.sampled_from('[]{}",:\\u0d8tfn1eE+-. '), max_size=60).map(str.encode))
@example(b"\\ud800")
def test_bytes_are_a_json_value_or_refused_by_name(raw: bytes) -> None:
    try:
        found = read_json(raw)
    except NotJson:
        return
    json.dumps(found, allow_nan=False).encode()


def test_a_body_beyond_the_limit_is_413_however_it_comes(client: FlaskClient) -> None:
    for path, limit in (("/cim-messages", 1024 * 1024), (PATH, 1024 * 1024), ("/connector-configurations", 64 * 1024)):
        assert client.post(path, data=b" " * (limit + 1)).status_code == 413
        assert client.post(path, data=b" " * limit).status_code in (400, 401)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": ' + b"[" * 100_000,
        b"[" * 1_000_000,
        b'["' + b"[" * 500 + b"\\" * 3 + b'"',
        b'"\\"' * 300_000 + b"[" * 65,
    ],
    ids=["no end", "a megabyte", "in a string", "quotes"],
)
def test_what_is_too_deep_or_has_no_end_is_refused_in_a_moment_and_without_the_interpreters_limit(raw: bytes) -> None:
    begun = time.thread_time()
    with pytest.raises(NotJson):
        read_json(raw)
    assert time.thread_time() - begun < 2.0


def test_brackets_in_strings_are_no_depth() -> None:
    value = {"text": "[" * 500 + '"' + "{" * 500}
    assert read_json(json.dumps(value).encode()) == value


def test_a_number_of_more_digits_than_allowed_is_refused() -> None:
    assert read_json(b"1" * 4300) == int("1" * 4300)
    with pytest.raises(NotJson, match="too long"):
        read_json(b"1" * 4301)
