"""The upload page: with JavaScript the files are sent one by one, without it by one form."""

from __future__ import annotations

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE
from koa_worker.system.heartbeat import feel
from koa_worker.values import Role
from koa_worker.web import receive_upload
from koa_worker.web.api.to_shapes import to_upload
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.refusals import LARGEST_FORM, Refusal

pages = Blueprint("uploads", __name__, url_prefix="/upload")

MOST_SHOWN = 50


def widen(app: Flask) -> None:
    """Allows this form to be as large as a file; this must happen before anything reads the form."""
    app.before_request(_widen)


def _widen() -> None:
    if request.endpoint == "uploads.send":
        request.max_content_length = receive_upload.most_bytes() + LARGEST_FORM


@pages.get("")
@needs(Role.READ)
def show() -> str:
    store = context().store
    found = [store.uploads.find(upload_id) for upload_id in request.args.getlist("sent")[:MOST_SHOWN]]
    codes = dict.fromkeys(code for code in request.args.getlist("refused") if code in CATALOGUE)
    return render_template(
        "upload.html",
        uploads=[to_upload(one) for one in found if one is not None],
        refused=[CATALOGUE[code] for code in codes],
        most_mb=context().config.limits.max_file_mb,
        pulse=feel(context().config.folders.work),
    )


@pages.post("")
@needs(Role.READ)
def send() -> Response:
    sent, refused = [], []
    for file in request.files.getlist("files"):
        try:
            sent.append(receive_upload.take_from(file.stream, file.filename or "").id)
        except Refusal as fault:
            refused.append(fault.code)
    return redirect(url_for("uploads.show", sent=sent, refused=refused or None), 303)
