"""The page of one file: its state and history, and its error with a remedy if it has one."""

from __future__ import annotations

import contextlib
import os

from flask import Blueprint, abort, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE, InputRejected
from koa_worker.read.sniff import format_of
from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import hides
from koa_worker.web.images import originals

pages = Blueprint("files", __name__, url_prefix="/files/<file_id>")

DONE = {
    "retried": "The file is back in the queue. The daemon tries it again.",
    "not_failed": "The file had not failed, or its original was removed.",
}
_BYTES_TO_TELL = 4096  # bytes that show the format of a file
_ENDINGS = {"DICOM": ("dcm", "application/dicom"), "PNG": ("png", "image/png"), "JPEG": ("jpg", "image/jpeg")}
_UNKNOWN = ("bin", "application/octet-stream")


@pages.get("")
@needs(Role.VIEW)
def show(file_id: str) -> str:
    store = context().store
    file = store.files.find(file_id)
    if file is None:
        abort(404)
    note("file", file_id)
    return render_template(
        "file.html",
        file=file,
        events=store.files.events(file_id),
        entry=CATALOGUE.get(file.code or ""),
        hides_grades=file.study_key is not None and hides(file.study_key),
        done=DONE.get(request.args.get("done", ""), ""),
    )


@pages.post("/retry")
@needs(Role.READ)
def retry(file_id: str) -> Response:
    """Puts a failed file back into the queue, as `koa-worker retry` does."""
    store = context().store
    if store.files.find(file_id) is None:
        abort(404)
    count = store.files.retry([file_id])
    if count:
        note("retried", file_id)
    return redirect(url_for("files.show", file_id=file_id, done="retried" if count else "not_failed"), 303)


@pages.get("/original")
@needs(Role.READ)  # the header has the patient's name, and the image may have it burnt in
def original(file_id: str) -> Response:
    """The unchanged original; for an image, the file whose contents count. Its name does not name the patient."""
    files = context().store.files
    found = files.source(file_id) or files.find(file_id)
    if found is None or not found.filed_as:
        abort(404)
    with originals.opened(found.filed_as) as file:
        stream = os.fdopen(os.dup(file), "rb")
    ending, kind = _kind_of(stream.read(_BYTES_TO_TELL))
    stream.seek(0)
    note("original", found.id)
    return send_file(stream, mimetype=kind, as_attachment=True, download_name=f"koa-{found.id[:12]}.{ending}")


def _kind_of(beginning: bytes) -> tuple[str, str]:
    """The extension for the name, and the media type."""
    with contextlib.suppress(InputRejected):
        return _ENDINGS.get(format_of(beginning), _UNKNOWN)
    return _UNKNOWN
