"""Builds the OpenAPI document from the schemas that check the requests, and from those of the answers.

Import it when the document is asked for, not before: apispec and the table of routes cost a start 0.1 s.
https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from marshmallow import fields, validate

from twitter_connector.cim.envelope import IdText

from .middleware import PREFIX
from .operations import JSON, OPERATIONS, Answer, Form, Operation

_DESCRIPTION = (
    "Connects X (Twitter) with Expertflow CIM. Each route answers with and without the prefix, and with and without a "
    "slash at the end. docs/reference.md says more about each."
)
# An internal route takes a token; without a configured one, it takes callers from inside.
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "internal": [{"token": []}, {}],
    "x": [{"signature": []}],
    "open": [],
}


def document() -> dict[str, Any]:
    """Return the OpenAPI document of all routes."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="Twitter (X) connector",
        version=version("twitter-connector"),
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _DESCRIPTION},
        servers=[{"url": "/"}, {"url": PREFIX}],
    )
    assert plugin.converter is not None
    plugin.map_to_openapi_type(IdText, "string", None)  # type: ignore[no-untyped-call]
    plugin.map_to_openapi_type(fields.Method, "string", None)  # type: ignore[no-untyped-call]
    plugin.converter.add_attribute_function(_joined_validators)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "description": "CONNECTOR_API_TOKEN"})
    spec.components.security_scheme(
        "signature", {"type": "apiKey", "in": "header", "name": "x-twitter-webhooks-signature"}
    )
    for path in dict.fromkeys(path for operation in OPERATIONS for path in operation.paths):
        operations = {
            operation.method.lower(): _described(operation, path) for operation in OPERATIONS if path in operation.paths
        }
        spec.path(path, operations=operations)
    whole: dict[str, Any] = spec.to_dict()
    return whole


def _schema_name(schema: Form) -> str:
    # The resolver takes an instance too.
    name: str = resolver(schema)  # type: ignore[arg-type]
    return name


def _described(operation: Operation, path: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "security": _SECURITY[operation.caller],
        "parameters": list(_parameters(operation, path)),
        "responses": {str(status): _answer(answer) for status, answer in sorted(operation.answers.items())},
    }
    if path == operation.paths[0]:
        described["operationId"] = operation.name
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": operation.body}}}
    return described


def _parameters(operation: Operation, path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
    if operation.query is not None:
        yield {"in": "query", "schema": operation.query}


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.is_text:
        described["content"] = {answer.media: {"schema": {"type": "string"}}}
    elif answer.forms:
        schema = answer.forms[0] if len(answer.forms) == 1 else {"anyOf": list(answer.forms)}
        described["content"] = {answer.media: {"schema": schema}}
    return described


def _joined_validators(_: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Return length and pattern of validators that are joined by `And`, which apispec does not look into.

    ret: the field's description so far. An empty default stands for "not given", so it is taken out.
    """
    if ret.get("default") == "":
        del ret["default"]
    described: dict[str, Any] = {}
    for joined in field.validators:
        for validator in joined.validators if isinstance(joined, validate.And) else ():
            if isinstance(validator, validate.Length):
                described |= {"minLength": validator.min, "maxLength": validator.max}
            elif isinstance(validator, validate.Regexp):
                # ECMA 262 has no \Z.
                described["pattern"] = str(validator.regex.pattern).removesuffix(r"\Z").removesuffix("$") + "$"
    return described
