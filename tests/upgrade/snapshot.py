"""A broker as an old release left it: read into JSON, and written into another broker as if it had just been left.

Three things differ between the two places. Moments: every number within a day of the moment it was taken is one, and
is moved by the same span. Ids: the sandbox gives new ones to what is repeated in it, and they replace the old ones
everywhere. Credentials: the sandbox makes new ones, and they are sealed with the same key.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from cryptography.fernet import Fernet
from requests_oauthlib import OAuth1

from .service import Setup

Json = dict[str, Any]
# Ids of CIM messages made from Twitter's are UUIDs of version 5 under this one.
NAMESPACE = UUID("6f1f6d0e-3d5c-5b0a-9a86-0d4f2b7c1e55")
DAY_MS = 86_400_000
CREDENTIALS = ("API-KEY", "API-KEY-SECRET", "ACCESS-TOKEN", "ACCESS-TOKEN-SECRET")
_MILLISECONDS = re.compile(r"(?<![\w.])\d{13}(?![\w])")
_SECONDS = re.compile(r"(?<![\w.])\d{10}(?![\w])")
_ACCOUNTS = "tc:accounts"


def cim_id(account_id: str, event_id: str, part: int = 0) -> str:
    """Return the id CIM has for an event, or for its file where it has words too (part 1)."""
    return str(uuid.uuid5(NAMESPACE, f"{account_id}:{event_id}" + (f":{part}" if part else "")))


# Out of a broker


def dump(client: redis.Redis) -> tuple[Json, int]:
    """Return every key with type, value and remaining life in ms (null: for ever), and the broker's time in ms."""
    seconds, micros = client.time()
    return {key: _read(client, key) for key in sorted(client.scan_iter(count=1000))}, seconds * 1000 + micros // 1000


def _read(client: redis.Redis, key: str) -> Json:
    kind, life = client.type(key), client.pttl(key)
    value: Any
    if kind == "string":
        value = client.get(key)
    elif kind == "hash":
        value = client.hgetall(key)
    elif kind == "list":
        value = client.lrange(key, 0, -1)
    elif kind == "set":
        value = sorted(client.smembers(key))
    else:
        assert kind == "zset", f"{key} is a {kind}"
        value = [[member, score] for member, score in client.zrange(key, 0, -1, withscores=True)]
    return {"type": kind, "ttl_ms": life if life >= 0 else None, "value": value}


# Into another one


@dataclass
class Snapshot:
    """What a broker held (`keys`), what the journal beside it held, and what the sandbox has to know for it."""

    taken_ms: int
    key: str
    hosts: Mapping[str, str]
    steps: list[Json]
    keys: Json
    journal: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass
class Loaded:
    """What came of loading. new: old text -> what stands in its place. accounts: id -> body that registers it."""

    new: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Json] = field(default_factory=dict)

    def as_before(self, text: str) -> str:
        """Return a text of the new place with the ids it had in the old one."""
        return _replaced(text, {new: old for old, new in self.new.items()})


def load(snapshot: Snapshot, setup: Setup, var_dir: Path) -> Loaded:
    """Repeat in the sandbox what it has to know, and write the keys and the journal."""
    loaded = Loaded(new={snapshot.hosts["sandbox"]: setup.sandbox_host})
    loaded.new[snapshot.hosts["connector"]] = f"127.0.0.1:{setup.port}"
    for step in snapshot.steps:
        SandboxWriter(setup, loaded).write(step)
    by_ms = int(time.time() * 1000) - snapshot.taken_ms
    text = json.dumps(snapshot.keys, ensure_ascii=False)
    keys: Json = json.loads(_replaced(_moved(text, snapshot.taken_ms, by_ms), loaded.new))
    vault = Fernet(snapshot.key)
    for account_id, row in keys[_ACCOUNTS]["value"].items():
        fields = json.loads(row)
        secrets = _replaced(vault.decrypt(fields["sealed"].encode()).decode(), loaded.new)
        keys[_ACCOUNTS]["value"][account_id] = json.dumps(
            {**fields, "sealed": vault.encrypt(secrets.encode()).decode()}
        )
    for key, entry in keys.items():
        _write(setup.client, key, entry)
    for name, content in snapshot.journal.items():
        path = var_dir / "journal" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    return loaded


def _write(client: redis.Redis, key: str, entry: Json) -> None:
    kind, value = entry["type"], entry["value"]
    if kind == "string":
        client.set(key, value)
    elif kind == "hash":
        client.hset(key, mapping=value)
    elif kind == "list":
        client.rpush(key, *value)
    elif kind == "set":
        client.sadd(key, *value)
    else:
        client.zadd(key, dict(value))
    if entry["ttl_ms"] is not None:
        client.pexpire(key, entry["ttl_ms"])


def _moved(text: str, taken_ms: int, by_ms: int) -> str:
    """Return the text with every moment later by the same span."""

    def milliseconds(match: re.Match[str]) -> str:
        return str(int(match[0]) + by_ms) if abs(int(match[0]) - taken_ms) <= DAY_MS * 8 else match[0]

    def seconds(match: re.Match[str]) -> str:
        near = abs(int(match[0]) * 1000 - taken_ms) <= DAY_MS
        return str(int(match[0]) + by_ms // 1000) if near else match[0]

    return _SECONDS.sub(seconds, _MILLISECONDS.sub(milliseconds, text))


def _replaced(text: str, new: Mapping[str, str]) -> str:
    if not new:
        return text
    # All at once, the longest first, so that no replacement is replaced again.
    pattern = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))))
    return pattern.sub(lambda match: new[match[0]], text)


# What the sandbox has to know


@dataclass
class SandboxWriter:
    """Writes one step after another into a sandbox, and notes each id that is another one there."""

    setup: Setup
    loaded: Loaded

    def write(self, step: Json) -> None:
        getattr(self, f"_{step['do']}")(**{name: value for name, value in step.items() if name != "do"})

    def _account(self, fields: Json, was: Json, known: bool) -> None:
        made: Json
        if known:
            made = self.setup.sandbox.get(f"accounts/{fields['id']}")
        else:
            made = self.setup.sandbox.post("accounts", **fields)
        self.loaded.accounts[fields["id"]] = made
        for name in CREDENTIALS:
            self._note(was[name], made[name])

    def _customer(self, fields: Json) -> None:
        self.setup.sandbox.post("customers", **fields)

    def _file(self, tag: str, name: str, mime: str, content: Json) -> None:
        url = f"{self.setup.sandbox.url}/file-engine/api/uploadFileStream"
        file = (name, bytes_of(content), mime)
        self.setup.ask("POST", url, data={"conversationId": tag}, files={"file": file})

    def _received(self, fields: Json, file: Json | None, was: Json) -> None:
        """The customer wrote; no event is sent, since the broker holds it already."""
        made = customer_writes(self.setup, {**fields, "deliver": "false" if file else False}, file)
        event = self.shown(fields["account_id"], made["id"])
        for old, new in _differences(was, event):
            self._note(old, new)
        account_id = fields["account_id"]
        for part in (0, 1):
            self._note(cim_id(account_id, was["id"], part), cim_id(account_id, made["id"], part))

    def _sent(self, account_id: str, customer_id: str, text: str, was: str) -> None:
        data = {"target": {"recipient_id": customer_id}, "message_data": {"text": text}}
        body = {"event": {"type": "message_create", "message_create": data}}
        url = f"{self.setup.sandbox.url}/1.1/direct_messages/events/new.json"
        answer = self.setup.ask("POST", url, json=body, auth=self._signed(account_id))
        self._note(was, answer["event"]["id"])

    def _upload(self, account_id: str, mime: str, category: str, content: Json, segments: int, was: str) -> None:
        """Begin an upload as far as it had come. segments: of 1 MiB; -1: all of them, and Twitter processes it."""
        url, auth = f"{self.setup.sandbox.url}/1.1/media/upload.json", self._signed(account_id)
        whole = bytes_of(content)
        form = {"total_bytes": str(len(whole)), "media_type": mime, "media_category": category}
        media_id = self.setup.ask("POST", url, data={"command": "INIT", **form}, auth=auth)["media_id_string"]
        parts = [whole[start : start + 2**20] for start in range(0, len(whole), 2**20)]
        for number, part in enumerate(parts if segments < 0 else parts[:segments]):
            fields = {"command": "APPEND", "media_id": media_id, "segment_index": str(number)}
            self.setup.ask("POST", url, data=fields, files={"media": ("media", part)}, auth=auth)
        if segments < 0:
            self.setup.ask("POST", url, data={"command": "FINALIZE", "media_id": media_id}, auth=auth)
        self._note(was, media_id)

    def shown(self, account_id: str, event_id: str) -> Json:
        """Return a message as Twitter shows it to the account."""
        url = f"{self.setup.sandbox.url}/1.1/direct_messages/events/show.json"
        event: Json = self.setup.ask("GET", url, params={"id": event_id}, auth=self._signed(account_id))["event"]
        return event

    def _signed(self, account_id: str) -> OAuth1:
        body = self.loaded.accounts[account_id]
        return OAuth1(*(body[name] for name in CREDENTIALS))

    def _note(self, old: str, new: str) -> None:
        if old != new:
            self.loaded.new[old] = new


def customer_writes(setup: Setup, fields: Json, file: Json | None) -> Json:
    """Let a customer write, with a file where one is given; return the message as Twitter stores it."""
    url = f"{setup.sandbox.url}/_sandbox/customer/messages"
    if file is None:
        made: Json = setup.ask("POST", url, json=fields)
    else:
        made = setup.ask(
            "POST", url, data=fields, files={"media_file": (file["name"], bytes_of(file["content"]), file["mime"])}
        )
    return made


def content_of(start: bytes, size: int = 0) -> Json:
    """Return a file for JSON: how it begins, and how long it is with zeros behind that."""
    return {"start": base64.b64encode(start).decode(), "size": max(size, len(start))}


def bytes_of(content: Json) -> bytes:
    start = base64.b64decode(content["start"])
    return start + bytes(content["size"] - len(start))


def _differences(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """Yield the texts that differ between two events of the same shape. Moments are left to `_moved`."""
    if isinstance(old, dict):
        assert isinstance(new, dict)
        assert old.keys() == new.keys(), f"{sorted(old)} is {sorted(new)} now"
        for name in old:
            if name != "created_timestamp":
                yield from _differences(old[name], new[name])
    elif isinstance(old, list):
        assert len(old) == len(new)
        for one, other in zip(old, new, strict=True):
            yield from _differences(one, other)
    elif str(old) != str(new):
        yield str(old), str(new)
