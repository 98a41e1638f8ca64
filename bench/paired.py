"""The time for a radiograph with this source tree and with another one; and whether both give the same results.

`python -m bench.paired TREE [PLATE …] [--rounds N] [--same]`, without a plate by a synthetic one with two knees. The
processor time of both is taken file by file, first the one and then the other, and what is given is the median of the
ratios: what else runs on the machine meets both. With `--same` only results are compared, on every plate once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROUNDS = 15
# The package of the one tree, measured by the programs of this one.
_START = "import sys; sys.path.insert(0, {tree!r}); import koa_worker; sys.path[0] = {root!r}\n"
_SERVE = _START + "from bench.paired import serve; serve()"
# The columns that differ each time that the same file is graded.
# fmt: off
_OF_ITS_TIME = frozenset((
    "key", "study_key", "at", "arrived_at", "settled_at", "started_at", "graded_at", "created_at", "changed_at",
    "written_at", "first_used_at", "day", "worker", "filed_as", "unreported_since", "ms", "path", "sha256",
))
# fmt: on
_NOT_COMPARED = frozenset(("alembic_version", "timings", "events", "reports"))


@dataclass(frozen=True, slots=True)
class Told:
    """The results and times of one tree for one file."""

    whole_ms: float
    stages_ms: dict[str, float]
    results: dict[str, str]  # digests of the stored rows, by table, and of the report's pages


class Tree:
    """A process of one source tree, which grades a file on request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def work(self, plate: Path, number: int) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(plate), number]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("a measured process ended")
        return Told(**json.loads(answer))


@contextmanager
def started(tree: Path) -> Iterator[Tree]:
    program = _SERVE.format(tree=str(tree.resolve()), root=str(ROOT))
    words = [sys.executable, "-W", "ignore", "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield Tree(process)
        assert process.stdin is not None
        process.stdin.close()


def serve() -> None:
    """The loop of a measured process: grades each file that a line on stdin names."""
    import cv2

    from bench.steps import Worker
    from koa_worker.config import Config
    from koa_worker.pipeline import Pipeline
    from koa_worker.workers.loop import settle_in

    cv2.setNumThreads(1)
    pipeline = Pipeline.load(Config())
    settle_in(Config().limits.memory_mb)
    with Worker.at_work(pipeline) as worker:
        for line in sys.stdin:
            path, number = json.loads(line)
            plate = Path(path)
            worked = worker.work(plate.read_bytes(), number, plate.suffix)
            told = {"whole_ms": worked.whole_ms, "stages_ms": worked.stages_ms, "results": results(worker, number)}
            print(json.dumps(told), flush=True)


def results(worker: Any, number: int) -> dict[str, str]:
    """Digests of what the store keeps of a file, and of its report as if each were made at one moment."""
    from koa_worker.registrar import report_of
    from koa_worker.report.pdf import render

    file_id = f"{number:032x}"
    found = {}
    with closing(sqlite3.connect(worker.config.store.url.removeprefix("sqlite:///"))) as database:
        database.row_factory = sqlite3.Row
        for (table,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall():
            if table not in _NOT_COMPARED and (rows := _rows(database, table, file_id)):
                found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
        (study_key,) = database.execute("SELECT study_key FROM files WHERE id = ?", (file_id,)).fetchone()
    if study_key is not None:
        study = worker.store.studies.content(study_key).reported
        content = report_of(study, 1, datetime(2026, 1, 1, tzinfo=UTC), worker.pipeline.grader.graded_by)
        page = render(replace(content, id="0" * 32), worker.config.report)
        found["report"] = hashlib.sha256(page).hexdigest()[:12]
    return found


def _rows(database: sqlite3.Connection, table: str, file_id: str) -> list[list[tuple[str, Any]]]:
    """The rows of a file, without what differs each time; row numbers are those of the file's order."""
    columns = [row["name"] for row in database.execute(f"PRAGMA table_info({table})")]
    of_file = next((name for name in ("file_id", "image_id") if name in columns), None)
    if table == "files":
        of_file = "id"
    elif table == "grades":
        of_file = "(SELECT file_id FROM knees WHERE knees.id = grades.knee_id)"
    if of_file is None:
        return []
    kept = [name for name in columns if name not in _OF_ITS_TIME and not (name.endswith("id") and table != "files")]
    rows = database.execute(f"SELECT {', '.join(kept)} FROM {table} WHERE {of_file} = ?", (file_id,))
    return sorted([[(name, row[name]) for name in kept] for row in rows], key=repr)


def main(argv: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tree", type=Path, help="the source tree to compare with, as `git worktree add` makes one")
    options.add_argument("plates", type=Path, nargs="*")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--same", action="store_true", help="compare results only")
    chosen = options.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, started(chosen.tree) as before, started(ROOT) as after:
        plates = chosen.plates or [draw_plate(Path(folder))]
        unlike = compare_results(before, after, plates)
        print(f"{len(plates)} files: {len(plates) - unlike} with the same results to the byte, {unlike} with others")
        if not chosen.same:
            print_times(*take_times(before, after, plates, len(plates), chosen.rounds))
    sys.exit(unlike > 0)


def draw_plate(folder: Path) -> Path:
    from bench.stages import draw_plates

    return draw_plates(folder, ("explicit",))["explicit"]


def compare_results(before: Tree, after: Tree, plates: Sequence[Path]) -> int:
    """The number of files with different results; differences are printed by the file's number, never by its name."""
    unlike = 0
    for number, plate in enumerate(plates, start=1):
        then, now = (tree.work(plate, number).results for tree in (before, after))
        if then != now:
            unlike += 1
            print(
                f"file {number}: {', '.join(sorted(k for k in then.keys() | now.keys() if then.get(k) != now.get(k)))}"
            )
    return unlike


def take_times(
    before: Tree, after: Tree, plates: Sequence[Path], first: int, rounds: int
) -> tuple[list[Told], list[Told]]:
    then, now = list[Told](), list[Told]()
    for number in range(rounds):
        plate = plates[number % len(plates)]
        turns = [(before, then), (after, now)]
        for tree, told in turns if number % 2 else reversed(turns):
            told.append(tree.work(plate, first + number + 1))
    return then, now


def print_times(then: Sequence[Told], now: Sequence[Told]) -> None:
    print(f"{'ms of CPU':12} {'before':>8} {'after':>8} {'after ÷ before':>15}")
    stages = dict.fromkeys(stage for told in (*then, *now) for stage in told.stages_ms)
    for stage in stages:
        _print(
            stage, [told.stages_ms.get(stage, 0.0) for told in then], [told.stages_ms.get(stage, 0.0) for told in now]
        )
    _print("all", [told.whole_ms for told in then], [told.whole_ms for told in now])


def _print(name: str, then: Sequence[float], now: Sequence[float]) -> None:
    ratios = [one / other for one, other in zip(now, then, strict=True) if other > 0]
    ratio = f"{statistics.median(ratios):15.2f}" if ratios else ""
    print(f"{name:12} {statistics.median(then):8.1f} {statistics.median(now):8.1f} {ratio}")


if __name__ == "__main__":
    main()
