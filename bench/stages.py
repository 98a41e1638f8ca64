"""Milliseconds of processor time by stage for a large bilateral plate, in several transfer syntaxes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench import throughput
from bench.page import Section
from bench.report import Measured, read_result
from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side

SYNTAXES = ("explicit", "jpeg-lossless", "jpeg-ls", "jpeg-2000")


def measure_stages(*, quick: bool) -> Section:
    syntaxes = SYNTAXES[:1] if quick else SYNTAXES
    with tempfile.TemporaryDirectory() as folder:
        paths = draw_plates(Path(folder), syntaxes)
        ours = {syntax: measure("bench.worker", path) for syntax, path in paths.items()}
    stages = tuple(next(iter(ours.values())).stages_ms)
    rows = [(stage, *(f"{measured.stages_ms[stage]:.1f}" for measured in ours.values())) for stage in stages]
    rows.append(("all", *(f"{sum(measured.stages_ms.values()):.1f}" for measured in ours.values())))
    rows.append(("all ÷ (read + grade)", *(f"{over_limit(measured):.2f}" for measured in ours.values())))
    without = ("the same without report", *(f"{over_limit(measured, 'report'):.2f}" for measured in ours.values()))
    rows.append(without)
    return Section(
        title="Stages",
        note="A 2000×2500 plate with two knees through one worker, in milliseconds of processor time (medians), by "
        "transfer syntax. Decoder (read) and net (grade) alone are the limit that the rest is measured against.",
        columns=("stage", *ours),
        rows=tuple(rows),
        drawn={stage: [measured.stages_ms[stage] for measured in ours.values()] for stage in stages},
        over=tuple(ours),
        y="CPU ms a plate",
    )


def over_limit(measured: Measured, *without: str) -> float:
    """How many times what decoder and network alone take."""
    spent = measured.stages_ms
    whole = sum(ms for stage, ms in spent.items() if stage not in without)
    return whole / sum(spent[stage] for stage in throughput.DECODER_AND_NET)


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
    """Measures in a process of its own, so that start-up and memory belong to one way alone."""
    command = [sys.executable, "-W", "ignore", "-m", module, *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr[-2000:]}")
    return read_result(done.stdout)
