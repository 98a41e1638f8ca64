"""The order of the worklist, for queries and for values in memory.

A list consists of one or a few stretches. Within a stretch the lines are in the order of an index, so that any page of
a list of millions is a short scan. Columns with few values have a stretch for each value, newest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, or_, true

from koa_worker.store.database.schema import IndexLine
from koa_worker.store.page.worklist_values import Cursor, Sort, Wanted
from koa_worker.store.records.files import State
from koa_worker.store.worklist_index import MOST_READERS
from koa_worker.values import GRADES, Side

_ARRIVAL: tuple[Any, ...] = (IndexLine.arrived_at, IndexLine.id)
COLUMNS: dict[Sort, Any] = {
    Sort.ARRIVED: None,
    Sort.PATIENT: IndexLine.patient,
    Sort.EXAMINED: IndexLine.examined,
    Sort.RIGHT: IndexLine.right_kl,
    Sort.LEFT: IndexLine.left_kl,
    Sort.READ: IndexLine.readers,
    Sort.REVIEW: IndexLine.needs_review,
}
_STEPS: dict[Sort, tuple[Any, ...]] = {
    Sort.RIGHT: GRADES[::-1],
    Sort.LEFT: GRADES[::-1],
    Sort.READ: tuple(range(MOST_READERS + 1)),
    Sort.REVIEW: (True, False),
}
_NOTHING: dict[Sort, Any] = {Sort.PATIENT: ""}  # the sort value of a line without one; for other columns it is None
_FALLS = frozenset({Sort.ARRIVED, Sort.EXAMINED})  # the newest first
_SIDE = {Sort.RIGHT: Side.RIGHT, Sort.LEFT: Side.LEFT}
_PLACE = ("after_value", "after_at", "after_id")
WALKED_BY_KIND = frozenset({Sort.ARRIVED, Sort.REVIEW})  # in the order of the filter index


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring lines of the list."""

    holds: tuple[ColumnElement[bool], ...]
    columns: tuple[Any, ...]  # the columns that they are ordered by
    falling: bool
    value: Any = None  # the value that all of them have, if they are not ordered by it

    @property
    def is_by_value(self) -> bool:
        """Whether its lines are ordered by the sort value first, and then by their arrival."""
        return len(self.columns) > len(_ARRIVAL)

    @property
    def order(self) -> list[ColumnElement[Any]]:
        return [column.desc() if self.falling else column.asc() for column in self.columns]

    @property
    def reverse(self) -> Stretch:
        return replace(self, falling=not self.falling)

    @property
    def beyond(self) -> ColumnElement[bool]:
        """The condition that a line of this stretch comes after the line that `place_of` gives to the statement."""
        names = _PLACE[-len(self.columns) :]
        values = [bindparam(name, type_=one.type) for name, one in zip(names, self.columns, strict=True)]
        column, value = self.columns[0], values[0]
        ahead = [_past(column, value, falling=self.falling)]
        for number in range(1, len(values)):
            same = [one == said for one, said in zip(self.columns[:number], values[:number], strict=True)]
            ahead.append(and_(*same, _past(self.columns[number], values[number], falling=self.falling)))
        return and_(column <= value if self.falling else column >= value, or_(*ahead))

    def place(self, key: Cursor) -> tuple[Any, ...]:
        """The values that a line of this stretch is ordered by."""
        return (key.value, key.at, key.id)[-len(self.columns) :]


def place_of(cursor: Cursor) -> dict[str, Any]:
    """The parameters of `Stretch.beyond`."""
    return dict(zip(_PLACE, (cursor.value, cursor.at, cursor.id), strict=True))


def _past(column: Any, value: Any, *, falling: bool) -> ColumnElement[bool]:
    past: ColumnElement[bool] = column < value if falling else column > value
    return past


def stretches(wanted: Wanted, *, upwards: bool = False) -> list[Stretch]:
    """The stretches that can have a line that passes the filters, in the order of the list."""
    found = [stretch for stretch in _all(wanted) if _may_hold(wanted, stretch)]
    return [stretch.reverse for stretch in reversed(found)] if upwards else found


def _all(wanted: Wanted) -> list[Stretch]:
    sort, column = wanted.sort, COLUMNS[wanted.sort]
    falling = (sort in _FALLS) is not wanted.backwards
    if column is None:
        return [Stretch((), _ARRIVAL, falling)]
    if sort in _STEPS:
        steps = _STEPS[sort][::-1] if wanted.backwards else _STEPS[sort]
        found = [Stretch((column == (true() if step is True else step),), _ARRIVAL, True, step) for step in steps]
        return found if sort is Sort.REVIEW else [*found, Stretch((column.is_(None),), _ARRIVAL, True)]
    nothing = _NOTHING.get(sort)
    is_nothing = column.is_(None) if nothing is None else column == nothing
    is_something = column.is_not(None) if nothing is None else column > nothing
    return [Stretch((is_something,), (column, *_ARRIVAL), falling), Stretch((is_nothing,), _ARRIVAL, True, nothing)]


def _may_hold(wanted: Wanted, stretch: Stretch) -> bool:
    """Whether a line of the stretch may pass the filters; else a scan would read all of it in vain."""
    if wanted.sort is Sort.REVIEW:
        return wanted.review is None or wanted.review is stretch.value
    if wanted.sort not in _STEPS:
        return True
    if stretch.value is not None and wanted.states and State.COMPLETED not in wanted.states:
        return False
    side = _SIDE.get(wanted.sort)
    if side is not None and wanted.sides == {side}:
        return stretch.value is not None and (not wanted.grades or stretch.value in wanted.grades)
    return True


def all_in_order(every: list[Stretch]) -> list[ColumnElement[Any]]:
    """The order of a statement for all stretches of a list at once."""
    if len(every) == 1:
        return every[0].order
    number = _number(every)
    alike: dict[tuple[tuple[Any, ...], bool], list[int]] = {}
    for at, one in enumerate(every):
        alike.setdefault((one.columns, one.falling), []).append(at)
    order: list[ColumnElement[Any]] = [number]
    for (columns, falling), numbers in alike.items():
        # A column is null for the lines of other stretches: among those it decides nothing.
        own = [case((number.in_(numbers), column)) for column in columns] if len(alike) > 1 else columns
        order += [column.desc() if falling else column.asc() for column in own]
    return order


def is_beyond_in(every: list[Stretch], at: int) -> ColumnElement[bool]:
    """The condition that a line comes after that of `place_of`, which is in the stretch of this number."""
    if len(every) == 1:
        return every[0].beyond
    number = _number(every)
    return or_(number > at, and_(number == at, every[at].beyond))


def _number(every: list[Stretch]) -> ColumnElement[int]:
    """The number of a line's stretch."""
    return case(*((and_(*one.holds), at) for at, one in enumerate(every)), else_=0)


def rank(key: Cursor, every: list[Stretch]) -> tuple[int, tuple[Any, ...]]:
    """The number of a line's stretch, and its position in it."""
    alike = [number for number, one in enumerate(every) if not one.is_by_value and one.value == key.value]
    by_value = [number for number, one in enumerate(every) if one.is_by_value]
    number = next(iter((*alike, *by_value)), 0)
    return number, every[number].place(key)


def is_beyond(key: Cursor, cursor: Cursor, every: list[Stretch]) -> bool:
    """Whether a line comes after the cursor in a list of these stretches."""
    (here, place), (there, other) = rank(key, every), rank(cursor, every)
    if here != there:
        return here > there
    return place < other if every[here].falling else place > other


def in_order(keys: Iterable[Cursor], every: list[Stretch]) -> list[Cursor]:
    """These lines in the order of a list of these stretches."""
    parts: list[list[Cursor]] = [[] for _ in every]
    for key in keys:
        parts[rank(key, every)[0]].append(key)
    ordered = zip(every, parts, strict=True)
    return [key for stretch, part in ordered for key in sorted(part, key=stretch.place, reverse=stretch.falling)]
