"""`python -m bench.throughput`: files a second by number of workers, where processor time goes, and memory over time.

The real daemon, end to end with reports. Three questions, each with one command, and each with a short form:

    python -m bench.throughput                             # 1,000 large bilateral plates, 1 worker and 2; --files 60
    python -m bench.throughput --small --files 10000       # memory over many files; --files 300
    python -m bench.throughput --waiting 100000            # the first result of a full inbox, and the daemon's memory

The ratios between two numbers of workers are taken in one run and can be compared; absolute numbers are this machine's
at this moment. Shares are of processor time, which does not depend on what else runs.
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
RADIOGRAPHS_OF_BACKLOG = 1000
WARMING_UP = 4  # files for each worker, which do not count


@dataclass
class Run:
    """The results for one number of workers."""

    files: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    memory_mb: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.files / self.seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=1000)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options.add_argument("--size", type=int, nargs=2, default=[2000, 2500], metavar=("ROWS", "COLUMNS"))
    options.add_argument("--small", action="store_true", help="crops of one knee instead of plates, two workers")
    options.add_argument("--waiting", type=int, help="number of files in the inbox before the daemon starts")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="koa-throughput-", dir=os.environ.get("TMPDIR")) as folder:
        place = Path(folder)
        if chosen.waiting:
            say_first_result(place, chosen.waiting)
            return
        patterns = [*(draw_crops(place) if chosen.small else draw_plates(place, chosen.size))]
        numbers = [2] if chosen.small else chosen.workers
        runs = {count: measure(place / str(count), patterns, chosen.files, count) for count in numbers}
    for count, run in runs.items():
        say(count, run)
    base = runs[numbers[0]].per_second
    for count in numbers[1:]:
        print(f"{numbers[0]} → {count} workers: {runs[count].per_second / base:.2f}×")


def say(count: int, run: Run) -> None:
    """Prints a run. Time outside all stages is the dispatcher's, or between two stages."""
    rest = run.cpu_seconds - sum(run.stages.values())
    parts = sorted({**run.stages, "all else": rest}.items(), key=lambda part: -part[1])
    core = sum(run.stages.get(stage, 0.0) for stage in DECODER_AND_NET)
    print(f"{count} workers: {run.files} files in {run.seconds:.1f} s, {run.per_second:.2f} files a second")
    for stage, spent in parts:
        print(f"  {stage:10} {spent / run.files * 1e3:7.1f} ms of CPU a file {spent / run.cpu_seconds:5.0%}")
    share = 1 - core / run.cpu_seconds
    print(f"  {'all':10} {run.cpu_seconds / run.files * 1e3:7.1f} ms; neither decoder nor net {share:.0%}")
    tenths = [run.memory_mb[(len(run.memory_mb) - 1) * part // 10] for part in range(1, 11)]
    print(f"  memory of all processes at each tenth, MB: {' '.join(f'{mb:.0f}' for mb in tenths)}")


def say_first_result(place: Path, waiting: int) -> None:
    """The oldest files are radiographs; the daemon need not process the others for this measurement."""
    fill(place / "work/inbox", [*draw_crops(place)], range(RADIOGRAPHS_OF_BACKLOG))
    for number in range(waiting - RADIOGRAPHS_OF_BACKLOG):
        folder = place / f"work/inbox/{number // 1000}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.png").write_bytes(b"not a radiograph %d" % number)
    port = configure(place, workers=2)
    start = time.monotonic()
    with daemon(place, port) as process:
        ready = time.monotonic() - start
        while read(port).get("settled", 0.0) < 1:
            time.sleep(0.05)
        print(
            f"{waiting} files waiting: ready after {ready:.1f} s, first result after {time.monotonic() - start:.1f} s"
        )
        end, memory = time.monotonic() + 20.0, list[float]()
        while time.monotonic() < end:
            memory.append(memory_mb(process.pid, family=False))
            time.sleep(0.25)
        print(f"  memory of the daemon without its workers over 20 s: {min(memory):.0f} to {max(memory):.0f} MB")


def draw_plates(place: Path, size: list[int]) -> Iterator[bytes]:
    """Two plates, each uncompressed and as JPEG lossless, whose UIDs can be replaced in their bytes."""
    for seed in (1, 2):
        knees = (
            synthetic.KneeSpec(Side.RIGHT, 4.0 - seed, centre=(0.26, 0.5), seed=seed),
            synthetic.KneeSpec(Side.LEFT, 1.0, centre=(0.74, 0.5), seed=seed),
        )
        plate = synthetic.draw(synthetic.PlateSpec(size[0], size[1], 0.4 * 1000 / size[1], knees, seed=seed))
        for syntax in ("explicit", "jpeg-lossless"):
            path = place / "pattern.dcm"
            write_dicom(path, plate, syntax=syntax, study_uid=UID)
            yield path.read_bytes()


def draw_crops(place: Path) -> Iterator[bytes]:
    for seed in range(4):
        crop = synthetic.crop(synthetic.KneeSpec(Side.RIGHT, float(seed)), size=260, seed=seed)
        write_dicom(place / "pattern.dcm", crop, study_uid=UID)
        yield (place / "pattern.dcm").read_bytes()


def fill(folder: Path, patterns: list[bytes], numbers: range) -> None:
    folder.mkdir(parents=True)
    for number, pattern in zip(numbers, itertools.cycle(patterns), strict=False):
        uid = f"{UID[: -len(str(number))]}{number}"
        # An image has no UID; what follows its end makes it a file of its own.
        own = pattern.replace(UID.encode(), uid.encode()) if UID.encode() in pattern else pattern + b"#%d" % number
        (folder / f"{number}.dcm").write_bytes(own)


def measure(place: Path, patterns: list[bytes], files: int, workers: int) -> Run:
    """The files arrive all at once, when every worker has done its first few."""
    early = WARMING_UP * workers
    fill(place / "early", patterns, range(early))
    fill(place / "coming", patterns, range(early, early + files))
    (place / "work/inbox").mkdir(parents=True)
    port = configure(place, workers)
    run = Run(files)
    with daemon(place, port) as process:
        (place / "early").rename(place / "work/inbox/early")
        before = wait_until(port, early, process.pid, [])
        (place / "coming").rename(place / "work/inbox/export")
        start, cpu_before = time.monotonic(), cpu_seconds(process.pid)
        metrics = wait_until(port, early + files, process.pid, run.memory_mb)
        run.seconds = time.monotonic() - start
        run.cpu_seconds = cpu_seconds(process.pid) - cpu_before
        run.stages = {
            name.removeprefix("stage "): value - before.get(name, 0.0)
            for name, value in metrics.items()
            if "stage " in name
        }
    return run


def wait_until(port: int, settled: int, pid: int, memory: list[float]) -> dict[str, float]:
    while (metrics := read(port)).get("settled", 0.0) < settled:
        memory.append(memory_mb(pid))
        time.sleep(0.25)
    return metrics


def configure(place: Path, workers: int) -> int:
    """Gives the port of the daemon's numbers."""
    port = free_port()
    (place / "config.toml").write_text(
        f"[intake]\nstable_seconds = 0.0\n[work]\nworkers = {workers}\n"
        f"[metrics]\nport = {port}\n[log]\nlevel = 'error'\n"
    )
    return port


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
    found = {
        f"stage {stage}": float(spent) for stage, spent in re.findall(r'koa_stage_cpu\w+{stage="(\w+)"} (\S+)', text)
    }
    return {**found, "settled": sum(map(float, re.findall(r"koa_files_total{\S+} (\S+)", text)))}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pid: int) -> float:
    """User and system time of the daemon and its workers, which does not depend on what else runs."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in family_of(pid)]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, *, family: bool = True) -> float:
    members = family_of(pid) if family else [pid]
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in members]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
