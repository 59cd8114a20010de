"""The floors that the service is compared with: bare posts of `requests`, from many threads of one process."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import requests
from requests_oauthlib import OAuth1

from benchmarks.events import agent_message

THREADS = 32


@dataclass(frozen=True)
class Floor:
    """cpu_ms: processor time of the process for one post. per_second: posts of the process."""

    cpu_ms: float
    per_second: float


def bare_posts(port: int, seconds: float, *, signed: bool) -> Floor:
    """Post JSON to benchmarks/ccm.py from 32 threads of one process, one session each. signed: with OAuth 1.0a."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_post, args=(theirs, port, seconds, signed), daemon=True)
    process.start()
    floor: Floor = ours.recv()
    process.join()
    return floor


def _post(pipe: Connection, port: int, seconds: float, signed: bool) -> None:
    url = f"http://127.0.0.1:{port}/message/receive"
    auth = OAuth1("key", "key-secret", "token", "token-secret") if signed else None
    body = json.loads(agent_message("1", "2", "floor"))
    body["header"]["providerMessageId"] = "floor"
    ended = threading.Event()
    counts = [0] * THREADS

    def post(number: int) -> None:
        session = requests.Session()
        while not ended.is_set():
            session.post(url, json=body, auth=auth, timeout=10)
            counts[number] += 1

    threads = [threading.Thread(target=post, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    # The first posts connect.
    time.sleep(0.5)
    cpu, before, began = time.process_time(), sum(counts), time.perf_counter()
    time.sleep(seconds)
    posts, took = sum(counts) - before, time.perf_counter() - began
    pipe.send(Floor((time.process_time() - cpu) / posts * 1000, posts / took))
    ended.set()
