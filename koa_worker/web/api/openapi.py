"""The OpenAPI document of the JSON API: one line for each operation, and the shapes of its requests and answers."""

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
from koa_worker.web.api import shapes

_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 403, 429, 500, 503)  # errors of every operation
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_MORE_ABOUT = {
    400: "The request is invalid.",
    401: "There is no login and no valid token.",
    403: "The role does not allow this, the answer is hidden from a blind reader, or the request comes from elsewhere.",
    404: "This does not exist.",
    408: "The request took longer than its timeout, such as [web] upload_seconds.",
    413: "The body is larger than the limit.",
    429: "The rate limit is reached. Retry-After gives the seconds to wait.",
    500: "Internal error.",
    503: "The database does not answer, or too many uploads are waiting.",
    507: "The disk is full.",
}

Shape = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API."""

    name: str
    method: str
    path: str
    says: str
    role: Role
    gives: Shape | str  # a shape, or the media type of a file
    status: int = 200
    takes: Shape | str | None = None
    refused: tuple[int, ...] = ()  # errors besides those of all operations
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
    "after": {
        "type": "string",
        "maxLength": 80,
        "description": "Where the previous page ended; the `next` of that page contains it.",
    },
    "limit": {"type": "integer", "minimum": 1, "maximum": 200},
}

_KNEE = "/studies/{key}/files/{file_id}/knees/{position}"
OPERATIONS = (
    Operation("document", "get", "/openapi.json", "This document.", Role.VIEW, "application/json"),
    Operation("me", "get", "/me", "The user of this request.", Role.VIEW, shapes.Me),
    Operation(
        "status",
        "get",
        "/status",
        "Counts of files that are waiting, graded, rejected and failed.",
        Role.VIEW,
        shapes.Counts,
    ),
    Operation(
        "upload",
        "post",
        "/uploads",
        "Uploads a file. The body is the content of the file. Content-Disposition may give its name.",
        Role.READ,
        shapes.Upload,
        status=202,
        takes="application/octet-stream",
        refused=(408, 413, 507),
    ),
    Operation(
        "uploaded", "get", "/uploads/{upload_id}", "The state of an upload.", Role.READ, shapes.Upload, refused=(404,)
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
        "Stores a reader's own grade of a knee.",
        Role.READ,
        shapes.Study,
        status=201,
        takes=shapes.NewReading,
        refused=(404, 413),
    ),
    Operation(
        "report", "get", "/studies/{key}/report.pdf", "The report as PDF.", Role.READ, "application/pdf", refused=(404,)
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
        "The radiograph, reduced in size.",
        Role.READ,
        "image/jpeg",
        refused=(404,),
    ),
    Operation(
        "crop", "get", f"{_KNEE}/crop.png", "A knee as the model saw it.", Role.VIEW, "image/png", refused=(404,)
    ),
    Operation(
        "heatmap",
        "get",
        f"{_KNEE}/heatmap.png",
        "The heatmap, as an overlay for the crop: where the model looked.",
        Role.VIEW,
        "image/png",
        refused=(404,),
    ),
    Operation("agreement", "get", "/agreement", "Agreement of readers with the model.", Role.VIEW, shapes.Agreement),
)


@cache
def document() -> str:
    """The document as JSON text."""
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
                "token": {"type": "http", "scheme": "bearer", "description": "A token from koa-worker user token."},
                "login": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "koa",
                    "description": "POST requests also need the header X-CSRF-Token.",
                },
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    refused = sorted({*_ALWAYS, *operation.refused})
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "description": f"Needs the role {operation.role} or a higher one.",
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
