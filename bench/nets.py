"""The same network in LiteRT, onnxruntime, TensorFlow SavedModel and Keras `predict`, and the whole naive way."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.page import Section
from bench.report import Measured
from bench.stages import draw_plates, measure

WAYS = {
    "litert": "LiteRT, as in koa-worker",
    "onnx": "onnxruntime",
    "saved": "TensorFlow SavedModel",
    "keras": "Keras predict",
}
OURS = "knee with heatmap: koa-worker, every member and view"
NAIVE = "the same looks, naive: Keras predict and a gradient tape"
NAIVE_ONCE = "one look of one plain net, naive"
ROUNDS, QUICK_ROUNDS = 200, 20


def measure_nets(*, quick: bool) -> Section:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        measure("bench.look", "build", folder)
        rounds = QUICK_ROUNDS if quick else ROUNDS
        found = {way: measure("bench.look", "time", way, folder, str(rounds)) for way in WAYS}
        whole = measure_whole(folder, every_look=not quick)
    best = found["litert"].per_knee_ms
    rows = [_row(WAYS[way], measured, best) for way, measured in found.items()]
    rows += [_row(name, measured, whole[OURS].per_knee_ms) for name, measured in whole.items()]
    return Section(
        title="Nets and runtimes",
        note="One MobileNetV2 (224×224, random weights), one look at one knee, a process each, one thread each but for "
        "Keras, which runs as scripts run it. Below, the whole from crop to grade and heatmap, beside the naive way to "
        "do the same work, and the naive way of one look. To do the same work it loads the release for its nets' "
        "sizes, which is in its start-up and memory. Processor time (medians), of all threads.",
        columns=("", "CPU ms", "× LiteRT or koa-worker", "start-up, CPU s", "memory at most, MB"),
        rows=tuple(rows),
        drawn={"CPU ms a look": [measured.per_knee_ms for measured in found.values()]},
        over=tuple(WAYS),
        y="CPU ms a look",
    )


def measure_whole(folder: Path, *, every_look: bool) -> dict[str, Measured]:
    """Measures the way from crop to grade and heatmap."""
    plate = draw_plates(folder, ("explicit",))["explicit"]
    found = {OURS: measure("bench.worker", plate), NAIVE_ONCE: measure("bench.naive", plate)}
    return found | ({NAIVE: measure("bench.naive", plate, "--every-look")} if every_look else {})


def _row(name: str, measured: Measured, best: float) -> tuple[str, ...]:
    per_knee = measured.per_knee_ms
    return name, f"{per_knee:.2f}", f"{per_knee / best:.1f}", f"{measured.start_s:.1f}", f"{measured.peak_mb:.0f}"
