"""Counts what was lost, doubled, misordered or reported as failed in the conversations of the chaos test.

Per conversation and direction:

- lost: a message acknowledged to X or to CCM that did not arrive, or, outbound, that nobody reported about;
- doubled: at CCM, one message under two ids; at X, one text in two DMs. CCM may receive a message again under the same
  id, by which it recognises it: `repeats` counts these and is no fault;
- misordered: a message that arrived behind a later one, repeats included. Not counted are repeats by a sleeper: a
  worker stopped between claiming and posting posts the moment it wakes, which no connector can rule out;
- failed: an outbound message reported FAILED, though X would have taken it.
"""

import time
from collections import Counter, defaultdict
from itertools import pairwise

from tree import Tree

from tests.integration.conversations import Account, Json
from tests.integration.crowd import Talk
from tests.integration.public_thread import PublicThread

FAULTS = ("lost", "doubled", "misordered", "failed")
# How long after waking a worker can still do what it was about to do when it fell asleep.
WAKING_SECONDS = 2.0
# The counts of each account, by its id.
Counts = dict[str, Counter[str]]


def settled(tree: Tree, accounts: list[Account], talks: list[Talk], woken: list[float], seconds: float) -> Counts:
    """Return the counts once nothing is missing any more, or when the time for that is over."""
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end and total(counted(tree, talks, woken))["lost"]:
        # Counting keeps the sandbox busy, through which the messages still have to go.
        time.sleep(max(1.0, 3 * (time.monotonic() - begun)))
    # What must not come can still be on its way while a lane contains anything.
    while time.monotonic() < end and any(sum(a.shown()["lanes_waiting"].values()) for a in accounts):
        time.sleep(0.2)
    return counted(tree, talks, woken)


def total(counts: Counts) -> Counter[str]:
    """Return the counts of all accounts together, the faults among them even where there are none."""
    together = Counter(dict.fromkeys(FAULTS, 0))
    for of_account in counts.values():
        together.update(of_account)
    return together


def counted(tree: Tree, talks: list[Talk], woken: list[float]) -> Counts:
    """Return what has arrived by now. woken: when sleeping workers were woken, in epoch seconds."""
    counts: Counts = {}
    for talk, at_ccm, at_twitter in arrived(tree, talks):
        count = counts.setdefault(talk.chat.account.id, Counter(dict.fromkeys(FAULTS, 0)))
        messages = [r for r in at_ccm if r["type"] == talk.chat.kind]
        texts = [talk.chat.text_of(r) for r in messages]
        ids = {(r["id"], text) for r, text in zip(messages, texts, strict=True)}
        bodies = [r["message"]["body"] for r in at_ccm if r["type"] != talk.chat.kind]
        reports = {(body["messageId"], body["status"]) for body in bodies}
        count["messages"] += len(talk.inbound) + len(talk.outbound)
        count["repeats"] += sum(r["repeat"] for r in at_ccm)
        count["lost"] += len(set(talk.inbound) - set(texts)) + len(set(talk.outbound.values()) - set(at_twitter))
        count["lost"] += len(set(talk.outbound) - {message_id for message_id, _ in reports})
        count["failed"] += sum(status == "FAILED" for _, status in reports)
        count["doubled"] += len(ids) - len({text for _, text in ids}) + len(at_twitter) - len(set(at_twitter))
        excused = by_sleepers(messages, woken)
        count["by sleepers"] += len(excused)
        count["misordered"] += inversions([t for i, t in enumerate(texts) if i not in excused], talk.inbound)
        count["misordered"] += inversions(at_twitter, list(talk.outbound.values()))
    return counts


def by_sleepers(messages: list[Json], woken: list[float]) -> set[int]:
    """Return which messages of a conversation are repeats by a worker that has just been woken: one for each sleep,
    since it finds out about the loss of its lease before it does anything more."""
    found = set()
    for at in woken:
        for place, record in enumerate(messages):
            if record["repeat"] and at <= record["received_at"] <= at + WAKING_SECONDS:
                found.add(place)
                break
    return found


def arrived(tree: Tree, talks: list[Talk]) -> list[tuple[Talk, list[Json], list[str]]]:
    """Return, for each conversation, what CCM took in and the texts Twitter has of the account, in their order."""
    ccm, twitter = defaultdict[object, list[Json]](list), defaultdict[object, list[str]](list)
    for record in tree.sandbox.get("ccm/messages")["messages"]:
        if record["accepted"]:
            ccm[record["account_id"], record["customer_id"]].append(record)
    for dm in tree.sandbox.get("twitter/messages")["messages"]:
        if dm["by_account"]:
            twitter[dm["sender_id"], dm["recipient_id"]].append(dm["text"])
    for post in tree.sandbox.get("posts")["posts"]:
        twitter[post["author_id"], post["conversation_id"]].append(post["text"])
    found = []
    for talk in talks:
        chat = talk.chat
        # The same customer may write Direct Messages and in public.
        at_ccm = [
            record
            for record in ccm[chat.account.id, chat.customer_id]
            if record["type"] == chat.kind or record["message"]["body"].get("messageId") in talk.outbound
        ]
        place = chat.root if isinstance(chat, PublicThread) else chat.customer_id
        found.append((talk, at_ccm, twitter[chat.account.id, place]))
    return found


def inversions(texts: list[str], said: list[str]) -> int:
    """Count the texts that came directly behind one that was said later. Repeats in place are in order."""
    places = [said.index(text) for text in texts if text in said]
    return sum(later < earlier for earlier, later in pairwise(places))


def details(tree: Tree, talks: list[Talk]) -> str:
    """Return what arrived in the conversations where anything is wrong, for the reader of a failure."""
    lines = []
    for talk, at_ccm, at_twitter in arrived(tree, talks):
        texts = [talk.chat.text_of(r) for r in at_ccm if r["type"] == talk.chat.kind]
        wrong_in = list(dict.fromkeys(texts)) != talk.inbound
        failed = [
            r["message"]["body"]
            for r in at_ccm
            if r["type"] != talk.chat.kind and r["message"]["body"]["status"] == "FAILED"
        ]
        if wrong_in or failed or at_twitter != list(talk.outbound.values()):
            lines.append(
                f"{talk.chat.kind} {talk.chat.account.id}/{talk.chat.customer_id}: {texts} | {at_twitter} | {failed}"
            )
    return "\n".join(lines)
