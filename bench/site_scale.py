"""The time for a site's own scale: `python -m bench.site_scale [FOLDER] [--files 1000] [--chunk 10]`.

The function behind `process` grades the same files with and without `--site`, in one process, chunk by chunk in turn,
so that other programs on the machine affect both. The result is the ratio of their processor times over all files, with
its 95 % interval over draws of the chunks. Without a folder the files are small synthetic radiographs of one knee: with
little to read, the effect of a scale is largest. Reports are not made; they would only hide it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from bench.steps import as_another
from koa_worker import synthetic
from koa_worker.commands.in_place import process_paths
from koa_worker.config import Config
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.knee.grading.site import KIND, ReleaseNamed, SiteFile, SiteScale, to_text
from koa_worker.pipeline import Pipeline
from koa_worker.synthetic.write import write_png
from koa_worker.values import Completed, Side
from koa_worker.watch.agreement import Estimate, draw_subjects, estimate

DRAWN = 8  # synthetic radiographs, each of them many times under another content


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path, nargs="?", help="radiographs to grade instead of synthetic ones")
    words.add_argument("--files", type=int, default=1000)
    words.add_argument("--chunk", type=int, default=10, help="files graded the one way before the other has its turn")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = _in_folder(asked.folder) if asked.folder else draw_files(Path(folder), asked.files)
        files = files[: asked.files]
        scale = write_scale(Path(folder) / "site.json")
        seconds, graded, changed = measure(files, scale, asked.chunk)
    ratio = paired_ratio(seconds)
    without, with_scale = seconds.sum(axis=0) * 1e3 / len(files)
    print(f"{len(files)} files, {graded} graded, {changed} of them with other probabilities on the site's scale.")
    print(f"Processor time a file: {without:.2f} ms without a scale, {with_scale:.2f} ms with one.")
    print(
        f"With ÷ without: {ratio.value:.4f} ({ratio.low:.4f} to {ratio.high:.4f}), in {len(seconds)} pairs of chunks."
    )
    print(f"The arithmetic alone: {of_one_answer_us():.0f} µs a knee.")


def _in_folder(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def draw_files(folder: Path, count: int) -> list[Path]:
    """Half plates of one knee, with two pixels for each millimetre."""
    drawn = []
    for number in range(DRAWN):
        knee = synthetic.KneeSpec(Side.RIGHT, severity=number % 5, seed=number)
        write_png(folder / "one", synthetic.draw(synthetic.PlateSpec(400, 500, 0.5, (knee,), seed=number)))
        drawn.append((folder / "one").read_bytes())
    paths = []
    for number, data in enumerate(islice(cycle(drawn), count)):
        paths.append(folder / f"{number:06}.png")
        paths[-1].write_bytes(as_another(data, number))
    return paths


def write_scale(path: Path) -> Path:
    """A scale for the release that is configured, which moves every answer."""
    release = Release.open(model_folder())
    named = ReleaseNamed(name=release.manifest.label, digest=release.digest)
    path.write_text(to_text(SiteFile(kind=KIND, format=1, release=named, slope=0.8, shifts=(0.5, 0.4, 0.2, 0.1))))
    return path


def measure(files: Sequence[Path], scale: Path, chunk: int) -> tuple[np.ndarray, int, int]:
    """Seconds of the processor, chunk × (without, with the scale); files graded; and those that the scale changed."""
    cv2.setNumThreads(1)
    configs = [Config(), Config().with_site(scale)]
    pipelines = [Pipeline.load(config) for config in configs]
    for config, pipeline in zip(configs, pipelines, strict=True):
        list(grade(files[:chunk], config, pipeline))  # warms up
    seconds, graded, changed = [], 0, 0
    for turn, chosen in enumerate(_chunks(files, chunk)):
        spent, said = [0.0, 0.0], [list[Completed]()] * 2
        for way in (0, 1) if turn % 2 else (1, 0):
            start = time.process_time()
            said[way] = list(grade(chosen, configs[way], pipelines[way]))
            spent[way] = time.process_time() - start
        seconds.append(spent)
        graded += len(said[1])
        changed += sum(_unlike(one, other) for one, other in zip(*said, strict=True))
    return np.array(seconds), graded, changed


def grade(files: Sequence[Path], config: Config, pipeline: Pipeline) -> Iterator[Completed]:
    for result in process_paths(files, config, pipeline, out=None, debug_roi=None):
        if isinstance(result.outcome, Completed):
            yield result.outcome


def _chunks(files: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    for start in range(0, len(files), size):
        yield files[start : start + size]


def _unlike(one: Completed, other: Completed) -> bool:
    pairs = zip(one.knees, other.knees, strict=True)
    return any(knee.grade.probabilities != on_scale.grade.probabilities for knee, on_scale in pairs)


def paired_ratio(seconds: np.ndarray) -> Estimate:
    """The time with the scale over that without it; the chunks are what is drawn."""
    draws = draw_subjects(np.arange(len(seconds)).astype(np.str_), rounds=2000)
    return estimate(draws, lambda weights: (weights @ seconds[:, 1]) / (weights @ seconds[:, 0]))


def of_one_answer_us(rounds: int = 2000) -> float:
    scale, said = SiteScale(0.8, (0.5, 0.4, 0.2, 0.1)), np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    start = time.process_time()
    for _ in range(rounds):
        scale.apply(said)
    return (time.process_time() - start) * 1e6 / rounds


if __name__ == "__main__":
    main()
