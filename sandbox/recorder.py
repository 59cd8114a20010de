"""Requests to API v2 as they came, for tests that check them against X's OpenAPI document.

Credentials are never recorded: no Authorization header, and no body of a token request. Files become their size, and
long text such as Base64 is cut.
"""

import threading
from collections import deque
from typing import Any

from flask import Request

from sandbox.requests_log import Entry

_KEPT = 20_000
_TEXT_CHARACTERS = 20_000
# Base64 stays Base64 when it is cut at a multiple of four.
_CUT_CHARACTERS = 64


class Recorder:
    """The latest requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()

    def record(self, request: Request, entry: Entry) -> None:
        """Keep a request that has been answered."""
        made = {
            "seq": entry.seq,
            "at": entry.at,
            "method": request.method,
            "path": request.path,
            "query": [[name, value] for name, value in request.args.items(multi=True)],
            "auth": entry.auth,
            "account_id": entry.account_id,
            "content_type": request.mimetype,
            "body": None,
            "form": None,
            "status": entry.status,
        }
        if not request.path.startswith("/2/oauth2/"):
            made |= _body(request)
        with self._lock:
            self._records.append(made)

    def since(self, seq: int, path: str | None) -> list[dict[str, Any]]:
        """Return requests after a number of the log, oldest first. `path` is a part of the path."""
        with self._lock:
            records = list(self._records)
        return [record for record in records if record["seq"] > seq and (path is None or path in record["path"])]


def _body(request: Request) -> dict[str, Any]:
    if request.mimetype == "multipart/form-data":
        form: list[dict[str, Any]] = [
            {"name": name, "value": _cut(value)} for name, value in request.form.items(multi=True)
        ]
        for name, file in request.files.items(multi=True):
            form.append({"name": name, "file_name": file.filename, "mime": file.mimetype})
        return {"form": form}
    if request.is_json:
        return {"body": _cut(request.get_json(silent=True))}
    return {"body": _cut(request.get_data(as_text=True)) or None} if not request.form else {"form": []}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _TEXT_CHARACTERS else value[:_CUT_CHARACTERS]
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner) for inner in value]
    return value
