"""The JSON API, first version: what the pages show and do, for scripts."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, g
from pydantic import BaseModel

from koa_worker.values import Role
from koa_worker.web import shapes, upload
from koa_worker.web.access import may_see_patients, needs
from koa_worker.web.as_shapes import to_upload
from koa_worker.web.desk import desk
from koa_worker.web.forgery import token
from koa_worker.web.refusals import refuse

pages = Blueprint("api", __name__, url_prefix="/api/v1")


@pages.get("/me")
@needs(Role.VIEW)
def me() -> Response:
    return _said(shapes.Me(name=g.user.name, role=g.user.role.value, may_see_patients=may_see_patients(), csrf=token()))


@pages.get("/status")
@needs(Role.VIEW)
def status() -> Response:
    counts = desk().store.worklist_counts()
    states = {state.value: count for state, count in counts.by_state.items()}
    return _said(
        shapes.Counts(
            **states, parked=counts.parked, done_today=counts.done_today, review=counts.review, limit=counts.limit
        )
    )


@pages.post("/uploads")
@needs(Role.READ)
def take_upload() -> Response:
    """The file is the body."""
    answer = _said(to_upload(upload.take()), HTTPStatus.ACCEPTED)
    answer.headers["Location"] = answer.json["url"]  # type: ignore[index]
    return answer


@pages.get("/uploads/<upload_id>")
@needs(Role.READ)
def show_upload(upload_id: str) -> Response:
    found = desk().store.find_upload(upload_id)
    if found is None:
        refuse(404, "not_found")
    return _said(to_upload(found))


def _said(shape: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(shape.model_dump_json(), status, mimetype="application/json")
