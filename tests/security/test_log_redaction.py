"""Secrets in log lines: found wherever they are, kept per account, replaced when they change, at constant cost."""

from __future__ import annotations

import json
import secrets

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property_settings import *  # noqa: F403
from twitter_connector.log_redaction import HIDDEN, MIN_LENGTH, Redaction

ANY_TEXT = st.text(max_size=60)
SECRET = st.text(min_size=MIN_LENGTH, max_size=60)


@given(before=ANY_TEXT, secret=SECRET, after=ANY_TEXT, others=st.lists(SECRET, max_size=5))
@example(before="abc", secret="AAAAAAAAAAAA", after="A", others=["AAAAAAAAAAAAB", "AAAAAAAA"])
def test_a_secret_is_hidden_wherever_it_is(before: str, secret: str, after: str, others: list[str]) -> None:
    redaction = Redaction()
    redaction.hide("one", (secret,))
    redaction.hide("two", tuple(others))
    for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        line = redaction.redact(f"{before}{form}{after}")
        # What is left may contain the secret only if the mark itself has made it.
        assert secret not in line.replace(HIDDEN, "\0")
        assert HIDDEN in line


@given(lines=st.lists(ANY_TEXT, max_size=5), own=st.lists(SECRET, max_size=5))
def test_a_line_without_a_secret_stays_as_it_is(lines: list[str], own: list[str]) -> None:
    redaction = Redaction()
    redaction.hide("one", tuple(own))
    for line in lines:
        if not any(form in line for secret in own for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])):
            assert redaction.redact(line) == line


def test_the_secrets_of_an_account_replace_its_former_ones() -> None:
    redaction = Redaction()
    redaction.hide("account 1", ("first-secret", "app-secret-of-both"))
    redaction.hide("account 2", ("second-secret", "app-secret-of-both"))
    redaction.hide("account 1", ("newer-secret",))
    line = "first-secret second-secret newer-secret app-secret-of-both"
    assert redaction.redact(line) == f"first-secret {HIDDEN} {HIDDEN} {HIDDEN}"
    redaction.hide("account 2", ())
    assert redaction.redact(line) == f"first-secret second-secret {HIDDEN} app-secret-of-both"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    redaction = Redaction()
    redaction.hide("one", ("abcdefgh", "abcdefgh-and-more"))
    assert redaction.redact("abcdefgh-and-more, abcdefgh") == f"{HIDDEN}, {HIDDEN}"


def test_a_line_of_many_kilobytes_is_searched_to_its_end() -> None:
    redaction = Redaction()
    redaction.hide("one", ("the-planted-secret",))
    for length in (4090, 4096, 4100, 20_000):
        assert redaction.redact("x" * length + "the-planted-secret") == "x" * length + HIDDEN


class Counted(str):
    """A text that counts how often it is asked for something."""

    asked = 0

    def __contains__(self, part: str) -> bool:
        Counted.asked += 1
        return super().__contains__(part)


def test_a_line_is_searched_for_as_many_secrets_with_a_thousand_accounts_as_with_one() -> None:
    """Bearer tokens of X all begin alike, and every access token begins with its account's id."""
    for accounts in (1, 1_000):
        redaction = Redaction()
        for number in range(accounts):
            token = f"73273{number:05}-{secrets.token_urlsafe(30)}"
            bearer = f"AAAAAAAAAAAAAAAAAAAAAA{secrets.token_urlsafe(60)}"
            redaction.hide(f"account {number}", (token, bearer, secrets.token_urlsafe(40)))
        Counted.asked = 0
        redaction.redact(
            Counted('{"event": "delivered", "account": "7327300000", "note": "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}')
        )
        assert Counted.asked <= 3
