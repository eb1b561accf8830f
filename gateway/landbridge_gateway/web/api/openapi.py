"""The API described for machines, read from the routes themselves and from the contract's schemas."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Blueprint, current_app
from werkzeug.routing import Rule

from landbridge_gateway import __version__
from landbridge_gateway.model import Json
from landbridge_gateway.web.access import READ, access
from landbridge_gateway.web.api.described import CALLS, EVERYBODYS, HEADERS, IDS, Call
from landbridge_gateway.web.services import services

blueprint = Blueprint("api_openapi", __name__)
_PREFIX = "/api/v1"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint", "detail"],
            "properties": {
                "code": {"type": "string", "pattern": "^[a-z_]+$"},
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
                "detail": {"type": "object"},
            },
        }
    },
}


@blueprint.get("/openapi.json")
@access(READ)
def describe() -> Json:
    """This description."""
    schemas = {name: _local_references(document, name) for name, document in services().schemas.documents.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Landbridge", "version": __version__},
        "servers": [{"url": _PREFIX}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas | {"failure": _ERROR},
        },
    }


def _paths() -> Json:
    paths: Json = {}
    for rule in current_app.url_map.iter_rules():
        if rule.rule.startswith(_PREFIX):
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(_PREFIX)) or "/"
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(path, {})[method.lower()] = _operation(rule)
    return dict(sorted(paths.items()))


def _operation(rule: Rule) -> Json:
    told, call = inspect.getdoc(current_app.view_functions[rule.endpoint]) or "", CALLS[rule.endpoint]
    operation: Json = {
        "operationId": rule.endpoint.removeprefix("api_"),
        "summary": told.partition("\n")[0],
        "parameters": list(_parameters(sorted(rule.arguments), call)),
        "responses": dict(_responses(call)),
    }
    if call.body == "bytes":
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    elif call.body:
        schema = {"$ref": f"#/components/schemas/{call.body}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(places: list[str], call: Call) -> Iterator[Json]:
    for name in places:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": IDS[name]}}
    for name, schema in (call.fields or {}).items():
        yield {"name": name, "in": "query", "required": name in call.required, "schema": schema}
    for name in call.headers:
        yield {"name": name, "in": "header", "required": False, "schema": HEADERS[name]}


def _responses(call: Call) -> Iterator[tuple[str, Json]]:
    for status, fields in call.answers.items():
        content = {call.media: {"schema": {"type": "object", "required": list(fields)} if fields else {}}}
        about: Json = {} if status == HTTPStatus.NOT_MODIFIED else {"content": content}
        yield str(status), {"description": "As docs/protocol.md says.", **about}
    failure = {"application/json": {"schema": {"$ref": "#/components/schemas/failure"}}}
    for status in sorted({*EVERYBODYS, *call.errors}):
        yield str(status), {"description": HTTPStatus(status).phrase, "content": failure}


def _local_references(part: Any, name: str) -> Any:
    """The schema with every reference turned into one that stays inside this document."""
    if isinstance(part, list):
        return [_local_references(item, name) for item in part]
    if not isinstance(part, dict):
        return part
    found = {key: _local_references(value, name) for key, value in part.items() if key not in ("$id", "$schema")}
    reference = found.get("$ref")
    if isinstance(reference, str):
        document, _, fragment = reference.partition("#")
        target = document.removeprefix("landbridge:") or name
        found["$ref"] = f"#/components/schemas/{target}{fragment}"
    return found
