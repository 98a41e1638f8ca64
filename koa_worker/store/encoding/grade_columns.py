"""A grade as columns of its row, and back. A new field of `Grade` needs an entry here and a column in the schema."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row

from koa_worker.store.database.schema import GradeRow, table_of
from koa_worker.store.encoding import review_reasons
from koa_worker.values import GRADES, Grade, Probabilities

_OWN, _BY_RELEASE = tuple(f"p{kl}" for kl in GRADES), tuple(f"release_p{kl}" for kl in GRADES)
_NAMES = (
    "kl",
    *_OWN,
    *_BY_RELEASE,
    "site",
    "confidence",
    "oa_probability",
    "agreement",
    "strangeness",
    "review_reasons",
)
SELECTED: tuple[ColumnElement[Any], ...] = tuple(table_of(GradeRow).c[name] for name in _NAMES)


def to_columns(grade: Grade) -> dict[str, Any]:
    """The columns of the grade itself, without the release that made it and without the measurements."""
    by_release = grade.release_probabilities
    return {
        "kl": int(grade.kl),
        **{name: float(share) for name, share in zip(_OWN, grade.probabilities, strict=True)},
        **{name: float(by_release[kl]) if by_release else None for kl, name in enumerate(_BY_RELEASE)},
        "site": grade.site,
        "confidence": float(grade.confidence),
        "oa_probability": float(grade.oa_probability),
        "agreement": None if grade.agreement is None else float(grade.agreement),
        "strangeness": None if grade.strangeness is None else float(grade.strangeness),
        "needs_review": grade.needs_review,  # derived; for the worklist's index and for manual queries
        "review_reasons": review_reasons.to_json(grade.review_reasons),
    }


def from_row(row: Row[Any]) -> Grade:
    """The grade of a row with `SELECTED` and the model's name."""
    return Grade(
        kl=row.kl,
        probabilities=(row.p0, row.p1, row.p2, row.p3, row.p4),
        confidence=row.confidence,
        oa_probability=row.oa_probability,
        agreement=row.agreement,
        review_reasons=review_reasons.from_json(row.review_reasons),
        model=row.model,
        strangeness=row.strangeness,
        release_probabilities=_by_release(row),
        site=row.site,
    )


def _by_release(row: Row[Any]) -> Probabilities | None:
    if row.release_p0 is None:
        return None
    return row.release_p0, row.release_p1, row.release_p2, row.release_p3, row.release_p4
