"""`python -m bench.throughput`: files a second by number of workers, where the time goes, and memory over time.

The real daemon, end to end with reports, on large bilateral plates. The ratios between two numbers of workers are taken
in one run and can be compared; absolute numbers are this machine's at this moment.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from koa_worker import synthetic
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Side

ROOT = Path(__file__).parents[1]
UID = "2.25.1000000000000000000000000"
DECODER_AND_NET = ("read", "grade")


@dataclass
class Run:
    """What one number of workers brought."""

    files: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.files / self.seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=1000)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options.add_argument("--size", type=int, nargs=2, default=[2000, 2500], metavar=("ROWS", "COLUMNS"))
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="koa-throughput-", dir=os.environ.get("TMPDIR")) as place:
        patterns = [*draw_patterns(Path(place), chosen.size)]
        runs = {count: measure(Path(place) / str(count), patterns, chosen.files, count) for count in chosen.workers}
    for count, run in runs.items():
        say(count, run)
    base = runs[chosen.workers[0]].per_second
    for count in chosen.workers[1:]:
        print(f"{chosen.workers[0]} → {count} workers: {runs[count].per_second / base:.2f}×")


def say(count: int, run: Run) -> None:
    busy = sum(run.stages.values())
    shares = ", ".join(
        f"{stage} {spent / busy:.0%}" for stage, spent in sorted(run.stages.items(), key=lambda s: -s[1])
    )
    others = 1 - sum(run.stages.get(stage, 0.0) for stage in DECODER_AND_NET) / busy
    thirds = [run.memory_mb[len(run.memory_mb) * part // 10] for part in (1, 5)] + run.memory_mb[-1:]
    print(f"{count} workers: {run.files} files in {run.seconds:.1f} s, {run.per_second:.2f} files a second")
    print(f"  CPU {run.cpu_seconds / run.files * 1e3:.0f} ms a file; stages {busy / run.files * 1e3:.0f} ms: {shares}")
    print(f"  neither decoder nor net: {others:.0%}")
    print(f"  memory of all processes, early, half-way, at the end: {', '.join(f'{mb:.0f}' for mb in thirds)} MB")


def draw_patterns(place: Path, size: list[int]) -> Iterator[bytes]:
    """Two plates, each uncompressed and as JPEG lossless, whose UIDs can be replaced in their bytes."""
    for seed in (1, 2):
        knees = (
            synthetic.Knee(Side.RIGHT, 4.0 - seed, centre=(0.26, 0.5), seed=seed),
            synthetic.Knee(Side.LEFT, 1.0, centre=(0.74, 0.5), seed=seed),
        )
        plate = synthetic.draw(synthetic.PlateSpec(size[0], size[1], 0.4 * 1000 / size[1], knees, seed=seed))
        for syntax in ("explicit", "jpeg-lossless"):
            path = place / "pattern.dcm"
            write_dicom(path, plate, syntax=syntax, study_uid=UID)
            yield path.read_bytes()


def fill(folder: Path, patterns: list[bytes], count: int) -> None:
    folder.mkdir(parents=True)
    for number, pattern in zip(range(count), itertools.cycle(patterns), strict=False):
        uid = f"{UID[: -len(str(number))]}{number}"
        (folder / f"{number}.dcm").write_bytes(pattern.replace(UID.encode(), uid.encode()))


def measure(place: Path, patterns: list[bytes], files: int, workers: int) -> Run:
    """The files come all at once, after the daemon is ready."""
    fill(place / "coming", patterns, files)
    port = free_port()
    (place / "work/inbox").mkdir(parents=True)
    (place / "config.toml").write_text(
        f"[intake]\nstable_seconds = 0.0\n[work]\nworkers = {workers}\n"
        f"[metrics]\nport = {port}\n[log]\nlevel = 'warning'\n"
    )
    run = Run(files)
    with daemon(place, port) as process:
        (place / "coming").rename(place / "work/inbox/export")
        start, before = time.monotonic(), cpu_seconds(process.pid)
        while (metrics := read(port)).get("settled", 0.0) < files:
            run.memory_mb.append(memory_mb(process.pid))
            time.sleep(0.25)
        run.seconds = time.monotonic() - start
        run.cpu_seconds = cpu_seconds(process.pid) - before
        run.stages = {name.removeprefix("stage "): value for name, value in metrics.items() if "stage " in name}
    return run


@contextmanager
def daemon(place: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "koa_worker", "run"]
    with subprocess.Popen(words, cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            while not read(port):
                if process.poll() is not None:
                    raise RuntimeError("the daemon did not start")
                time.sleep(0.1)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def read(port: int) -> dict[str, float]:
    """The daemon's own numbers: files settled, and seconds by stage."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found = {f"stage {stage}": float(spent) for stage, spent in re.findall(r'koa_stage\w+{stage="(\w+)"} (\S+)', text)}
    return {**found, "settled": sum(map(float, re.findall(r"koa_files_total{\S+} (\S+)", text)))}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pid: int) -> float:
    """User and system time of the daemon and its workers, which does not depend on what else runs."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in family(pid)]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid)]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
