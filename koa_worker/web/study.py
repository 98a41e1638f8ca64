"""One study: its images, its knees with all grades and readings, and its results as downloads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from koa_worker import languages
from koa_worker.errors import CATALOGUE, UnknownRecord
from koa_worker.publish.objects.study_objects import NotYet, ResultObjects, has_no_place, last_grader
from koa_worker.registrar import report_of
from koa_worker.report.pdf import render
from koa_worker.store import PublicationTicket, StudyRecord
from koa_worker.store.page.study_history import ReportRecord
from koa_worker.values import GRADES, Role
from koa_worker.web import delivery_state, worklist
from koa_worker.web.context import context
from koa_worker.web.filters import address_of
from koa_worker.web.guard.access import may_see_patients, needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import counts_as_blind, hides, hides_earlier, is_blind
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.images import originals

pages = Blueprint("study", __name__, url_prefix="/studies/<key>")

LONGEST_COMMENT = 2000
DONE = {  # the messages after a change of a study
    "corrected": "Corrected. The next revision of the report is being written, and results go out again.",
    "same": "Nothing was changed: that counts already.",
    "sent": "All results of this study are sent again.",
    "woken": "What waits is tried now.",
}


@pages.get("")
@needs(Role.VIEW)
def show(key: str) -> str:
    store, study, hidden = context().store, find(key), hides(key)
    note("study_blind" if hidden else "study", key)
    if may_see_patients():
        originals.expect(study)
    readings = store.reader_grades.readings(key)
    prior = find(study.exams.earlier[0].study_key) if may_see_patients() and study.exams.earlier else None
    return render_template(
        "study_blind.html" if hidden else "study.html",
        study=study,
        readings=[one for one in readings if one.reader == g.user.name] if hidden else readings,
        left=store.reader_grades.left_to_read(key, g.user.name),
        prior=prior,
        prior_hidden=prior is not None and hides(prior.key),
        hides_earlier=hides_earlier(study),
        was_shown=hidden and store.reader_grades.was_shown(key, g.user.name),
        gradings=() if hidden else store.study_history.gradings(key),
        reports=() if hidden else store.study_history.written_reports(key),
        around=store.entries.around(worklist.asked(), key, may_see_patients=may_see_patients()),
        other_languages=_other_languages(key),
        address=address_of(request.args),
        kept=worklist.own_reading(request.args.get("kept", "")),
        catalogue=CATALOGUE,
        longest=LONGEST_COMMENT,
        done=DONE.get(request.args.get("done", ""), ""),
        places=delivery_state.of_study(key) if may_see_patients() and not hidden else (),
        kinds=delivery_state.KINDS,
    )


@pages.post("/readings")
@needs(Role.READ)
def record_reading(key: str) -> Response:
    """Stores a reader's own grade of a knee, and opens the next knee that the reader has not read."""
    study, form, store = find(key), request.form, context().store
    knees = {(image.file_id, str(knee.position)): knee for image in study.images for knee in image.knees}
    file_id, position, kl, comment = (form.get(name, "") for name in ("file", "knee", "kl", "comment"))
    knee = knees.get((file_id, position))
    if knee is None or kl not in map(str, GRADES) or len(comment) > LONGEST_COMMENT:
        abort(400)
    blind, was_left = counts_as_blind(key), store.reader_grades.left_to_read(key, g.user.name)
    number = store.reader_grades.record(
        file_id, knee.position, reader=g.user.name, kl=int(kl), comment=comment.strip(), blind=blind
    )
    note("reading", key, f"{file_id} {position}")
    left = store.reader_grades.left_to_read(key, g.user.name)
    address: dict[str, Any] = {**address_of(request.args), "kept": number}
    # A blind reader now sees the answers; after a changed reading the same page is shown.
    if left or not was_left or is_blind():
        place = left[0] if left else (file_id, knee.position)
        return redirect(url_for("study.show", key=key, **address, _anchor=f"{place[0][:8]}-{place[1]}"), 303)
    following = worklist.next_unread(key)
    if following is None:
        return redirect(url_for("worklist.show", **address), 303)
    return redirect(url_for("study.show", key=following, **address), 303)


@pages.post("/readings/<int:number>/withdraw")
@needs(Role.READ)
def withdraw_reading(key: str, number: int) -> Response:
    """Withdraws the user's own reading; the store keeps it."""
    found = worklist.own_reading(str(number))
    if found is None or found.study_key != key:
        abort(404)
    context().store.reader_grades.withdraw(number, reader=g.user.name)
    note("reading_withdrawn", key, f"{found.file_id} {found.position}")
    address: dict[str, Any] = {**address_of(request.args)}
    return redirect(url_for("study.show", key=key, **address, _anchor=f"{found.file_id[:8]}-{found.position}"), 303)


@pages.get("/report.pdf")
@needs(Role.READ)
def report(key: str) -> Response:
    """The newest written revision of the report; with `language` in another language."""
    study, last, language = find_shown(key), _last_report(key), request.args.get("language", "")
    if language and language not in languages.names():
        abort(400)
    other = language != context().config.report.language and language
    found = _in_language(study, last, language) if other else stored_report(last)
    if found is None:
        abort(404)
    note("report", key)
    name = f"koa-{key[:12]}-{language}.pdf" if other else f"koa-{key[:12]}.pdf"
    return send_file(io.BytesIO(found), mimetype="application/pdf", download_name=name)


def stored_report(last: ReportRecord) -> bytes | None:
    """The stored file, which is read at once, because a newer revision may replace it."""
    path = Path(last.path)
    return path.read_bytes() if path.is_file() else None


def _other_languages(key: str) -> dict[str, str]:
    """The codes of the other languages in which the report is available."""
    if context().store.reports.is_due(key):
        return {}
    written = context().config.report.language
    return {code: languages.own_name(code) for code in languages.names() if code != written}


def _in_language(study: StudyRecord, last: ReportRecord, language: str) -> bytes | None:
    """The written revision in another language; None if the study has changed since that revision.

    It is made from the store, and is neither stored nor sent.
    """
    if context().store.reports.is_due(study.key):
        return None
    shown = study.reported
    settings = context().config.report.model_copy(update={"language": language})
    return render(report_of(shown, last.revision, last.written_at, last_grader(shown)), settings)


@pages.get("/results.zip")
@needs(Role.READ)
def results(key: str) -> Response:
    """The study's results as DICOM objects, the same ones that are sent to a PACS."""
    study, last = find_shown(key), _last_report(key)
    archive = io.BytesIO()
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for name, content in result_objects(study, last):
                packed.writestr(name, content)
            is_empty = not packed.namelist()
    except NotYet:
        abort(404)
    if is_empty and has_no_place(study, context().store):
        refuse(404, "no_place")
    note("results", key)
    archive.seek(0)
    return send_file(archive, mimetype="application/zip", as_attachment=True, download_name=f"koa-{key[:12]}.zip")


def result_objects(study: StudyRecord, last: ReportRecord) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each DICOM object of a study. Raises `NotYet` if an original is not in its place."""
    ticket = PublicationTicket(study.key, last.revision, last.path, last.written_at, ())
    for made in ResultObjects(context().config.dicom.results, context().store).of_study(study, ticket):
        content = io.BytesIO()
        made.make().save_as(content, enforce_file_format=True)
        yield f"{made.kind.value}-{made.sop_uid}.dcm", content.getvalue()


def find(key: str) -> StudyRecord:
    try:
        return context().store.studies.content(key)
    except UnknownRecord:
        abort(404)


def find_shown(key: str) -> StudyRecord:
    """The study for a user who may see its answers and those of its earlier exams."""
    study = find(key)
    if hides(key) or hides_earlier(study):
        refuse(403, "blind_reading")
    return study


def _last_report(key: str) -> ReportRecord:
    written = context().store.study_history.written_reports(key)
    if not written:
        abort(404)
    return written[0]
