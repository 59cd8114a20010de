"""The process tree for tests that need the whole service, and its log under every failure."""

import atexit
import gc
import os
import signal
import sys
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from flask import Flask
from tree import Tree, can_look_at_processes, running_tree

from tests import warm_commands

# The files whose tests take longest, with those of the same service, the longest first. A process takes file after
# file, and all others would wait for a long one that came late.
LONG_FILES = (
    "tests/integration/test_registration.py",
    "tests/outages/test_webhook_repair.py",
    "tests/integration/test_lifecycle.py",
    "tests/integration/test_ordinary_commands.py",
    "tests/integration/test_v2_oauth2.py",
    "tests/upgrade/test_a_broker_of_0_1_0.py",
    "tests/queue/test_a_broker_whose_clock_steps.py",
    "tests/sandbox/test_page.py",
    "tests/integration/test_x_chat.py",
    "tests/console/test_console_in_a_browser.py",
    "tests/integration/test_chaos.py",
    "tests/outages/test_replicas.py",
    "tests/security/test_slow_senders.py",
    "tests/security/test_planted_secrets.py",
    "tests/queue/test_a_failover_between_clocks.py",
    "tests/outages/test_failover.py",
    "tests/deploy/test_alarms.py",
    "tests/security/test_real_server.py",
    "tests/integration/test_media_midway.py",
    "tests/store/test_broker_safety.py",
    "tests/workers/test_a_broker_that_dies.py",
    "tests/sandbox/test_sandbox_process.py",
    "tests/workers/test_a_clock_that_differs.py",
    "tests/queue/test_accept.py",
    "tests/messages/test_markdown.py",
    "tests/sandbox/test_connector_oauth2.py",
    "tests/outages/test_ages_and_replay.py",
    "tests/media/test_media_streams.py",
    "tests/test_guide.py",
)
# Files that share a service run in one process: each process starts `tree` and `mortal` anew.
SHARING = (
    (
        "tests/integration/test_lifecycle.py",
        "tests/outages/test_broker_data_lost.py",
        "tests/security/test_wrong_key_at_start.py",
    ),
    (
        "tests/outages/test_webhook_repair.py",
        "tests/integration/test_relay.py",
        "tests/integration/test_v2.py",
        "tests/integration/test_v2_kills.py",
        "tests/outages/test_broker_away.py",
    ),
    (
        "tests/integration/test_registration.py",
        "tests/integration/test_answers_and_typing.py",
        "tests/integration/test_changes_under_traffic.py",
        "tests/integration/test_kinds.py",
        "tests/integration/test_media.py",
        "tests/integration/test_media_out.py",
        "tests/integration/test_one_broken_endpoint.py",
        "tests/integration/test_posts_in_service.py",
        "tests/integration/test_registration_v2.py",
        "tests/outages/test_other_side_away.py",
        "tests/outages/test_poison.py",
        "tests/security/test_configuration_in_service.py",
    ),
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, and those of one service together. Other ways than `--dist loadfile` stay as they are."""
    if config.getvalue("dist") != "loadfile":
        return None
    # A run in one process needs no xdist.
    from xdist.scheduler import LoadFileScheduling

    first = {name: names[0] for names in SHARING for name in names}

    class SharedServices(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = super()._split_scope(nodeid)
            return first.get(name, name)

    return SharedServices(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process of the tests where commands are run: the imports of one such process are those of all."""
    if "not integration" not in node.config.option.markexpr:
        node.workerinput["commands"] = warm_commands.commands().path


def pytest_configure(config: pytest.Config) -> None:
    """Let services that tests start hear SIGHUP, also under `nohup`: an ignored signal stays ignored in new processes,
    and one with a handler does not."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if path := getattr(config, "workerinput", {}).get("commands"):
        warm_commands.use(path)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End a process of the tests at once. Python would free all that was collected, test by test, before it ends."""
    if hasattr(config, "workerinput"):
        # What ends with the process is no error there, as it is in a test.
        warnings.simplefilter("ignore", ResourceWarning)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without a search for garbage, and leave what was collected out of later ones.

    Ten thousand tests are millions of objects that stay. Each full search went through all of them, and a search after
    every 700 new objects finds little.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, then the others that start the service, then the rest."""
    places = {name: place for place, name in enumerate(LONG_FILES)}

    def place(item: pytest.Item) -> int:
        rest = len(places) + (item.get_closest_marker("integration") is None)
        return places.get(item.nodeid.partition("::")[0], rest)

    items.sort(key=place)


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


@pytest.fixture(scope="session")
def _mortal() -> Iterator[Tree]:
    _needs_processes()
    tree = Tree()
    yield tree
    tree.close()


@pytest.fixture
def mortal(_mortal: Tree) -> Tree:
    """A running service that a test may stop and kill, and whose other sides it may break: one for all such tests."""
    if _mortal.supervisor is None or _mortal.supervisor.poll() is not None:
        _mortal.start()
    for fault in _mortal.sandbox.get("faults")["faults"]:
        _mortal.sandbox.lift(fault["id"])
    return _mortal


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
