"""The OpenAPI document, made of the endpoints; and their table, for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec
from msgspec import Struct

from recoup.web.api.endpoint import MEDIA, PREFIX, Endpoint, Nothing
from recoup.web.api.refusals import STATUS, code_of

PATH: Final = f"{PREFIX}/openapi.json"
_SCHEMAS: Final = "#/components/schemas/{name}"
#: Of errors that need not be told one by one.
_REFUSED: Final = {
    "400": "The request can not be read; `code` and `message` say what is wrong in it.",
    "401": "No key, or one that opens nothing.",
    "403": "The key has not the scope.",
    "404": "There is no such thing.",
    "409": "The state of things, or the Idempotency-Key, forbids it.",
    "422": "A value can not be, or the processor refused it.",
    "503": "It can not be answered just now; `Retry-After` says when.",
}


#: What an endpoint answers that answers with a file.
_FILE: Final = {MEDIA: {"schema": {"type": "string", "format": "binary"}}}


class Problem(Struct, frozen=True):
    code: str
    message: str
    request_id: str


class Error(Struct, frozen=True):
    """What every refusal is."""

    error: Problem


class Outstanding(Struct, frozen=True):
    key: str
    code: str
    message: str


class Pending(Struct, frozen=True):
    """The command is on record and goes on: the same request with the same key tells the end."""

    pending: Outstanding


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    types: list[type[Struct]] = [Error, Pending]
    for one in endpoints:
        types += [one.answers, one.takes]
    unique = [one for one in dict.fromkeys(types) if one is not Nothing]
    schemas, components = msgspec.json.schema_components(unique, ref_template=_SCHEMAS)
    known: dict[type[Struct], Any] = dict(zip(unique, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.route, {})[one.method.lower()] = _operation(one, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Recoup", "version": version("recoup")},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "rk_ID_SECRET"}
            },
        },
    }


def table(endpoints: Sequence[Endpoint]) -> str:
    """Return the endpoints as a table of Markdown."""
    rows = ["| endpoint | scope | what it does |", "|---|---|---|"]
    rows += [f"| `{e.method} {e.path}` | `{e.scope}` | {e.summary} |" for e in endpoints]
    return "\n".join(rows)


def errors_table() -> str:
    """Return how our errors are answered, as a table of Markdown."""
    rows = ["| error | status | code |", "|---|---|---|"]
    for kind, status in STATUS.items():
        rows.append(f"| `{kind.__name__}` | {status} | `{code_of(kind)}` |")
    return "\n".join(rows)


def _operation(one: Endpoint, known: dict[type[Struct], Any]) -> dict[str, Any]:
    wrong = {"$ref": _SCHEMAS.format(name="Error")}
    answers: dict[str, Any] = {
        str(one.status): {
            "description": "Done.",
            "content": _FILE if one.file else _json(known[one.answers]),
        }
    }
    if one.keyed:
        answers["202"] = {
            "description": "On record, and carried out later.",
            "content": _json({"$ref": _SCHEMAS.format(name="Pending")}),
        }
    for status, words in _REFUSED.items():
        answers[status] = {"description": words, "content": _json(wrong)}
    made: dict[str, Any] = {
        "operationId": _name(one),
        "tags": [one.path.split("/")[1]],
        "summary": one.summary,
        "security": [{"key": [one.scope]}],
        "parameters": list(_parameters(one)),
        "responses": answers,
    }
    if one.takes is not Nothing:
        body = {"content": _json(known[one.takes]), "required": _required(one.takes)}
        made["requestBody"] = body
    return made


def _parameters(one: Endpoint) -> Iterator[dict[str, Any]]:
    if "{id}" in one.path:
        yield {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "Our id, or the processor's"
            + (", or owner_type:owner_id." if one.path.startswith("/customers") else "."),
            "schema": {"type": "string", "minLength": 1},
        }
    if one.keyed:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "The same request with the same key is done once.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }
    _, components = msgspec.json.schema_components([one.query])
    for name, schema in components[one.query.__name__]["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": schema}


def _required(takes: type[Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(takes))


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _name(one: Endpoint) -> str:
    return re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_")
