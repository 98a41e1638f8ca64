"""Milliseconds of processor time by stage for a large bilateral plate, in several transfer syntaxes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.look import LITERT
from bench.page import Section
from bench.report import Measured, read_result
from bench.worker import KNEES, LOOK
from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side

ALL, LIMIT = "all", "limit: read + one plain look per knee"
MOST_SECONDS = 1800  # for one process: on a busy machine, a net that hangs must not hold up all the others
SYNTAXES = ("explicit", "jpeg-lossless", "jpeg-ls", "jpeg-2000")


def measure_stages(*, quick: bool) -> Section:
    syntaxes = SYNTAXES[:1] if quick else SYNTAXES
    with tempfile.TemporaryDirectory() as folder:
        measure("bench.look", "plain", folder)
        paths = draw_plates(Path(folder), syntaxes)
        ours = {syntax: measure("bench.worker", path, Path(folder) / LITERT) for syntax, path in paths.items()}
    stages = [stage for stage in next(iter(ours.values())).stages_ms if stage != LOOK]
    rows = [(stage, *(f"{measured.stages_ms[stage]:.1f}" for measured in ours.values())) for stage in stages]
    ratios = {syntax: ratios_of(measured) for syntax, measured in ours.items()}
    for name in next(iter(ratios.values())):
        digits = 1 if name in (ALL, LIMIT) else 2
        rows.append((name, *(f"{found[name]:.{digits}f}" for found in ratios.values())))
    return Section(
        title="Stages",
        note="A 2000×2500 plate with two knees through one worker, in milliseconds of processor time (medians), by "
        "transfer syntax. What it is measured against is the decoder (read) and one look per knee by one plain "
        "MobileNetV2 in LiteRT, measured in the same rounds. Our own work is all but read and grade.",
        columns=("stage", *ours),
        rows=tuple(rows),
        drawn={stage: [measured.stages_ms[stage] for measured in ours.values()] for stage in stages},
        over=tuple(ours),
        y="CPU ms a plate",
        summed=tuple(next(iter(ratios.values()))),
    )


def ratios_of(measured: Measured) -> dict[str, float]:
    """The time for a radiograph, the least possible time, and their ratio."""
    spent = {stage: ms for stage, ms in measured.stages_ms.items() if stage != LOOK}
    limit = spent["read"] + KNEES * measured.stages_ms[LOOK]
    whole = sum(spent.values())
    own = whole - spent["read"] - spent["grade"]
    return {
        ALL: whole,
        LIMIT: limit,
        "our own work ÷ limit": own / limit,
        "the same without report": (own - spent["report"]) / limit,
        "all ÷ limit": whole / limit,
    }


def draw_plates(folder: Path, syntaxes: tuple[str, ...]) -> dict[str, Path]:
    """One 2000×2500 plate with two knees, in several transfer syntaxes."""
    knees = (
        synthetic.KneeSpec(Side.RIGHT, 2.0, centre=(0.26, 0.5)),
        synthetic.KneeSpec(Side.LEFT, 0.0, centre=(0.74, 0.5)),
    )
    plate = synthetic.draw(synthetic.PlateSpec(2000, 2500, 0.16, knees, seed=1, beads=True))
    paths = {syntax: folder / f"{syntax}.dcm" for syntax in syntaxes}
    for syntax, path in paths.items():
        write_dicom(path, plate, syntax=syntax)
    return paths


def measure(module: str, *words: Path | str) -> Measured:
    """Measures in a separate process, so that start-up and memory belong to one way only."""
    command = [sys.executable, "-W", "ignore", "-m", module, *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=MOST_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr[-2000:]}")
    return read_result(done.stdout)
