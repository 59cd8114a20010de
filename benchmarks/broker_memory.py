"""What a hundred thousand conversations leave in the broker: memory before, with all of them waiting, and after.

Uses the broker as the service starts it and the lanes as the web and the workers do; nobody is called outside.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks import events
from twitter_connector import broker
from twitter_connector.config import Settings
from twitter_connector.model.work import Direction, Entry, Item, Link, QuestionClosed
from twitter_connector.relay.intake import take_in_activities
from twitter_connector.schemas.activity_v1 import pieces
from twitter_connector.store.connection import Line, connect
from twitter_connector.store.lanes import Lanes
from twitter_connector.store.ledger import Ledger, Step
from twitter_connector.translate.inbound import message_id

CONVERSATIONS = 100_000
# Of the conversations, so many have a reply as well; its marks are larger, and a tenth tells their size.
REPLIES = 10_000
BATCH = 200
THREADS = 4


def main() -> None:
    """Print one line for each direction."""
    with _running() as client:
        lanes = Lanes(client, Line(client, patient=True))
        _through(client, lanes, "events", CONVERSATIONS, _event)
        _through(client, lanes, "replies", REPLIES, _reply)
