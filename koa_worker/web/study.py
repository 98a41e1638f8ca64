"""One study: its images, its knees with all grades and readings, and its results as downloads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from flask import Blueprint, abort, g, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE, UnknownRecord
from koa_worker.publish.objects.study_objects import NotYet, ResultObjects
from koa_worker.store import PublicationTicket, ReportRecord, StudyRecord
from koa_worker.values import GRADES, Role
from koa_worker.web import originals
from koa_worker.web.context import context
from koa_worker.web.guard.access import may_see_patients, needs
from koa_worker.web.guard.audit import note

pages = Blueprint("study", __name__, url_prefix="/studies/<key>")

LONGEST_COMMENT = 2000


@pages.get("")
@needs(Role.VIEW)
def show(key: str) -> str:
    store, study = context().store, find(key)
    note("study", key)
    if may_see_patients():
        originals.expect(study)
    return render_template(
        "study.html",
        study=study,
        gradings=store.study_history.gradings(key),
        readings=store.reader_grades.readings(key),
        reports=store.study_history.written_reports(key),
        catalogue=CATALOGUE,
        longest=LONGEST_COMMENT,
    )


@pages.post("/readings")
@needs(Role.READ)
def record_reading(key: str) -> Response:
    """Stores a reader's own grade of a knee, in addition to the model's grade."""
    study, form = find(key), request.form
    knees = {(image.file_id, str(knee.position)): knee for image in study.images for knee in image.knees}
    file_id, position, kl, comment = (form.get(name, "") for name in ("file", "knee", "kl", "comment"))
    knee = knees.get((file_id, position))
    if knee is None or kl not in map(str, GRADES) or len(comment) > LONGEST_COMMENT:
        abort(400)
    context().store.reader_grades.record(
        file_id, knee.position, reader=g.user.name, kl=int(kl), comment=comment.strip()
    )
    note("reading", key, f"{file_id} {position}")
    place = f"{file_id[:8]}-{knee.position}"
    return redirect(url_for("study.show", key=key, _anchor=place), 303)


@pages.get("/report.pdf")
@needs(Role.READ)
def report(key: str) -> Response:
    """The newest written revision of the report."""
    path = Path(_last_report(key).path)
    if not path.is_file():
        abort(404)
    note("report", key)
    content = io.BytesIO(path.read_bytes())  # read at once, because a newer revision may replace the file
    return send_file(content, mimetype="application/pdf", download_name=f"koa-{key[:12]}.pdf")


@pages.get("/results.zip")
@needs(Role.READ)
def results(key: str) -> Response:
    """The study's results as DICOM objects, the same ones that are sent to a PACS."""
    study, last = find(key), _last_report(key)
    ticket = PublicationTicket(key, last.revision, last.path, last.written_at, ())
    archive = io.BytesIO()
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for made in ResultObjects(context().config.dicom.results, context().store).of_study(study, ticket):
                content = io.BytesIO()
                made.make().save_as(content, enforce_file_format=True)
                packed.writestr(f"{made.kind.value}-{made.sop_uid}.dcm", content.getvalue())
    except NotYet:
        abort(404)
    note("results", key)
    archive.seek(0)
    return send_file(archive, mimetype="application/zip", as_attachment=True, download_name=f"koa-{key[:12]}.zip")


def find(key: str) -> StudyRecord:
    try:
        return context().store.studies.content(key)
    except UnknownRecord:
        abort(404)


def _last_report(key: str) -> ReportRecord:
    written = context().store.study_history.written_reports(key)
    if not written:
        abort(404)
    return written[0]
