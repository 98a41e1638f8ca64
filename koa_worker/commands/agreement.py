"""The agreement of readers with one another and with the model, as a table for a publication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from koa_worker.watch.readers import PairAgreement

COLUMNS = (
    *("one", "other", "blind", "knees", "subjects"),
    *("exact", "exact_low", "exact_high", "within_one"),
    *("quadratic_kappa", "kappa_low", "kappa_high"),
)
_BLIND = {True: "blind", False: "not blind", None: "not known"}


def to_rows(found: Iterable[PairAgreement]) -> Iterator[dict[str, Any]]:
    for one in found:
        exact, kappa = one.exact.as_list(), one.kappa.as_list() if one.kappa else (None, None, None)
        shares = (*exact, round(one.within_one, 4), *kappa)
        values = (one.one, one.other, _BLIND[one.blind], one.knees, one.subjects, *shares)
        yield dict(zip(COLUMNS, values, strict=True))


def screen(found: Iterable[PairAgreement]) -> Table:
    table = Table("", "", "readings", "knees", "subjects", "the same grade", "within one", "quadratic kappa", box=None)
    for one in found:
        counts = (_BLIND[one.blind], str(one.knees), str(one.subjects))
        table.add_row(
            one.one, one.other, *counts, str(one.exact), f"{one.within_one:.3f}", str(one.kappa or "not defined")
        )
    return table
