"""Registering an account on X API v2, over the running service and the sandbox."""

import pytest
from tree import Tree

from tests.integration.conversations import Account, Json


@pytest.fixture
def newcomer(tree: Tree) -> Account:
    """An account of API v2 that nobody has registered yet."""
    return Account.new(tree, api="v2")


def of_v2(account: Account) -> Json:
    answer = account.register()
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


def test_an_account_of_api_v2_is_registered_and_talks(newcomer: Account) -> None:
    shown = of_v2(newcomer)
    assert (shown["account_id"], shown["api"], shown["inbound"]) == (newcomer.id, "v2", "xaa")
    assert (shown["webhook"]["valid"], shown["subscribed"]) == (True, True)
    assert shown["actions"] == ["created", "subscribed"]
    assert {s["event"] for s in shown["subscriptions"]} >= {"dm.received", "dm.read", "dm.indicate_typing"}
    assert set(shown["events"]) == {"direct_messages", "typing", "read"}
    assert shown["can"] == ["text", "media"]
    assert of_v2(newcomer)["actions"] == ["kept"]
    chat = newcomer.customer()
    chat.customer_says("hello")
    chat.await_ccm(["hello"])
    chat.agent_says("good day")
    chat.await_twitter(["good day"])


def test_an_account_changes_from_webhook_to_polling_and_back(newcomer: Account) -> None:
    of_v2(newcomer)
    chat = newcomer.customer()
    polling = newcomer.register(INBOUND="poll").json()
    assert (polling["webhook"], polling["subscribed"], polling["inbound"]) == (None, None, "poll")
    assert newcomer.shown()["webhook"] is None
    chat.agent_says("still here")
    chat.await_twitter(["still here"])
    assert newcomer.register().json()["actions"] == ["created", "subscribed"]
    chat.customer_says("and back")
    chat.await_ccm(["and back"])


def test_an_account_of_v1_moves_to_v2_with_a_conversation_under_way(tree: Tree) -> None:
    account = Account.registered(tree)
    assert account.shown()["api"] == "v1.1"
    chat = account.customer()
    chat.customer_says("on v1.1")
    chat.await_ccm(["on v1.1"])
    moved = account.register(ENVIRONMENT_NAME="")
    assert moved.status_code == 200, moved.text
    assert moved.json()["actions"] == ["created", "subscribed"]
    chat.customer_says("on v2")
    chat.agent_says("on v2 as well")
    chat.await_ccm(["on v1.1", "on v2"])
    chat.await_twitter(["on v2 as well"])
    assert account.shown()["api"] == "v2"


def test_a_former_address_of_ours_is_replaced(newcomer: Account) -> None:
    answer = newcomer.register(WEBHOOK_URL=newcomer.body["WEBHOOK-URL"].replace("127.0.0.1", "localhost"))
    assert answer.status_code == 200, answer.text
    moved = of_v2(newcomer)
    assert moved["actions"] in (["replaced"], ["replaced", "subscribed"]), "ours at a former address is replaced"
    assert moved["webhook"]["url"] == newcomer.body["WEBHOOK-URL"]


def test_the_account_says_how_it_is_registered(newcomer: Account) -> None:
    of_v2(newcomer)
    account = newcomer.shown()
    assert (account["api"], account["inbound"], account["state"], account["can"]) == (
        "v2",
        "xaa",
        "active",
        ["text", "media"],
    )
    status = newcomer.tree.http.get(f"{newcomer.tree.url}/webhook/twitter/{newcomer.id}/status", timeout=30).json()
    assert (status["webhook"]["valid"], status["subscribed"], status["actions"]) == (True, True, [])


def test_an_unregistered_account_leaves_nothing_at_x(newcomer: Account) -> None:
    of_v2(newcomer)
    answer = newcomer.tree.http.delete(f"{newcomer.tree.url}/webhook/twitter/{newcomer.id}", timeout=30)
    assert answer.status_code == 204, answer.text
    assert of_v2(newcomer)["actions"] == ["created", "subscribed"]
