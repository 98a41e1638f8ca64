"""The agreement of readers with one another and with the model, as a table for a publication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from koa_worker.store import Store
from koa_worker.watch.readers import PairAgreement, Reading, agree

COLUMNS = (
    *("one", "other", "blind", "knees", "subjects"),
    *("exact", "exact_low", "exact_high", "within_one"),
    *("quadratic_kappa", "kappa_low", "kappa_high"),
)
_BLIND = {True: "blind", False: "not blind", None: "not known"}


def agreements(store: Store) -> list[PairAgreement]:
    """Compares the last grade of each reader for each knee. On a site's scale the release by itself is compared too."""
    knees = store.site_scales.read_knees()
    models = {"the model": {knee.id: knee.grade.kl for knee in knees}}
    if any(knee.grade.site for knee in knees):
        models["the release"] = {knee.id: knee.grade.release_kl for knee in knees}
    said = [Reading(one.knee_id, one.reader, one.kl, one.blind) for one in store.site_scales.last_readings()]
    return agree(said, models, {knee.id: knee.subject for knee in knees})


def to_rows(found: Iterable[PairAgreement]) -> Iterator[dict[str, Any]]:
    for one in found:
        exact, kappa = one.exact.as_list(), one.kappa.as_list()
        shares = (*exact, round(one.within_one, 4), *kappa)
        values = (one.one, one.other, _BLIND[one.blind], one.knees, one.subjects, *shares)
        yield dict(zip(COLUMNS, values, strict=True))


def screen(found: Iterable[PairAgreement]) -> Table:
    table = Table("", "", "readings", "knees", "subjects", "the same grade", "within one", "quadratic kappa", box=None)
    for one in found:
        counts = (_BLIND[one.blind], str(one.knees), str(one.subjects))
        table.add_row(one.one, one.other, *counts, str(one.exact), f"{one.within_one:.3f}", str(one.kappa))
    return table
