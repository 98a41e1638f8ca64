"""The JSON API, first version: what the pages show and do, for scripts."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request, url_for
from pydantic import BaseModel, ValidationError

from koa_worker.values import Role
from koa_worker.web import receive_upload, study
from koa_worker.web.agreement import add
from koa_worker.web.api import openapi, shapes
from koa_worker.web.api.to_shapes import to_result, to_study, to_upload
from koa_worker.web.context import context
from koa_worker.web.filters import cursor_of, wanted_of
from koa_worker.web.guard.access import may_see_patients, needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import not_for_blind
from koa_worker.web.guard.forgery import token
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.images import pictures

pages = Blueprint("api", __name__, url_prefix="/api/v1")

_MOST_RESULTS = 200
_FILTERS = {"state", "kl", "side", "review", "from", "to", "first", "after", "limit"}


@pages.get("/openapi.json")
@needs(Role.VIEW)
def document() -> Response:
    """The description of this API."""
    return Response(openapi.document(), mimetype="application/json")


@pages.get("/me")
@needs(Role.VIEW)
def me() -> Response:
    return _said(shapes.Me(name=g.user.name, role=g.user.role.value, may_see_patients=may_see_patients(), csrf=token()))


@pages.get("/status")
@needs(Role.VIEW)
@not_for_blind
def status() -> Response:
    store = context().store
    counts = context().kept_counts.of_files(store, store.entries.stamp())
    states = {state.value: count for state, count in counts.by_state.items()}
    return _said(shapes.Counts(**states, parked=counts.parked, done_today=counts.done_today, review=counts.review))


@pages.post("/uploads")
@needs(Role.READ)
def take_upload() -> Response:
    """Takes an upload; the body is the file."""
    answer = _said(to_upload(receive_upload.take()), HTTPStatus.ACCEPTED)
    answer.headers["Location"] = answer.json["url"]  # type: ignore[index]
    return answer


@pages.get("/uploads/<upload_id>")
@needs(Role.READ)
def show_upload(upload_id: str) -> Response:
    found = context().store.uploads.find(upload_id)
    if found is None:
        refuse(404, "not_found")
    return _said(to_upload(found))


@pages.get("/results")
@needs(Role.VIEW)
@not_for_blind
def results() -> Response:
    """The rows of the worklist, newest first. There is no text search here, because URLs are logged and cached."""
    asked = request.args
    if not set(asked) <= _FILTERS:
        refuse(400, "bad_request")
    limit = asked.get("limit", str(_MOST_RESULTS))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _MOST_RESULTS):
        refuse(400, "bad_request")
    sees = may_see_patients()
    page = context().store.worklist.page(wanted_of(asked), cursor_of(asked), int(limit), may_see_patients=sees)
    note("results_listed")
    following = None
    if page.next is not None:
        named = {**asked.to_dict(flat=False), "after": [str(page.next)]}
        following = f"{url_for('api.results')}?{urlencode(named, doseq=True)}"
    return _said(shapes.Results(results=[to_result(row) for row in page.rows], next=following))


@pages.get("/studies/<key>")
@needs(Role.VIEW)
def show_study(key: str) -> Response:
    found = study.find_shown(key)
    note("study", key)
    return _said(to_study(found, context().store.reader_grades.readings(key)))


@pages.post("/studies/<key>/readings")
@needs(Role.READ)
def record_reading(key: str) -> Response:
    """Stores a reader's grade with the user and the time; it is never deleted, and it is not blind."""
    found = study.find_shown(key)
    try:
        said = shapes.NewReading.model_validate_json(request.get_data(), strict=True)
    except ValidationError:
        refuse(400, "bad_request")
    if not any(image.file_id == said.file_id for image in found.images):
        refuse(404, "not_found")
    store = context().store
    recorded = store.reader_grades.record(
        said.file_id, said.position, reader=g.user.name, kl=said.kl, comment=said.comment.strip(), blind=False
    )
    if recorded is None:
        refuse(404, "not_found")
    note("reading", key, f"{said.file_id} {said.position}")
    return _said(to_study(found, store.reader_grades.readings(key)), HTTPStatus.CREATED)


@pages.get("/agreement")
@needs(Role.VIEW)
@not_for_blind
def agreement() -> Response:
    """The agreement of readers with the model."""
    counts: dict[str, list[list[int]]] = {}
    for (reader, _), matrix in context().store.reader_grades.agreement().items():
        counts[reader] = add(counts[reader], matrix) if reader in counts else add(matrix)
    if not may_see_patients():
        counts = {f"reader {number}": matrix for number, matrix in enumerate(counts.values(), start=1)}
    return _said(shapes.Agreement(readers=counts))


# The same files as on the pages.
pages.add_url_rule("/studies/<key>/report.pdf", "report", study.report)
pages.add_url_rule("/studies/<key>/results.zip", "dicom", study.results)
pages.add_url_rule("/studies/<key>/files/<file_id>/frame.jpg", "frame", pictures.frame)
pages.add_url_rule("/studies/<key>/files/<file_id>/knees/<int:position>/crop.png", "crop", pictures.crop)
pages.add_url_rule("/studies/<key>/files/<file_id>/knees/<int:position>/heatmap.png", "heatmap", pictures.heat)


def _said(shape: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(shape.model_dump_json(), status, mimetype="application/json")
