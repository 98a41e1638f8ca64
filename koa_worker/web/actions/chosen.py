"""Actions on the rows of the worklist that a reader has chosen."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, abort, g, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from koa_worker.errors import UnknownRecord
from koa_worker.publish.objects.study_objects import NotYet
from koa_worker.tables.export import COLUMNS, to_rows
from koa_worker.tables.table import write_csv, write_json
from koa_worker.values import Role
from koa_worker.web import study
from koa_worker.web.context import context
from koa_worker.web.filters import address_of
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import hides
from koa_worker.web.guard.refusals import refuse

pages = Blueprint("chosen", __name__, url_prefix="/chosen")

MOST = 200  # rows at once
_ID = re.compile(r"[0-9a-f]{32}")
_INCOMPLETE = "DICOM results are missing here: an original is being moved. Download the study again in a minute.\n"
_IN_MEMORY = 8_000_000  # bytes of an archive in memory; a larger one is in an unnamed temporary file


@dataclass(frozen=True, slots=True)
class Chosen:
    """The ids of the chosen studies, and of the chosen files without a graded knee."""

    studies: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        return (*self.studies, *self.files)


@pages.post("")
@needs(Role.READ)
def act() -> AnyResponse:
    """Runs the action of the pressed button on all chosen rows."""
    chosen = Chosen(_ids("study"), _ids("file"))
    act_on = _ACTS.get(request.form.get("do", ""))
    if act_on is None or not 0 < len(chosen.every) <= MOST:
        abort(400)
    return act_on(chosen)


def _ids(name: str) -> tuple[str, ...]:
    said = tuple(dict.fromkeys(request.form.getlist(name)))
    if not all(map(_ID.fullmatch, said)):
        abort(400)
    return said


def _retry(chosen: Chosen) -> AnyResponse:
    try:
        count = context().store.files.retry(chosen.files) if chosen.files else 0
    except UnknownRecord:
        abort(404)
    for file_id in chosen.files:
        note("retry", file_id)
    return _back("retry", count, len(chosen.every))


def _send(chosen: Chosen) -> AnyResponse:
    if not context().config.dicom.destinations:
        abort(400)
    store = context().store
    written = [key for key in chosen.studies if store.study_history.written_reports(key)]
    store.sending.send_again(written)
    for key in written:
        note("send_again", key)
    return _back("send", len(written), len(chosen.every))


def _assign(chosen: Chosen) -> AnyResponse:
    reader = request.form.get("reader", "")
    if reader not in context().store.accounts.readers():
        abort(400)
    count = context().store.assignments.assign(chosen.studies, reader, by=g.user.name)
    for key in chosen.studies:
        note("assigned", key, reader)
    return _back("assign", count, len(chosen.every))


def _take(chosen: Chosen) -> AnyResponse:
    count = context().store.assignments.take_back(chosen.studies)
    for key in chosen.studies:
        note("assignment_ended", key)
    return _back("take", count, count)


def _export(write: Callable[[Any, io.StringIO], None], kind: str, mimetype: str) -> Callable[[Chosen], AnyResponse]:
    def export(chosen: Chosen) -> AnyResponse:
        """The flat table of the chosen rows, as `koa-worker export` prints it; it names no patient."""
        _refuse_hidden(chosen)
        stream = io.StringIO()
        write(to_rows(context().store.export.rows(only=chosen.every)), stream)
        for key in chosen.studies:
            note("export", key)
        answer = Response(stream.getvalue(), mimetype=mimetype)
        answer.headers["Content-Disposition"] = f"attachment; filename=koa-results.{kind}"
        return answer

    return export


def _download(chosen: Chosen) -> AnyResponse:
    """A folder for each study: its report, and its results as DICOM objects."""
    _refuse_hidden(chosen)
    archive = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed with the answer
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        put = [key for key in chosen.studies if _put(packed, key)]
    if not put:
        archive.close()
        refuse(404, "not_found")
    archive.seek(0)
    answer = send_file(archive, mimetype="application/zip", as_attachment=True, download_name="koa-results.zip")
    answer.call_on_close(archive.close)
    return answer


def _put(packed: zipfile.ZipFile, key: str) -> bool:
    """Puts all files of a study into the archive; gives whether there are any."""
    found, written = study.find_shown(key), context().store.study_history.written_reports(key)
    if not written:
        return False
    before = len(packed.namelist())
    report = study.stored_report(written[0])
    if report is not None:
        packed.writestr(f"koa-{key[:12]}/report.pdf", report)
    try:
        for name, content in study.result_objects(found, written[0]):
            packed.writestr(f"koa-{key[:12]}/{name}", content)
    except NotYet:
        packed.writestr(f"koa-{key[:12]}/INCOMPLETE.txt", _INCOMPLETE)
    note("results", key)
    return len(packed.namelist()) > before


def _refuse_hidden(chosen: Chosen) -> None:
    """Refuses the action for a blind reader who has not read one of the studies: it would show the model's answers."""
    if any(map(hides, chosen.studies)):
        refuse(403, "blind_reading")


def _back(did: str, count: int, asked: int) -> AnyResponse:
    address = cast("dict[str, Any]", address_of(request.args))
    return redirect(url_for("worklist.show", **address, did=did, n=count, of=asked), 303)


_ACTS: dict[str, Callable[[Chosen], AnyResponse]] = {
    "retry": _retry,
    "send": _send,
    "assign": _assign,
    "take": _take,
    "csv": _export(lambda rows, stream: write_csv(rows, stream, COLUMNS), "csv", "text/csv; charset=utf-8"),
    "json": _export(write_json, "jsonl", "application/x-ndjson"),
    "download": _download,
}
