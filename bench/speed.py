"""Files a second end to end, by file kind and number of workers; and an archive by `batch`.

One daemon with two workers is also compared with two daemons of one worker each, which run side by side: what is
missing is what its workers wait for each other, and not what the machine's two cores take from one another.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import throughput
from bench.page import Section
from koa_worker import synthetic
from koa_worker.batch.ledger import Ledger
from koa_worker.batch.local import Local
from koa_worker.batch.source import entries_of
from koa_worker.config import Config
from koa_worker.synthetic.write import write_dicom, write_png
from koa_worker.system.stop import Stop
from koa_worker.values import Side

KINDS = ("explicit", "jpeg-lossless", "jpeg-ls", "jpeg-2000", "png")
FILES, QUICK_FILES = 40, 8


def measure_speed(*, quick: bool) -> Section:
    kinds, files = (KINDS[:1], QUICK_FILES) if quick else (KINDS, FILES)
    workers = sorted({1, min(2, len(os.sched_getaffinity(0))), len(os.sched_getaffinity(0))})
    names = {count: f"{count} worker{'s' * (count > 1)}" for count in workers}
    rates: dict[str, list[float]] = {name: [] for name in names.values()}
    rows = []
    with tempfile.TemporaryDirectory(prefix="koa-speed-", dir=os.environ.get("TMPDIR")) as place:
        for kind in kinds:
            patterns = [*draw(Path(place), kind)]
            spent = []
            for count in workers:
                run = throughput.measure(Path(place) / f"{kind}-{count}", patterns, files, count)
                rates[names[count]].append(run.per_second)
                spent.append(f"{run.cpu_seconds / files * 1e3:.0f}")
            archived = [
                archive_rate(Path(place) / f"{kind}-archive-{count}", patterns, files, count) for count in workers
            ]
            by_workers = [rates[names[count]][-1] for count in workers]
            apart = side_by_side(Path(place) / f"{kind}-apart", patterns, files, workers[-1])
            rows.append(
                (
                    kind,
                    *(f"{rate:.1f}" for rate in by_workers),
                    f"{by_workers[-1] / by_workers[0]:.2f}×",
                    f"{by_workers[-1] / apart:.2f}",
                    " / ".join(spent),
                    " / ".join(f"{rate:.1f}" for rate in archived),
                    f"{archived[-1] / archived[0]:.2f}×",
                )
            )
    return Section(
        title="End to end",
        note=f"Files a second, {files} bilateral plates of 2000×2500 for each number: the daemon from inbox to report, "
        f"beside as many daemons of one worker each, which run at once; and `batch` into Parquet only.",
        columns=(
            "kind",
            *rates,
            f"{workers[0]} → {workers[-1]}",
            "÷ daemons side by side",
            "CPU ms a file",
            "batch",
            f"batch {workers[0]} → {workers[-1]}",
        ),
        rows=tuple(rows),
        drawn=rates,
        over=kinds,
        y="files/s",
    )


def side_by_side(place: Path, patterns: list[bytes], files: int, daemons: int) -> float:
    """The rate of so many daemons together, each of which has one worker and its share of the files."""
    share = max(1, files // daemons)
    with ThreadPoolExecutor(daemons) as each:
        runs = each.map(lambda number: throughput.measure(place / str(number), patterns, share, 1), range(daemons))
        return sum(run.per_second for run in runs)


def draw(place: Path, kind: str) -> Iterator[bytes]:
    """Two plates of that kind."""
    for seed in (1, 2):
        knees = (
            synthetic.KneeSpec(Side.RIGHT, 4.0 - seed, centre=(0.26, 0.5), seed=seed),
            synthetic.KneeSpec(Side.LEFT, 1.0, centre=(0.74, 0.5), seed=seed),
        )
        plate = synthetic.draw(synthetic.PlateSpec(2000, 2500, 0.16, knees, seed=seed))
        path = place / "pattern"
        if kind == "png":
            write_png(path, plate, bits=16)
        else:
            write_dicom(path, plate, syntax=kind, study_uid=throughput.UID)
        yield path.read_bytes()


def archive_rate(place: Path, patterns: list[bytes], files: int, workers: int) -> float:
    """The rate from the first file that is done to the last, so that the start of the workers does not count."""
    throughput.fill(place / "archive", patterns, range(files))
    return rate(str(place / "archive"), place, workers)


def rate(source: str, place: Path, workers: int) -> float:
    """The same of any source; the ledger is in `place`."""
    with Ledger.open(place / "ledger") as ledger:
        ledger.compare(entries_of(source, place))
        moments = []
        for finding in Local(Config(), workers, keep=False).grade(ledger.take, Stop()):
            assert finding.ending == "completed", finding.rows
            ledger.record(finding, 1)
            moments.append(time.monotonic())
    return (len(moments) - workers) / (moments[-1] - moments[workers - 1])
