"""Failures cross processes and reach logs: they survive pickling and say nothing they should not."""

from __future__ import annotations

import ast
import inspect
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twitter_connector import errors
from twitter_connector.errors import ConnectorError, Permanent, RateLimited, Retryable, Scope

ROOT = Path(__file__).parents[1]
FILES = [p for package in ("twitter_connector", "workers") for p in (ROOT / package).rglob("*.py")]
FAMILIES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ConnectorError)]


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda k: k.__name__)
def test_a_failure_survives_pickling(kind: type[ConnectorError]) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    error = kind("reason", "A sentence.", ours=True, code=349, status=403, until=at, words="Twitter's words")
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


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda k: k.__name__)
def test_a_failure_is_frozen(kind: type[ConnectorError]) -> None:
    error = kind("reason", "A sentence.")
    for name in ("reason", "until", "scope", "ours", "refusal"):
        with pytest.raises(AttributeError, match="frozen"):
            setattr(error, name, None)
    with pytest.raises(kind) as raised:
        raise error from ValueError("the cause")
    assert raised.value is error
    assert isinstance(error.__cause__, ValueError)


def test_a_copy_waits_for_something_else_and_the_original_does_not() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    error = RateLimited("reason", "A sentence.", ours=True, code=88, status=429, words="X's words")
    copy = error.waiting(scope=Scope.LANE, until=at)
    assert type(copy) is RateLimited
    assert copy.__dict__ == {**error.__dict__, "scope": Scope.LANE, "until": at}
    assert (error.scope, error.until) == (Scope.ACCOUNT, None)
    assert copy.waiting().__dict__ == copy.__dict__


def test_nothing_assigns_to_an_error() -> None:
    """The checker would not see it where the error's type is not known; frozen errors raise only when it happens."""
    fields = {"reason", "detail", "scope", "endpoint", "until", "ours", "code", "status", "words", "refusal"}
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in (leaf for one in targets if one is not None for leaf in ast.walk(one)):
                named = isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
                if named and target.attr in fields and ast.unparse(target.value) != "self":
                    found.append(f"{path.relative_to(ROOT)}:{target.lineno}")
    assert found == []
