"""Fresh accounts on the shared tree, one for each test that asks, and the mark of everything in this folder."""

from pathlib import Path

import pytest
from tree import Tree

from tests.integration.conversations import Account, Conversation


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this folder as one that starts the service."""
    here = f"{Path(__file__).parent}/"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def account(tree: Tree) -> Account:
    """An account that is registered and subscribed."""
    return Account.registered(tree)


@pytest.fixture
def chat(account: Account) -> Conversation:
    """A conversation of an account of its own."""
    return account.customer()
