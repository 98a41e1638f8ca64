"""Turns the filters of a worklist's form or URL into the store's values, and back into a URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from flask import abort
from werkzeug.datastructures import MultiDict

from koa_worker.store import State
from koa_worker.store.page.worklist_values import Assigned, Cursor, Read, Sort, Wanted
from koa_worker.values import GRADES, Side

T = TypeVar("T")
_REVIEW = {"": None, "yes": True, "no": False}
_LONGEST_TEXT = 200
_MOST_DAYS = 3660
NAMED = ("state", "kl", "side", "review", "read", "days", "from", "to", "assigned", "first", "sort", "q")
TELLING = ("kl", "review", "first")  # a blind reader could find out the model's answers by these

TELLING_SORTS = frozenset({Sort.RIGHT, Sort.LEFT, Sort.REVIEW})  # the same for the order of the list
PATIENT_SORTS = frozenset({Sort.PATIENT, Sort.EXAMINED})  # only for users who may see patients
MINE_FIRST = "first"
# Each order of the list, as in the URL: a minus reverses it.
SORTS = {
    "": "Newest first",
    "-arrived": "Oldest first",
    "patient": "Patient, A to Z",
    "-patient": "Patient, Z to A",
    "examined": "Latest exam first",
    "-examined": "Earliest exam first",
    "right": "Right knee, highest grade first",
    "-right": "Right knee, lowest grade first",
    "left": "Left knee, highest grade first",
    "-left": "Left knee, lowest grade first",
    "read": "Unread first",
    "-read": "Read by most first",
    "review": "Flagged for review first",
    "-review": "Without a flag first",
}


def wanted_of(form: MultiDict[str, str], *, reader: str = "", text: str = "") -> Wanted:
    """The filters of a form; an unknown value ends the request with status 400. `reader` is the user."""
    days = form.get("days", "")
    sort, backwards = sort_of(form)
    assigned, assignee = _assigned(form.get("assigned", ""), reader)
    return Wanted(
        states=frozenset(_each(State, form.getlist("state"))),
        grades=frozenset(_each(_grade, form.getlist("kl"))),
        sides=frozenset(_each(Side, form.getlist("side"))),
        review=_one(_REVIEW.__getitem__, form.get("review", "")),
        since=_days_ago(days) if days else _midnight(form.get("from", "")),
        until=_midnight(form.get("to", ""), days=1),
        text=text[:_LONGEST_TEXT].strip(),
        sort=sort,
        backwards=backwards,
        read=_one(Read, form["read"]) if form.get("read") else None,
        reader=reader,
        assigned=assigned,
        assignee=assignee,
    )


def sort_of(form: Mapping[str, str]) -> tuple[Sort, bool]:
    """The column that the list is sorted by, and whether a minus reverses it."""
    said = form.get("sort", "")
    if not said:
        return Sort.REVIEW if form.get("first") == "review" else Sort.ARRIVED, False
    return _one(Sort, said.removeprefix("-")), said.startswith("-")


def _assigned(said: str, reader: str) -> tuple[Assigned | None, str]:
    """The reader to whom studies are assigned: `me`, `nobody`, or `to:` and a name; `first`: the user's come first."""
    if said == MINE_FIRST:
        return None, ""  # this is not a filter: `worklist.next_unread` uses it
    if said == "me":
        return Assigned.READER, reader
    if said.startswith("to:"):
        return Assigned.READER, said.removeprefix("to:")
    return (_one(Assigned, said), "") if said == Assigned.NOBODY else (None, "") if not said else abort(400)


def cursor_of(form: Mapping[str, str]) -> Cursor | None:
    said = form.get("after", "")
    return _one(Cursor.parse, said) if said else None


def address_of(form: MultiDict[str, str]) -> dict[str, list[str]]:
    """The filters that are set, without the search words: they may name a patient, and URLs are logged and cached."""
    return {name: said for name in NAMED if (said := [value for value in form.getlist(name) if value])}


def _each(read: Callable[[str], T], said: Iterable[str]) -> list[T]:
    return [_one(read, one) for one in said if one]


def _one(read: Callable[[str], T], said: str) -> T:
    try:
        return read(said)
    except (ValueError, KeyError, OverflowError):
        abort(400)


def _grade(said: str) -> int:
    kl = int(said)
    if kl not in GRADES:
        raise ValueError("not a grade")
    return kl


def _days_ago(said: str) -> datetime:
    """The start of the first day of a period of this number of days that ends today."""
    days = _one(int, said)
    if not 1 <= days <= _MOST_DAYS:
        abort(400)
    return datetime.combine(datetime.now().astimezone().date() - timedelta(days=days - 1), time()).astimezone()


def _midnight(said: str, *, days: int = 0) -> datetime | None:
    """The start of a day in this machine's time zone."""
    if not said:
        return None
    day = _one(date.fromisoformat, said)
    if not 1971 <= day.year <= 9000:
        abort(400)
    return datetime.combine(day + timedelta(days=days), time()).astimezone()
