"""The history of the figures in docs/benchmarks.md: one line for each run that made the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bench.page import HISTORY, Section, machine, row_of, source_state
from koa_worker.knee.grading.release import Release, model_folder

_TITLE = f"## {HISTORY}"
_NOTE = (
    "An uncompressed plate, each time that this page was made. Times are those of each machine; the ratios can be\n"
    "compared from one line to the next."
)
_STAGES = "Stages"
_MADE = ("day", "program", "release", "processor")


def history(sections: Sequence[Section], page_before: str) -> str:
    """The history with one more line for these figures, if stages are among them."""
    lines = _lines_of(page_before)
    stages = next((section for section in sections if section.title == _STAGES), None)
    if stages is not None:
        figures = {name: values[0] for name, *values in stages.rows if name in stages.summed}
        release = Release.open(model_folder()).manifest.label
        made = (f"{date.today():%Y-%m-%d}", source_state(), release, machine()["Processor"])  # noqa: DTZ011
        if not lines:
            lines = [row_of((*_MADE, *figures)), row_of(["---", "---", "---", "---", *("---:" for _ in figures)])]
        lines.append(row_of((*made, *figures.values())))
    return "\n".join([_TITLE, "", _NOTE, "", *lines, ""]) if lines else ""


def _lines_of(page: str) -> list[str]:
    return [line for line in page.partition(_TITLE)[2].splitlines() if line.startswith("|")]
