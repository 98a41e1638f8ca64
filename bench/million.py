"""`python -m bench.million [--entries N]`: memory and processor time of a batch's own parts over N simulated entries.

Ledger, scheduler and Parquet are the real ones; the archive is an invented list, and the answers of the worker
processes are invented too. `python -m bench.throughput --small` measures the memory of worker processes.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from rich.console import Console

from bench.growth import BY, completed
from koa_worker.batch.entries import Entry, Finding, Row, examine
from koa_worker.batch.ledger import Ledger
from koa_worker.batch.local import Take, findings
from koa_worker.batch.rows import rows_of
from koa_worker.batch.run import Batch
from koa_worker.system.stop import Stop
from koa_worker.values import Arrival
from koa_worker.workers.messages import AnyJob, Examine, Examined
from koa_worker.workers.pool import WorkerPool

SIZE = 10_000_000  # bytes, as they are listed
WORKERS = 2
TENTHS = 10


@dataclass
class SimulatedPool:
    """Worker processes that answer at once."""

    model: str = BY.model
    digest: str = BY.digest
    ready: bool = True
    given: list[Examine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows = rows_of(completed(Arrival(Path(), "0" * 64, SIZE, "x", "0" * 32)), "", BY)

    @property
    def room(self) -> int:
        return WORKERS - len(self.given)

    @property
    def busy(self) -> int:
        return len(self.given)

    def take_back(self) -> None:
        """Nothing was given in advance."""

    def give(self, job: AnyJob) -> None:
        assert isinstance(job, Examine)
        self.given.append(job)

    def listen(self, _seconds: float) -> list[Examined]:
        jobs, self.given = self.given, []
        return [Examined(job, Finding(job.number, "completed", self._rows_of(job))) for job in jobs]

    def _rows_of(self, job: Examine) -> tuple[Row, ...]:
        return tuple({**row, "file_id": job.id, "source": job.place} for row in self._rows)


class Engine:
    """The scheduler of a batch on one machine, with these worker processes; prints its state at each tenth."""

    def __init__(self, entries: int, ledger: Path) -> None:
        self._entries = entries
        self._ledger = ledger

    def grade(self, take: Take, stop: Stop) -> Iterator[Finding]:
        def next_jobs(count: int) -> list[Examine]:
            return [examine(number, entry, keep=False) for number, entry in take(count)]

        pool = cast("WorkerPool", SimulatedPool())
        for done, finding in enumerate(findings(pool, next_jobs, stop), start=1):
            yield finding
            if done % max(1, self._entries // TENTHS) == 0:
                say(f"{done:>10,} done", self._ledger)


def entries(count: int) -> Iterator[Entry]:
    """The entries in random order, as object stores list them."""
    step = next(step for step in (7_919, 7_907, 1) if count % step or step == 1)
    for number in range(count):
        place = number * step % count
        yield Entry(f"/archive/{place // 1000:06}/{place:09}.dcm", SIZE, f"{1_700_000_000 + place}")


def say(what: str, ledger: Path) -> None:
    held = sum(path.stat().st_size for path in ledger.glob("*")) / 1e6
    print(
        f"{what}: {memory_mb():4.0f} MB of memory, {time.process_time():7.1f} s of CPU, ledger {held:,.0f} MB",
        flush=True,
    )


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=1_000_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="koa-million-", dir=os.environ.get("TMPDIR")) as place:
        results = Path(place)
        with Ledger.open(results / "_ledger") as ledger:
            say("before the listing", results / "_ledger")
            ledger.compare(entries(chosen.entries))
            say("listed", results / "_ledger")
            batch = Batch(ledger, None, results, BY.digest)
            batch.work(Engine(chosen.entries, results / "_ledger"), Stop(), Console(file=io.StringIO()))
            say("written", results / "_ledger")
            ledger.compare(entries(chosen.entries))
            say("listed again, nothing new", results / "_ledger")
            assert ledger.counts() == {"completed": chosen.entries}
        parts = [path.stat().st_size for path in results.glob("*.parquet")]
        print(f"{len(parts):,} parts, {sum(parts) / chosen.entries:.0f} bytes of Parquet an entry")


if __name__ == "__main__":
    main()
