"""The OpenAPI document of the JSON API: one line for each operation, and the shapes that it takes and gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from koa_worker import RESEARCH_NOTICE, __version__
from koa_worker.store import State
from koa_worker.values import GRADES, Role, Side
from koa_worker.web import shapes

_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 403, 429, 500, 503)  # what any operation may answer
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_MORE_ABOUT = {
    400: "The request cannot be understood.",
    401: "Without a login or a good token.",
    403: "The role does not allow it, or the request is another site's.",
    404: "There is no such thing.",
    408: "It took longer than [web] upload_seconds.",
    413: "The body is larger than the limit.",
    429: "Too many requests; Retry-After says how long to wait.",
    500: "A fault of ours.",
    503: "The database does not answer, or too many uploads wait.",
    507: "The disk is full.",
}

Shape = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to ask."""

    name: str
    method: str
    path: str
    says: str
    role: Role
    gives: Shape | str  # a shape, or the kind of a file
    status: int = 200
    takes: Shape | str | None = None
    refused: tuple[int, ...] = ()  # beside what any operation may answer
    asks: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # parameters of the query


def _words(*values: str, several: bool = True) -> dict[str, Any]:
    one = {"type": "string", "enum": list(values)}
    return {"type": "array", "items": one, "maxItems": 10} if several else one


_DAY = {"type": "string", "format": "date"}
_FILTERS = {
    "state": _words(*State),
    "kl": _words(*map(str, GRADES)),
    "side": _words(*Side),
    "review": _words("yes", "no", several=False),
    "from": _DAY,
    "to": _DAY,
    "first": _words("review", several=False),
    "after": {"type": "string", "maxLength": 80, "description": "Where the page before ended; it is in its `next`."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 200},
}

_KNEE = "/studies/{key}/files/{file_id}/knees/{position}"
OPERATIONS = (
    Operation("document", "get", "/openapi.json", "This document.", Role.VIEW, "application/json"),
    Operation("me", "get", "/me", "Who asks.", Role.VIEW, shapes.Me),
    Operation("status", "get", "/status", "What waits, is done, was rejected and failed.", Role.VIEW, shapes.Counts),
    Operation(
        "upload",
        "post",
        "/uploads",
        "Takes a file: the body is its bytes. Its name may be in Content-Disposition.",
        Role.READ,
        shapes.Upload,
        status=202,
        takes="application/octet-stream",
        refused=(408, 413, 507),
    ),
    Operation(
        "uploaded", "get", "/uploads/{upload_id}", "What became of it.", Role.READ, shapes.Upload, refused=(404,)
    ),
    Operation(
        "results",
        "get",
        "/results",
        "Graded knees and other files, newest first.",
        Role.VIEW,
        shapes.Results,
        asks=_FILTERS,
    ),
    Operation("study", "get", "/studies/{key}", "Everything about a study.", Role.VIEW, shapes.Study, refused=(404,)),
    Operation(
        "record_reading",
        "post",
        "/studies/{key}/readings",
        "Keeps a reader's own grade of a knee.",
        Role.READ,
        shapes.Study,
        status=201,
        takes=shapes.NewReading,
        refused=(404, 413),
    ),
    Operation(
        "report", "get", "/studies/{key}/report.pdf", "The report.", Role.READ, "application/pdf", refused=(404,)
    ),
    Operation(
        "dicom",
        "get",
        "/studies/{key}/results.zip",
        "The results as DICOM objects.",
        Role.READ,
        "application/zip",
        refused=(404,),
    ),
    Operation(
        "frame",
        "get",
        "/studies/{key}/files/{file_id}/frame.jpg",
        "The radiograph, small.",
        Role.READ,
        "image/jpeg",
        refused=(404,),
    ),
    Operation("crop", "get", f"{_KNEE}/crop.png", "A knee as the net saw it.", Role.VIEW, "image/png", refused=(404,)),
    Operation(
        "heatmap",
        "get",
        f"{_KNEE}/heatmap.png",
        "Where the net looked, to be laid over the crop.",
        Role.VIEW,
        "image/png",
        refused=(404,),
    ),
    Operation("agreement", "get", "/agreement", "Readers against the machine.", Role.VIEW, shapes.Agreement),
)


@cache
def document() -> str:
    """As JSON text."""
    return json.dumps(_document(), indent=1)


def _document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "koa-worker",
            "version": __version__,
            "description": f"Grades of knee radiographs. {RESEARCH_NOTICE}",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}, {"login": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by koa-worker user token."},
                "login": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "koa",
                    "description": "Posts show X-CSRF-Token too.",
                },
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    refused = sorted({*_ALWAYS, *operation.refused})
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "description": f"For the role {operation.role} and those that may more.",
        "parameters": [*_in_path(operation.path), *_in_query(operation.asks)],
        "responses": {
            str(operation.status): {"description": operation.says, "content": _content(operation.gives)},
            **{
                str(status): {"description": _MORE_ABOUT[status], "content": _content(shapes.Refused)}
                for status in refused
            },
        },
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.takes)}
    return described


def _content(of: Shape | str) -> dict[str, Any]:
    if isinstance(of, str):
        return {of: {"schema": {} if of == "application/json" else {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=of.__name__)}}}


def _in_path(path: str) -> list[dict[str, Any]]:
    named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    whole = {"type": "integer", "minimum": 0, "maximum": 100}
    return [
        {"name": name, "in": "path", "required": True, "schema": whole if name == "position" else _ID} for name in named
    ]


def _in_query(asks: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in asks.items()]


def _schemas() -> dict[str, Any]:
    given: list[Shape] = [operation.gives for operation in OPERATIONS if not isinstance(operation.gives, str)]
    given.append(shapes.Refused)
    taken: list[Shape] = [operation.takes for operation in OPERATIONS if isinstance(operation.takes, type)]
    said: list[tuple[Shape, Literal["validation", "serialization"]]] = [(one, "serialization") for one in given]
    said += [(one, "validation") for one in taken]
    _, described = models_json_schema(list(dict.fromkeys(said)), ref_template=_REFERENCE)
    schemas: dict[str, Any] = described["$defs"]
    return schemas
