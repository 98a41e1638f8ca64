"""`make bench`: stages, files a second, networks and runtimes, growth; tables and an image into docs/.

`python -m bench [stages start speed remote nets archives stores] [--quick] [--out FOLDER]`
Without --out the tables are only printed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console

from bench.growth import measure_archives, measure_stores
from bench.history import history
from bench.nets import measure_nets
from bench.page import PAGE, PICTURE, to_markdown, to_terminal
from bench.plots import draw
from bench.remote import measure_remote
from bench.speed import measure_speed
from bench.stages import measure_stages
from bench.start import measure_start

SECTIONS = {
    "stages": measure_stages,
    "start": measure_start,
    "speed": measure_speed,
    "remote": measure_remote,
    "nets": measure_nets,
    "archives": measure_archives,
    "stores": measure_stores,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all without")
    options.add_argument("--quick", action="store_true", help="less of each, in less than a minute each")
    options.add_argument("--out", type=Path, help=f"write {PAGE} and {PICTURE} there")
    chosen = options.parse_args()
    if unknown := set(chosen.sections) - set(SECTIONS):
        options.error(f"there is no {unknown.pop()}")
    words = ["python -m bench", *chosen.sections, *(["--quick"] if chosen.quick else []), "--out docs"]
    console, sections = Console(), []
    page = chosen.out / PAGE if chosen.out else None
    before = page.read_text(encoding="utf-8") if page and page.exists() else ""
    for name, measure in SECTIONS.items():
        if not chosen.sections or name in chosen.sections:
            start = time.monotonic()
            sections.append(measure(quick=chosen.quick))
            console.print(to_terminal(sections[-1]), f"{name} took {time.monotonic() - start:.0f} s\n")
            if page:  # after each, so that a run that is broken off leaves what it measured
                text = to_markdown(sections, " ".join(words), history(sections, before), before)
                page.write_text(text, encoding="utf-8")
                if len(sections) == len(SECTIONS):
                    draw(sections, chosen.out / PICTURE)


if __name__ == "__main__":
    main()
