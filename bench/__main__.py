"""`make bench`: milliseconds by stage for a large bilateral plate, and the whole beside the naive way in the same run.

Each measurement runs in a process of its own, so that start-up and memory are that way's alone. Absolute times are this
machine's at this moment; the ratios are what can be compared.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.report import Measured, read_result
from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side

SYNTAXES = ("explicit", "jpeg-lossless", "jpeg-ls", "jpeg-2000")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = draw_plates(Path(folder))
        ours = {syntax: measure("bench.worker", path) for syntax, path in paths.items()}
        naive = measure("bench.naive", paths["explicit"])
    console = Console()
    console.print(stages_table(ours))
    console.print(comparison_table(ours["explicit"], naive))


def draw_plates(folder: Path) -> dict[str, Path]:
    """One 2000×2500 plate with two knees, in several transfer syntaxes."""
    knees = (synthetic.Knee(Side.RIGHT, 2.0, centre=(0.26, 0.5)), synthetic.Knee(Side.LEFT, 0.0, centre=(0.74, 0.5)))
    plate = synthetic.draw(synthetic.PlateSpec(2000, 2500, 0.16, knees, seed=1, beads=True))
    paths = {syntax: folder / f"{syntax}.dcm" for syntax in SYNTAXES}
    for syntax, path in paths.items():
        write_dicom(path, plate, syntax=syntax)
    return paths


def measure(module: str, path: Path) -> Measured:
    words = [sys.executable, "-W", "ignore", "-m", module, str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return read_result(done.stdout)


def stages_table(ours: dict[str, Measured]) -> Table:
    table = Table("stage, ms a plate", *ours, title="A 2000×2500 plate with two knees, medians")
    for stage in next(iter(ours.values())).stages_ms:
        table.add_row(stage, *(f"{measured.stages_ms[stage]:.1f}" for measured in ours.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(measured.stages_ms.values()):.1f}" for measured in ours.values()))
    return table


def comparison_table(ours: Measured, naive: Measured) -> Table:
    table = Table(
        "", "koa-worker", "naive Keras", "ratio", title="Net and heatmap for one knee; the process as a whole"
    )
    rows = [
        ("grade + heatmap, ms a knee", ours.per_knee_ms, naive.per_knee_ms),
        ("start-up, s", ours.start_s, naive.start_s),
        ("memory at most, MB", ours.peak_mb, naive.peak_mb),
    ]
    for name, mine, theirs in rows:
        table.add_row(name, f"{mine:.2f}", f"{theirs:.2f}", f"{theirs / mine:.1f}×")
    return table


main()
