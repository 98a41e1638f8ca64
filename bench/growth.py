"""How time and memory grow with an archive, and a store's verbs with its rows.

`python -m bench.growth FILES FOLDER` grades one archive of small files with a simulated network: each file is listed,
opened, hashed, noted in the ledger and written as Parquet, but its grade is made from its hash.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from bench import worklist_rows
from bench.page import Section
from bench.report import print_result
from bench.stages import measure
from koa_worker import __version__
from koa_worker.batch.entries import Finding
from koa_worker.batch.grade_entry import keep
from koa_worker.batch.into_store import put_into_store
from koa_worker.batch.ledger import Ledger
from koa_worker.batch.local import Take
from koa_worker.batch.rows import rows_of
from koa_worker.batch.run import Batch
from koa_worker.batch.source import entries_of
from koa_worker.intake import digest
from koa_worker.store import Store
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.system.stop import Stop
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    Grade,
    GradedBy,
    GradedKnee,
    Heatmap,
    KneeRoi,
    Radiograph,
    Side,
    Study,
)

SIZES, QUICK_SIZES = (100, 1_000, 10_000, 100_000), (100, 1_000)
BY = GradedBy("simulated-v1", "5" * 64, __version__)


class Simulated:
    """An engine without decoder or network."""

    def grade(self, take: Take, _stop: Stop) -> Iterator[Finding]:
        while taken := take(10):
            for number, entry in taken:
                path = Path(entry.place)
                outcome = completed(Arrival(path, digest(path), entry.size, path.name, entry.id))
                yield Finding(number, "completed", rows_of(outcome, entry.place, BY))


def completed(arrival: Arrival) -> Completed:
    """Two knees whose grades are made from the file's hash."""
    kl = int(arrival.sha256[:8], 16) % 5
    shares = np.full(5, 0.1)
    shares[kl] = 0.6
    p0, p1, p2, p3, p4 = map(float, shares)
    grade = Grade(kl, (p0, p1, p2, p3, p4), 0.6, p2 + p3 + p4, 1.0, (), BY.model)
    heat, crop = Heatmap(np.zeros((7, 7), np.float32), kl), np.zeros((8, 8), np.uint8)
    sides = ((10, Side.RIGHT), (300, Side.LEFT))
    knees = tuple(GradedKnee(KneeRoi(Box(x, 0, 200, 200), side), crop, grade, heat) for x, side in sides)
    study = Study(f"2.25.{int(arrival.sha256[:16], 16)}", f"2.25.{int(arrival.sha256[16:32], 16)}", view="PA")
    return Completed(arrival, Radiograph(np.zeros((8, 8), np.uint8), "PNG", study), knees, {"read": 1.0})


def measure_archives(*, quick: bool) -> Section:
    sizes, rows = QUICK_SIZES if quick else SIZES, []
    seconds, memory = [], []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="koa-growth-") as place:
            fill(Path(place) / "archive", size)
            found = measure("bench.growth", str(size), place)
            parts = sum(path.stat().st_size for path in (Path(place) / "results").glob("*.parquet"))
        seconds.append(found.start_s)
        memory.append(found.peak_mb)
        each = found.start_s / size * 1e3
        rows.append((f"{size:,}", f"{found.start_s:.2f}", f"{each:.2f}", f"{found.peak_mb:.0f}", f"{parts / size:.0f}"))
    return Section(
        title="An archive grows",
        note="`batch` over small files with a simulated net (a grade made from the file's hash), which leaves what the "
        "batch itself costs: listing, ledger, Parquet. Seconds of processor time.",
        columns=("files", "seconds", "ms a file", "memory at most, MB", "bytes of Parquet a file"),
        rows=tuple(rows),
        drawn={"seconds": seconds, "memory, MB": memory},
        over=tuple(f"{size:,}" for size in sizes),
        y="CPU seconds, MB",
        logarithmic=True,
    )


def measure_stores(*, quick: bool) -> Section:
    sizes, rows = QUICK_SIZES if quick else SIZES, []
    drawn: dict[str, list[float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="koa-growth-") as place:
            path = Path(place) / "koa.sqlite3"
            worklist_rows.fill(path, size)
            with Store.open(f"sqlite:///{path}") as store:
                spent = {
                    "keep a file": _keeping(store),
                    "status": _median(store.counts.status),
                    "first page of the worklist": _median(lambda: store.worklist.page(Wanted())),
                    "export, per 1,000 rows": _exporting(store),
                }
            for name, ms in spent.items():
                drawn.setdefault(name, []).append(ms)
            rows.append((f"{size:,}", *(f"{ms:.2f}" for ms in spent.values())))
    return Section(
        title="A store grows",
        note="SQLite, in milliseconds of processor time (medians): one verb each on a store with this number of graded "
        "knees.",
        columns=("knees", *drawn),
        rows=tuple(rows),
        drawn=drawn,
        over=tuple(f"{size:,}" for size in sizes),
        y="ms",
        logarithmic=True,
    )


def _keeping(store: Store, count: int = 100) -> float:
    numbers = iter(range(count))

    def put_one() -> None:
        sha256 = f"{next(numbers) + 1:064x}"[::-1]
        kept = keep(completed(Arrival(Path("x"), sha256, 7, "x", sha256[:32])))
        assert kept is not None
        put_into_store(store, kept, "/archive/x", BY.digest, reports=False)

    return _median(put_one, count)


def _exporting(store: Store) -> float:
    start = time.process_time()
    rows = sum(1 for _ in store.export.rows())
    return (time.process_time() - start) * 1e6 / rows


def _median(verb: Callable[[], object], count: int = 15) -> float:
    spent = []
    for _ in range(count):
        start = time.process_time()
        verb()
        spent.append((time.process_time() - start) * 1e3)
    return statistics.median(spent)


def fill(folder: Path, count: int) -> None:
    """A thousand small files to a folder."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04}").mkdir(parents=True)
        (folder / f"{number // 1000:04}/{number}").write_bytes(b"%d" % number * 20)


def grade(place: Path) -> None:
    start = time.process_time()
    with Ledger.open(place / "results/_ledger") as ledger:
        ledger.compare(entries_of(str(place / "archive"), place / "results"))
        Batch(ledger, None, place / "results", BY.digest).work(Simulated(), Stop(), Console(file=io.StringIO()))
    print_result(time.process_time() - start, 0.0)


if __name__ == "__main__":
    grade(Path(sys.argv[2]))
