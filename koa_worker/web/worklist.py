"""The worklist: a line for each study and for each file without a graded knee, with filters and a text search."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE
from koa_worker.store import State
from koa_worker.store.page.worklist_values import Assigned, Sort, Wanted, WorklistEntry
from koa_worker.store.records.users import ReadingRecord
from koa_worker.values import GRADE_WORDS, GRADES, ReviewCode, Role, Side
from koa_worker.web import chosen_words
from koa_worker.web.context import context
from koa_worker.web.filters import (
    MINE_FIRST,
    PATIENT_SORTS,
    SORTS,
    TELLING,
    TELLING_SORTS,
    address_of,
    cursor_of,
    wanted_of,
)
from koa_worker.web.guard.access import may_see_patients, needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.blind import is_blind

pages = Blueprint("worklist", __name__)

LINES = 50
LONGEST_NUMBER = 10  # digits of the number of a reading
_ORDER = {"first", "sort"}  # parameters that are not filters
_ALWAYS_SHOWN = {"days", "read", "assigned", "q"}  # filters that are always visible
_OWN = {"me", MINE_FIRST}
_RISING = frozenset({Sort.PATIENT, Sort.READ})  # columns whose first order is ascending


@pages.get("/")
@needs(Role.VIEW)
def show() -> Response:
    # Every open page asks every few seconds: if nothing has changed, only three numbers are read.
    stamp = context().store.entries.stamp()
    tag = _tag(stamp)
    if request.if_none_match.contains(tag):
        return Response(status=304, headers={"ETag": f'"{tag}"'})
    answer = make_response(_page(tag, stamp))
    answer.set_etag(tag)
    return answer


@pages.post("/")
@needs(Role.VIEW)
def find() -> Response:
    """A search. Its words come only by POST, and the URL has a number for them, because they may name a patient."""
    address: dict[str, Any] = address_of(request.form)
    address.pop("q", None)
    if text := request.form.get("text", "").strip():
        note("search")
        address["q"] = context().searches.keep(text, g.user.name)
    return redirect(url_for("worklist.show", **address), 303)


@pages.get("/next")
@needs(Role.READ)
def open_next() -> Response:
    """The first study in the list that the user has not read; the list itself if there is none."""
    address, key = cast("dict[str, Any]", address_of(request.args)), next_unread("")
    if key is None:
        return redirect(url_for("worklist.show", **address), 303)
    return redirect(url_for("study.show", key=key, **address), 303)


def next_unread(key: str) -> str | None:
    """The next study in the list that the user has not read; assigned ones first, if the URL asks for that."""
    entries, wanted, sees = context().store.entries, asked(), may_see_patients()
    if request.args.get("assigned") == MINE_FIRST:
        mine = replace(wanted, assigned=Assigned.READER, assignee=g.user.name)
        if found := entries.next_unread(mine, key, g.user.name, may_see_patients=sees):
            return found
    return entries.next_unread(wanted, key, g.user.name, may_see_patients=sees)


def asked() -> Wanted:
    """The filters in the URL of this request, with the words of its search number."""
    form = request.args
    wanted = wanted_of(form, reader=g.user.name, text=_words() or "")
    if is_blind() and (any(form.get(name) for name in TELLING) or wanted.sort in TELLING_SORTS):
        abort(400)
    if wanted.sort in PATIENT_SORTS and not may_see_patients():
        abort(400)
    return wanted


def own_reading(number: str) -> ReadingRecord | None:
    """The user's reading with this number from a URL."""
    is_number = number.isascii() and number.isdigit() and len(number) < LONGEST_NUMBER
    found = context().store.reader_grades.find(int(number)) if is_number else None
    return found if found and found.reader == g.user.name else None


def _words() -> str | None:
    """The words of the search; None if they are forgotten."""
    number = request.args.get("q", "")
    return context().searches.find(number, g.user.name) if number else ""


def _tag(stamp: str) -> str:
    seen = (stamp, datetime.now().astimezone().date(), g.user.name, g.user.role, is_blind())
    return sha256(repr((seen, request.query_string, _words() is None)).encode()).hexdigest()[:32]


def _page(tag: str, stamp: str) -> str:
    store, wanted, cursor = context().store, asked(), cursor_of(request.args)
    kept_counts, is_own = context().kept_counts, request.args.get("assigned") in _OWN
    is_forgotten = _words() is None
    page = None if is_forgotten else store.entries.page(wanted, cursor, LINES, may_see_patients=may_see_patients())
    address = address_of(request.args)
    return render_template(
        "worklist.html",
        tag=tag,
        page=page,
        sorts=_sorts(),
        sorted_by=_sorted_by(wanted),
        heads=_heads(wanted),
        progress=kept_counts.of_reader(store, stamp, g.user.name) if is_own else (),
        readers=store.accounts.readers(),
        can_send=bool(context().config.dicom.destinations),
        did=chosen_words.of_address(request.args),
        counts=kept_counts.of_files(store, stamp),
        form=MultiDict([*request.args.items(multi=True), ("text", wanted.text)]),
        address=address,
        is_filtered=bool(address.keys() - _ORDER),
        has_more_filters=bool(address.keys() - _ORDER - _ALWAYS_SHOWN),
        is_forgotten=is_forgotten,
        is_further=cursor is not None,
        is_hidden=_is_hidden,
        with_filter=_with_filter,
        lacks_a_knee=_lacks_a_knee,
        kept=own_reading(request.args.get("kept", "")),
        catalogue=CATALOGUE,
        states=State,
        grades=GRADES,
        grade_words=GRADE_WORDS,
        sides=Side,
    )


def _sorts() -> dict[str, str]:
    """The orders of the list that the user may choose, as in the URL."""
    refused = (TELLING_SORTS if is_blind() else frozenset()) | (frozenset() if may_see_patients() else PATIENT_SORTS)
    return {said: words for said, words in SORTS.items() if Sort(said.removeprefix("-") or Sort.ARRIVED) not in refused}


def _sorted_by(wanted: Wanted) -> str:
    """The order of the list, as in the URL."""
    plain = "" if wanted.sort is Sort.ARRIVED and not wanted.backwards else wanted.sort.value
    return f"-{plain}" if wanted.backwards else plain


def _heads(wanted: Wanted) -> dict[str, tuple[str, str]]:
    """For each column, the order after a click on its head, and its present direction."""
    heads = {}
    for sort in Sort:
        is_now = wanted.sort is sort
        other = is_now and not wanted.backwards
        plain = "" if sort is Sort.ARRIVED and not other else sort.value
        rises = (sort in _RISING) is not wanted.backwards
        direction = ("ascending" if rises else "descending") if is_now else "none"
        heads[sort.value] = (f"-{plain}" if other else plain, direction)
    return heads


def _is_hidden(entry: WorklistEntry) -> bool:
    """Whether the model's answers for the study are hidden from the user, a blind reader who has not read it."""
    return is_blind() and entry.readers.get(g.user.name, 0) < len(entry.rows)


def _with_filter(address: dict[str, list[str]], name: str, value: str) -> dict[str, list[str]]:
    """The URL with one filter changed; a number of days replaces dates."""
    without = {"days": {"days", "from", "to"}, "sort": _ORDER}.get(name, {name})
    return {other: said for other, said in address.items() if other not in without} | ({name: [value]} if value else {})


def _lacks_a_knee(entry: WorklistEntry) -> bool:
    """Whether the file names two knees but only one was found."""
    reasons = [reason.code for row in entry.rows for reason in row.review_reasons]
    return ReviewCode.OTHER_KNEE_NOT_FOUND in reasons
