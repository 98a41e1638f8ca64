"""The page of one file: its state and history, and its error with a remedy if it has one."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from koa_worker.errors import CATALOGUE
from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import hides

pages = Blueprint("files", __name__, url_prefix="/files/<file_id>")


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
    )
