"""The table of the tests' faults in docs/operation.md. `python -m tests.fault_table` writes it there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from koa_worker.errors import CATALOGUE
from koa_worker.system.concern import CONCERNS
from tests.faults import ALONE, ENDING, RUNNING, STARTING, Ending, Fault

DOCUMENT = Path(__file__).parents[1] / "docs/operation.md"
BEGIN, END = "<!-- faults: python -m tests.fault_table -->\n", "<!-- end of faults -->\n"


def table() -> str:
    parts = (
        _rows("beside a running daemon", _concerns((*RUNNING, *ALONE))),
        _rows("that a daemon does not survive", _concerns(ENDING)),
        _rows("that keeps it from starting", _errors()),
    )
    return "\n".join(parts)


def _rows(which: str, rows: Iterable[Sequence[str]]) -> str:
    head = [(f"fault {which}", "code", "what to do"), ("---", "---", "---")]
    return "".join(f"| {' | '.join(row)} |\n" for row in (*head, *rows))


def _concerns(faults: Iterable[Fault | Ending]) -> Iterator[tuple[str, str, str]]:
    return ((one.what, f"`{one.code}`", CONCERNS[one.code][1]) for one in faults)


def _errors() -> Iterator[tuple[str, str, str]]:
    return ((one.what, f"`{one.code}`, exit code {one.exit_code}", CATALOGUE[one.code].remedy) for one in STARTING)


def replaced(document: str) -> str:
    """The document with the present table."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
