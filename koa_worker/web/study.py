"""One study: its frames, its knees, what was said of them."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from koa_worker.errors import WorkFailed
from koa_worker.store import Role
from koa_worker.web.access import needs
from koa_worker.web.desk import desk

pages = Blueprint("study", __name__)


@pages.get("/studies/<key>")
@needs(Role.VIEW)
def show(key: str) -> str:
    try:
        study = desk().store.study_content(key)
    except WorkFailed:
        abort(404)
    return render_template("study.html", study=study)
