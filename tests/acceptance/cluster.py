"""A real Dask cluster of processes, whose workers and scheduler are killed while it grades an archive.

`python -m tests.acceptance.cluster` runs the long form (5,000 files, in network namespaces where that is permitted) and
prints how fast one and two workers are; test_cluster.py runs a short one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from koa_worker.batch.ledger import FILES_IN_PART
from koa_worker.batch.parquet import part_path
from tests import archive
from tests.make import free_port, until

PORT = 8786


@dataclass(frozen=True)
class Host:
    """Where a process of the cluster runs: its address, and the prefix of a command to run it there."""

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()


@contextmanager
def namespaces(count: int) -> Iterator[list[Host]]:
    """Hosts with network addresses of their own, joined by a bridge on which this process is the first."""
    tag = f"k{secrets.token_hex(3)}"
    net = f"10.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
    names = [f"{tag}n{number}" for number in range(count)]
    try:
        _ip("link", "add", f"{tag}br", "type", "bridge")
        _ip("addr", "add", f"{net}.1/24", "dev", f"{tag}br")
        _ip("link", "set", f"{tag}br", "up")
        for number, name in enumerate(names):
            _ip("netns", "add", name)
            _ip("link", "add", f"{tag}v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"{tag}v{number}", "master", f"{tag}br", "up")
            _ip("-n", name, "addr", "add", f"{net}.{number + 2}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield [Host(f"{net}.{number + 2}", ("ip", "netns", "exec", name)) for number, name in enumerate(names)]
    finally:
        for name in names:
            _ip("netns", "del", name, check=False)
        _ip("link", "del", f"{tag}br", check=False)


def may_have_namespaces() -> bool:
    try:
        with namespaces(1) as (host,):
            subprocess.run([*host.enter, "true"], check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@dataclass
class Process:
    """A process that is restarted when it ends, as by a service manager."""

    words: list[str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    wanted: threading.Event = field(default_factory=threading.Event)

    def look_after(self) -> None:
        if self.wanted.is_set() and (self.running is None or self.running.poll() is not None):
            with self.log.open("ab") as stream:
                self.running = subprocess.Popen(
                    self.words, stdout=stream, stderr=stream, env=archive.environment(), start_new_session=True
                )

    def kill(self) -> None:
        """As the power would."""
        if self.running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


class Cluster:
    """A scheduler and workers of one thread each."""

    def __init__(self, folder: Path, workers: int, hosts: list[Host] | None = None) -> None:
        self.folder = folder
        places = hosts or [Host()] * (workers + 1)
        port = PORT if hosts else free_port()
        self.address = f"tcp://{places[0].address}:{port}"
        python = [sys.executable, "-W", "ignore", "-m"]
        scheduler = ["distributed.cli.dask_scheduler", "--host", places[0].address, "--port", str(port), "--no-show"]
        self.scheduler = Process([*places[0].enter, *python, *scheduler, "--no-dashboard"], folder / "scheduler.log")
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
        worker = [*python, "distributed.cli.dask_worker", self.address, *options]
        self.workers = [
            Process([*host.enter, *worker, "--host", host.address], folder / f"worker{number}.log")
            for number, host in enumerate(places[1 : workers + 1])
        ]
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._look_after, daemon=True)

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        for process in self._all():
            process.wanted.set()
        self._keeper.start()
        try:
            yield self
        finally:
            self._over.set()
            self._keeper.join()
            for process in self._all():
                process.kill()

    def _all(self) -> list[Process]:
        return [self.scheduler, *self.workers]

    def _look_after(self) -> None:
        while not self._over.wait(0.5):
            for process in self._all():
                process.look_after()

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def scheduler_mb(self) -> float:
        """Resident memory; in a namespace the process is the child of `ip`, which replaces itself."""
        assert self.scheduler.running is not None
        pages = int(Path(f"/proc/{self.scheduler.running.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@contextmanager
def grading(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        archive.command("archive", "--no-store", *words),
        cwd=folder,
        env=archive.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def log_bytes(results: Path) -> int:
    """The bytes written by the ledger since its start; a result takes about 16,000. No other process may open it."""
    log = results / "_ledger/ledger.sqlite3-wal"
    return log.stat().st_size if log.exists() else 0


def parts(results: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in results.glob("*.parquet")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=5000)
    options.add_argument("--speed-files", type=int, default=1500, help="for one and for two workers")
    chosen = options.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="koa-cluster-")))
        hosts = stack.enter_context(namespaces(3)) if may_have_namespaces() else None
        print("in network namespaces" if hosts else "on the loopback address only: no right to make namespaces")
        measure_speed(folder / "speed", chosen.speed_files, hosts)
        torment(folder / "kills", chosen.files, hosts)


def measure_speed(folder: Path, files: int, hosts: list[Host] | None) -> None:
    """The same archive by one worker and by two; only what comes after the first part of results is timed."""
    archive.fill(folder / "archive", files)
    rates = []
    for workers in (1, 2):
        place = folder / str(workers)
        place.mkdir()
        with Cluster(place, workers, hosts).running() as cluster:
            start, before = time.monotonic(), cpu_seconds()
            with grading(folder, "--results", str(place / "results"), "--cluster", cluster.address) as process:
                until(lambda: log_bytes(place / "results") > 500_000, 250, process=process)  # noqa: B023
                begun = time.monotonic()
                last = part_path(place / "results", (files - 1) // FILES_IN_PART)
                while process.poll() is None and not last.exists():
                    time.sleep(0.02)
                over = time.monotonic()
                _, wrong = process.communicate()
            assert process.returncode == 1, wrong
            rates.append(files / (over - begun))
            print(
                f"{workers} workers: {files} files in {over - start:.1f} s ({over - begun:.1f} s from the first results"
                f" on: {rates[-1]:.2f} files/s), CPU of the machine {cpu_seconds() - before:.0f} s,"
                f" scheduler {cluster.scheduler_mb():.0f} MB"
            )
    print(f"two workers are {rates[1] / rates[0]:.2f} times as fast as one")


def torment(folder: Path, files: int, hosts: list[Host] | None) -> None:
    """A worker and then the scheduler are killed; the results are compared with those of one machine."""
    archive.fill(folder / "archive", files)
    alone = archive.batch(folder, "--no-store", "--results", "alone", timeout=7200)
    assert alone.returncode == 1, alone.stderr
    with Cluster(folder, 2, hosts).running() as cluster:
        with grading(folder, "--results", "results", "--cluster", cluster.address) as process:
            until(lambda: len(parts(folder / "results")) >= 1, 7200, process=process)
            memory = cluster.scheduler_mb()
            cluster.workers[0].kill()
            print("a worker was killed")
            until(lambda: len(parts(folder / "results")) >= 2, 7200, process=process)
            print(f"scheduler: {memory:.0f} MB early, {cluster.scheduler_mb():.0f} MB later; it is killed now")
            cluster.scheduler.kill()
            said, wrong = process.communicate(timeout=7200)
        assert process.returncode == 1, wrong
        for secret in archive.SECRETS:
            assert secret not in cluster.logs() + wrong
    assert said == alone.stdout, (said, alone.stdout)
    assert parts(folder / "results") == parts(folder / "alone")
    rows = archive.rows(folder / "results")
    assert len({row["source"] for row in rows}) == len(rows) == files
    print(
        f"{files} files: each has one result, and every part is the one machine's to the byte. {said.splitlines()[0]}"
    )


def cpu_seconds() -> float:
    """The processor time of the whole machine: other programs make wall time long."""
    fields = Path("/proc/stat").read_text().split()
    return sum(int(field) for field in (*fields[1:4], *fields[6:8])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
