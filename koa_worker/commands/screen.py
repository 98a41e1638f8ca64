"""Output for the terminal: tables that become plain text in a pipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from koa_worker.errors import explain
from koa_worker.report import words
from koa_worker.tables.table import printable
from koa_worker.values import GRADE_WORDS, Completed, GradedKnee, Outcome

if TYPE_CHECKING:  # only for type checks: commands without a store do not load its modules
    from koa_worker.commands.doctor import Check
    from koa_worker.store import ParcelState


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


def parcels_screen(counts: Mapping[str, Mapping[ParcelState, int]]) -> RenderableType:
    """The numbers of objects that each destination has received, and has not received yet."""
    from koa_worker.store import ParcelState

    table = Table.grid(padding=(0, 3))
    for destination, states in sorted(counts.items()):
        table.add_row(Text(destination), ", ".join(f"{states[state]} {state}" for state in ParcelState))
    return table


def findings_screen(findings: list[Check]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = Text("ok", style="green") if finding.fine else Text("ERROR", style="bold red")
        table.add_row(mark, finding.what, Text(finding.says))
    return table
