"""The process tree for tests that need the whole service, and its log under every failure."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from flask import Flask
from tree import Tree, can_look_at_processes, running_tree


def _needs_processes() -> None:
    if not can_look_at_processes():
        pytest.skip("the processes of the service are found through /proc, which this system does not have")


@pytest.fixture(autouse=True, scope="session")
def _every_answer_is_as_the_openapi_document_says() -> None:
    def checked_client(*args: Any, **kwargs: Any) -> Any:
        # Most processes of a run never ask, and openapi-core is slow to import.
        from tests.answer_check import CheckedClient

        return CheckedClient(*args, **kwargs)

    Flask.test_client_class = staticmethod(checked_client)  # type: ignore[assignment]


@pytest.fixture(scope="session")
def tree() -> Iterator[Tree]:
    """The whole service, shared: tests use accounts of their own and kill nothing."""
    _needs_processes()
    with running_tree() as tree:
        yield tree


class Trees:
    """Makes installations that one test may do anything to."""

    def __init__(self) -> None:
        self.made: list[Tree] = []

    def __call__(self, **env: str) -> Tree:
        """Return a new one, not started yet."""
        self.made.append(Tree(**env))
        return self.made[-1]


@pytest.fixture
def new_tree() -> Iterator[Trees]:
    """Installations of a test's own; all of them are gone after it."""
    _needs_processes()
    trees = Trees()
    yield trees
    for tree in trees.made:
        tree.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the service's log below a failure."""
    report = yield
    if report.failed and call.when != "teardown":
        for value in getattr(item, "funcargs", {}).values():
            for tree in getattr(value, "made", [value]):
                if isinstance(tree, Tree):
                    report.sections.append((f"log of the service in {tree.home.name}", tree.tail()))
    return report
