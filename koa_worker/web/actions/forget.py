"""Erasing a study or its patient on the page: it lists the data, and the user confirms by typing a word."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from werkzeug.wrappers import Response

from koa_worker.custody import erasure_counts
from koa_worker.custody.erase import erase
from koa_worker.custody.search import Search
from koa_worker.errors import CATALOGUE, SetupError, Unfinished
from koa_worker.store import StudyRecord
from koa_worker.store.records.belongings import Whose
from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.visitor import By
from koa_worker.web.study import find

pages = Blueprint("forget", __name__, url_prefix="/studies/<key>/forget")

STUDY, PATIENT = "study", "patient"
_SECONDS_TO_WAIT = 10.0  # seconds to wait for a file in progress; a page must not take longer

Answer = Response | str | tuple[str, int]


@pages.get("")
@needs(Role.ADMIN)
def ask(key: str) -> Answer:
    """The list of the data, read from all folders now; nothing is removed."""
    return _page(find(key), _what(request.args.get("what", STUDY)))


@pages.post("")
@needs(Role.ADMIN)
def forget(key: str) -> Answer:
    """The same as `koa-worker forget`. The audit log has the user and the counts, never the patient."""
    if g.user.by is By.TOKEN:
        refuse(403, "not_allowed")
    study, what = find(key), _what(request.form.get("what", ""))
    if not _is_confirmed(study, what, request.form.get("typed", "").strip()):
        return _page(study, what, fault="What was typed is not what is asked for. Nothing was removed."), 400
    settings, store = context().config, context().store
    try:
        erased = erase(settings, store, _whose(study, what), who=g.user.name, wait_seconds=_SECONDS_TO_WAIT)
    except (SetupError, Unfinished) as fault:
        entry = CATALOGUE[fault.code]
        return _page(study, what, fault=f"{entry.sentence} {entry.remedy} Nothing was removed."), 409
    removed = tuple(erasure_counts.lines(settings, erased.finding))
    return render_template("forgotten.html", lines=removed, unseen=erased.unseen)


def _page(study: StudyRecord, what: str, *, fault: str = "") -> str:
    lines: tuple[tuple[str, str], ...] = ()
    blocked = ""
    try:
        finding = Search(context().config, context().store, _whose(study, what)).look()
        lines = tuple(erasure_counts.lines(context().config, finding))
    except SetupError as several:
        entry = CATALOGUE[several.code]
        blocked = f"{entry.sentence} {entry.remedy}"
    others = context().store.found.issuers(study.patient.id) if study.patient.id else frozenset()
    return render_template(
        "forget.html",
        study=study,
        what=what,
        lines=lines,
        several=len(others) > 1,
        fault=fault or blocked,
        is_blocked=bool(blocked),
        word=_word(study, what),
    )


def _what(said: str) -> str:
    return said if said in (STUDY, PATIENT) else refuse(400, "bad_request")


def _whose(study: StudyRecord, what: str) -> Whose:
    """The data to erase; of a patient id from several issuers, only the studies of this study's issuer."""
    if what == STUDY:
        return Whose(study=study.key)
    if not study.patient.id:
        refuse(400, "bad_request")
    several = len(context().store.found.issuers(study.patient.id)) > 1
    return Whose(patient_id=study.patient.id, issuer=study.patient.issuer if several else None)


def _word(study: StudyRecord, what: str) -> str:
    """The word to type as confirmation. It differs from patient to patient, so that the user reads it."""
    return study.patient.id if what == PATIENT else study.key[:8]


def _is_confirmed(study: StudyRecord, what: str, typed: str) -> bool:
    return bool(typed) and typed == _word(study, what)
