"""The floors that the service is compared with: bare posts of `requests`, and of the service's own client, from many
threads of one process."""

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
from twitter_connector.model.account import Credentials
from twitter_connector.net.http_client import HttpClient
from twitter_connector.twitter.oauth1 import oauth1

THREADS = 32


@dataclass(frozen=True)
class Floor:
    """cpu_ms: processor time of the process for one post. per_second: posts of the process."""

    cpu_ms: float
    per_second: float


def posts(port: int, seconds: float, *, signed: bool, own: bool = False, per_second: float | None = None) -> Floor:
    """Post JSON to benchmarks/ccm.py from 32 threads of one process. signed: with OAuth 1.0a. own: with the service's
    client; otherwise with one session of `requests` for each thread. per_second: how many posts all threads together
    make; None for as many as they can."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_post, args=(theirs, port, seconds, signed, own, per_second), daemon=True)
    process.start()
    floor: Floor = ours.recv()
    process.join()
    return floor


def _post(pipe: Connection, port: int, seconds: float, signed: bool, own: bool, per_second: float | None) -> None:
    url = f"http://127.0.0.1:{port}/message/receive"
    credentials = "key", "key-secret", "token", "token-secret"
    auth = (oauth1(Credentials(*credentials)) if own else OAuth1(*credentials)) if signed else None
    client = HttpClient()
    body = json.loads(agent_message("1", "2", "floor"))
    body["header"]["providerMessageId"] = "floor"
    ended = threading.Event()
    counts = [0] * THREADS

    pause = THREADS / per_second if per_second else 0.0

    def post(number: int) -> None:
        session = requests.Session()
        # The threads take turns.
        ended.wait(pause * number / THREADS)
        while not ended.is_set():
            if own:
                client.exchange("POST", url, seconds=10, json=body, auth=auth)
            else:
                session.post(url, json=body, auth=auth, timeout=10)
            counts[number] += 1
            if pause:
                ended.wait(pause)

    threads = [threading.Thread(target=post, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    # The first posts connect.
    time.sleep(0.5 + pause)
    cpu, before, began = time.process_time(), sum(counts), time.perf_counter()
    time.sleep(seconds)
    posts, took = sum(counts) - before, time.perf_counter() - began
    pipe.send(Floor((time.process_time() - cpu) / posts * 1000, posts / took))
    ended.set()
