"""Checks requests to API v2 against X's OpenAPI document: `payloads/x-v2/x-openapi-v2.json`, version 2.167.

The sandbox records what the connector asks (`GET /_sandbox/requests/recorded`); `complaints` says what of it is not in
the document. `EXCEPTIONS` lists where X's documentation, or X itself, differs from the document.
"""

import json
import re
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

DOCUMENT = Path(__file__).parent / "payloads" / "x-v2" / "x-openapi-v2.json"
EXCEPTIONS = {
    "sender_id": "`dm_event.fields`: the documentation and earlier documents have sender_id; this one does not.",
    "oauth.revoke": "The event type is in the documentation and is delivered, but is not in the document.",
    "token endpoint": "/2/oauth2/token and /2/oauth2/revoke are not in the document.",
    "segment_index": "A multipart field is text; the document wants a number.",
}
_HOST = "https://api.x.com"
_AUTHORIZATION = {"oauth": "OAuth x", "oauth2": "Bearer x", "bearer": "Bearer x"}
_BOUNDARY = "part-of-the-body"


def complaints(records: Iterable[dict[str, Any]]) -> list[str]:
    """Return one line for each recorded request that is not in the document, or not as the document has it."""
    found = []
    for record in records:
        if record["path"].startswith("/2/oauth2/"):
            continue
        problem = _unknown_parameters(record) or _invalid(record)
        if problem:
            found.append(f"{record['method']} {record['path']}: {problem}")
    return found


def answer_complaint(method: str, path: str, status: int, body: bytes, content_type: str = "application/json") -> str:
    """Return what is wrong with an answer of X; "" for one that is in the document."""
    request = MockRequest(_HOST, method.lower(), path, headers={"Authorization": "Bearer x"})
    try:
        _document().validate_response(request, MockResponse(body, status_code=status, content_type=content_type))
    except OpenAPIError as problem:
        return _words(problem)
    return ""


def _invalid(record: dict[str, Any]) -> str:
    args = {name: _without_sender_id(name, value) for name, value in record["query"]}
    body, content_type = _body(record)
    request = MockRequest(
        _HOST,
        record["method"].lower(),
        record["path"],
        args=args,
        headers={"Authorization": _AUTHORIZATION.get(record["auth"], "")},
        data=body,
        content_type=content_type,
    )
    try:
        with warnings.catch_warnings():
            # It says that it cannot look into an OAuth 2.0 token, which is the sandbox's task.
            warnings.simplefilter("ignore", UserWarning)
            _document().validate_request(request)
    except OpenAPIError as problem:
        return _words(problem)
    return ""


def _body(record: dict[str, Any]) -> tuple[bytes | None, str]:
    """Return body and content type as the request had them; a file is three bytes long."""
    body = record["body"]
    if record["form"] is not None:
        fields = {part["name"]: part.get("value", "AAAA") for part in record["form"]}
        if record["path"].endswith("/append") and str(fields.get("segment_index", "")).isdigit():
            return json.dumps({**fields, "segment_index": int(fields["segment_index"])}).encode(), "application/json"
        return _multipart(record["form"]), f"multipart/form-data; boundary={_BOUNDARY}"
    if body is None:
        return None, record["content_type"]
    if isinstance(body, dict) and body.get("event_type") == "oauth.revoke":
        body = {**body, "event_type": "dm.received"}
    return (body if isinstance(body, str) else json.dumps(body)).encode(), record["content_type"]


def _multipart(form: list[dict[str, Any]]) -> bytes:
    parts = []
    for part in form:
        head = f'Content-Disposition: form-data; name="{part["name"]}"'
        if "value" not in part:
            head += f'; filename="{part["file_name"]}"\r\nContent-Type: {part["mime"]}'
        parts.append(f"--{_BOUNDARY}\r\n{head}\r\n\r\n{part.get('value', 'abc')}\r\n")
    return "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()


def _without_sender_id(name: str, value: str) -> str:
    if name != "dm_event.fields":
        return value
    return ",".join(field for field in value.split(",") if field != "sender_id")


def _unknown_parameters(record: dict[str, Any]) -> str:
    """Return the query parameters that the operation does not have; X refuses them, openapi-core does not."""
    operation = _operation(record["method"].lower(), record["path"])
    if operation is None:
        return ""
    shared = _spec()["components"].get("parameters", {})
    parameters = [
        shared[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter
        for parameter in operation.get("parameters", [])
    ]
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    unknown = sorted({name for name, _ in record["query"]} - known)
    return f"unknown query parameters {', '.join(unknown)}" if unknown else ""


def _operation(method: str, path: str) -> dict[str, Any] | None:
    # A template without variables is the better match: /2/users/me before /2/users/{id}.
    for template, item in sorted(_spec()["paths"].items(), key=lambda entry: entry[0].count("{")):
        if method in item and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            found: dict[str, Any] = item[method]
            return found
    return None


def _words(problem: Exception) -> str:
    cause = problem.__cause__
    details = [error.message for error in getattr(cause, "schema_errors", ())]
    return " ".join([str(problem).split(": (<")[0][:300], *details])


@cache
def _spec() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return found


@cache
def _document() -> OpenAPI:
    # X's own document does not pass the check of documents.
    return OpenAPI.from_dict(_spec(), config=Config(spec_validator_cls=None))  # type: ignore[arg-type]
