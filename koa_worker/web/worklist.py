"""The worklist: files and knees, newest first, with filters and a text search."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE
from koa_worker.store import State
from koa_worker.system.heartbeat import feel
from koa_worker.values import GRADE_WORDS, GRADES, Role, Side
from koa_worker.web.context import context
from koa_worker.web.filters import address_of, cursor_of, wanted_of
from koa_worker.web.guard.access import may_see_patients, needs
from koa_worker.web.guard.audit import note

pages = Blueprint("worklist", __name__)

LINES = 50


@pages.get("/")
@needs(Role.VIEW)
def show() -> str:
    # Search words come only by POST: they may name a patient, and browsers and proxies keep URLs.
    form = MultiDict(request.args)
    form.poplist("text")
    return _page(form)


@pages.post("/")
@needs(Role.VIEW)
def find() -> str | Response:
    if not request.form.get("text", "").strip():
        return redirect(url_for("worklist.show", **cast("dict[str, Any]", address_of(request.form))), 303)
    note("search")
    return _page(request.form)


def _page(form: MultiDict[str, str]) -> str:
    store, wanted, cursor = context().store, wanted_of(form), cursor_of(form)
    page = store.worklist.page(wanted, cursor, LINES, may_see_patients=may_see_patients())
    return render_template(
        "worklist.html",
        page=page,
        counts=store.worklist.counts(),
        form=form,
        address=address_of(form),
        is_filtered=bool(address_of(form).keys() - {"first"} or wanted.text),
        is_further=cursor is not None,
        pulse=feel(context().config.folders.work),
        catalogue=CATALOGUE,
        states=State,
        grades=GRADES,
        grade_words=GRADE_WORDS,
        sides=Side,
    )
