"""Failures cross processes and reach logs: they survive pickling and say nothing they should not."""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime

import pytest

from twitter_connector import errors
from twitter_connector.errors import ConnectorError, OutcomeUnknown, Permanent, RateLimited, Retryable

FAMILIES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ConnectorError)]


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda k: k.__name__)
def test_a_failure_survives_pickling(kind: type[ConnectorError]) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    error = kind("reason", "A sentence.", ours=True, code=349, status=403, until=at, words="Twitter's words")
    if isinstance(error, OutcomeUnknown):
        error.refusal = True
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.__dict__ == error.__dict__
    assert str(again) == str(error) == "reason: A sentence."


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda k: k.__name__)
def test_every_failure_belongs_to_exactly_one_of_the_families(kind: type[ConnectorError]) -> None:
    if kind is not ConnectorError:
        assert sum(issubclass(kind, family) for family in (Permanent, Retryable, RateLimited)) == 1
    assert inspect.getdoc(kind)


def test_the_providers_words_are_in_no_rendering() -> None:
    error = Permanent("reason", "A sentence.", words="planted words")
    assert "planted" not in f"{error} {error!r} {error.args}"
    assert str(Permanent("reason")) == "reason"
