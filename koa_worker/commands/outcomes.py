"""The outcomes of files as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from koa_worker.errors import explain
from koa_worker.report import words
from koa_worker.tables.table import printable
from koa_worker.values import GRADE_WORDS, Completed, GradedKnee, Outcome


def outcome_line(path: Path, outcome: Outcome, report: Path | None) -> str:
    """One line for a file: its knees, or the reason why there are none."""
    # The name of a file may contain control characters for the terminal.
    path = Path(printable(str(path)))
    if isinstance(outcome, Completed):
        knees = "; ".join(_knee(knee) for knee in outcome.knees)
        return f"{path}: {knees}{f' → {report}' if report else ''}"
    return f"{path}: {type(outcome).__name__.lower()}: {outcome.code}: {explain(outcome.code, outcome.detail)}"


def _knee(knee: GradedKnee) -> str:
    grade = knee.grade
    review = f", review: {' '.join(map(words.review_reason, grade.review_reasons))}" if grade.needs_review else ""
    return (
        f"{knee.roi.side} knee KL {grade.kl} ({GRADE_WORDS[grade.kl]}), confidence {grade.confidence:.0%}, "
        f"P(OA) {grade.oa_probability:.0%}{review}"
    )


def batch_line(counts: Mapping[str, int]) -> str:
    """The numbers of files of an archive that were graded, rejected or failed."""
    names = {"completed": "graded", "rejected": "rejected", "failed": "failed", "": "still to do"}
    said = [f"{counts[ending]} {name}" for ending, name in names.items() if counts.get(ending)]
    return f"{', '.join(said) or 'no files'}."
