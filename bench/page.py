"""The measurements as tables: for the terminal, and as docs/benchmarks.md with the machine and the command."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rich.table import Table

from koa_worker import __version__

PAGE, PICTURE = "benchmarks.md", "benchmarks.svg"
HISTORY = "History"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Section:
    """One table, its description, and its plot: lines or bars by name, over the labels of the x axis."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    drawn: dict[str, Sequence[float]] = field(default_factory=dict)
    over: tuple[str, ...] = ()
    y: str = ""
    logarithmic: bool = False
    summed: tuple[str, ...] = ()  # the names of the rows in the page's history


def to_terminal(section: Section) -> Table:
    table = Table(*section.columns, title=section.title, caption=section.note, title_justify="left")
    for row in section.rows:
        table.add_row(*row)
    return table


def to_markdown(sections: Sequence[Section], command: str, history: str = "", before: str = "") -> str:
    """The page; a section that was not measured now is copied from the page before."""
    known = _sections_of(before)
    for section in sections:
        known[section.title] = _as_text(section, command)
    head = [
        "# Benchmarks",
        "",
        "Each table says when, by which command and on what it was measured. Absolute times are that machine's; the",
        "ratios within one table are what can be compared. What else runs takes no processor time from a program, but",
        "the caches that both use: at a high load every figure is higher, and those of Python rise most.",
        "",
        f"![the tables of the last run of all as pictures]({PICTURE})",
        "",
    ]
    return "\n".join([*head, *known.values(), *([history] if history else [])])


def _as_text(section: Section, command: str) -> str:
    made = f"Made by `{command}` on {date.today():%Y-%m-%d} with koa-worker {source_state()}:"  # noqa: DTZ011
    facts = "; ".join(f"{name.lower()} {what}" for name, what in machine().items())
    lines = [f"## {section.title}", "", section.note, "", f"{made} {facts}.", "", row_of(section.columns)]
    lines += [row_of(("---", *("---:" for _ in section.columns[1:])))]
    return "\n".join([*lines, *map(row_of, section.rows), ""])


def _sections_of(page: str) -> dict[str, str]:
    """The text of each table of a page, by its title."""
    found = {}
    for text in page.split("\n## ")[1:]:
        title = text.partition("\n")[0]
        if title != HISTORY:
            found[title] = f"## {text}" if text.endswith("\n") else f"## {text}\n"
    return found


def row_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> dict[str, str]:
    """The properties of the machine on which the numbers depend, without its name."""
    facts = Path("/proc/cpuinfo").read_text().splitlines()
    models = {line.partition(":")[2].strip() for line in facts if line.startswith("model name")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "Processor": f"{' and '.join(sorted(models)) or platform.machine()}, {len(os.sched_getaffinity(0))} cores used",
        "Memory": f"{memory:.0f} GB",
        "System": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "Load at its end": f"{os.getloadavg()[0]:.1f}",
    }


def source_state() -> str:
    """The version of the program, and the commit of the source if it is known."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return f"{__version__} ({asked.stdout.strip()})" if asked.returncode == 0 else __version__
