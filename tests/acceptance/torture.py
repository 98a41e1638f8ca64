"""The fault campaign: files of every kind, kills at any moment, full disks, locked databases. No loss, no double.

`python -m tests.acceptance.torture` (or `make torture`) runs the long form; test_torture.py runs a short one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pypdf

from koa_worker import synthetic
from koa_worker.daemon.ending import NOTHING_LEFT, SOME_REJECTED, WORK_LEFT
from koa_worker.errors import OWN_RESULT
from koa_worker.synthetic.write import Person, write_dicom, write_png
from koa_worker.values import Side
from tests.make import until

ROOT = Path(__file__).parents[2]
SETTINGS = """
[folders]
inbox = "{inbox}"
work = "work/{name}"
[study]
quiet_seconds = 0.0
[intake]
stable_seconds = 0.3
scan_seconds = 0.3
incomplete_seconds = 1.0
[limits]
min_free_mb = 0
seconds_per_file = 20
"""
# Each step between claim and filing, with the process that does it: kills come before and after.
POINTS = (
    "koa_worker.daemon.dispatcher:claim",
    "koa_worker.intake.claim:_write_note",
    "koa_worker.store.lifecycle.files:Files.take",
    "koa_worker.pipeline:Pipeline.process",
    "koa_worker.store.lifecycle.files:Files.complete",
    "koa_worker.store.lifecycle.files:Files.reject",
    "koa_worker.store.study.study_content:Studies.content",
    "koa_worker.registrar:draft",
    "koa_worker.registrar:put",
    "koa_worker.store.reports:Reports.record",
    "koa_worker.store.lifecycle.files:Files.record_filing",
    "koa_worker.workers.file_steps:file_away",
    "koa_worker.intake.claim:Claim.release",
)
KILLS_A_ROUND = 30
PATIENCE = 1800.0  # seconds for what must come to an end; a campaign runs beside other work
SECRET = re.compile(r"Torturov|TRT-\d|19550607|1955-06-07|SYN\d{8}|7\.7\.7\.")


@dataclass
class Dropped:
    """The files that went into the inbox: the copies of each content, and files that are still being copied."""

    contents: Counter[str] = field(default_factory=Counter)
    copying: list[threading.Thread] = field(default_factory=list)

    def add(self, path: Path, data: bytes) -> None:
        self.contents[hashlib.sha256(data).hexdigest()] += 1
        unfinished = path.with_name(f"{path.name}.part")
        unfinished.write_bytes(data)
        unfinished.rename(path)

    def copy_slowly(self, path: Path, data: bytes) -> None:
        """Under its final name, with pauses shorter than the time for which a whole file stands still."""
        self.contents[hashlib.sha256(data).hexdigest()] += 1
        self.copying.append(threading.Thread(target=_trickle, args=(path, data)))
        self.copying[-1].start()


def _trickle(path: Path, data: bytes) -> None:
    step = len(data) // 6 + 1
    with path.open("wb") as stream:
        for start in range(0, len(data), step):
            stream.write(data[start : start + step])
            stream.flush()
            time.sleep(0.1)


class Supply:
    """Radiographs of a few knees in endless variation, each file with other bytes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._number = 0
        sides = (Side.RIGHT, Side.LEFT)
        self._plates = [
            synthetic.crop(synthetic.KneeSpec(sides[seed % 2], severity=severity), size=260, seed=seed)
            for seed, severity in enumerate((0.0, 1.0, 2.0, 4.0))
        ]
        with tempfile.TemporaryDirectory() as folder:
            self._pngs = [self._png(Path(folder) / "a.png", plate) for plate in self._plates]

    @staticmethod
    def _png(path: Path, plate: synthetic.Plate) -> bytes:
        write_png(path, plate)
        return path.read_bytes()

    def name(self) -> str:
        self._number += 1
        return f"Torturov^Anna TRT-{self._number}"

    def png(self) -> bytes:
        """After IEND nothing is read, so a number there makes a file of its own."""
        self._number += 1
        return self.random.choice(self._pngs) + f"#{self._number}".encode()

    def dicom(self, study: int | None = None) -> bytes:
        self._number += 1
        person = Person("Torturov^Anna", f"TRT-{self._number}", "19550607", "F")
        with tempfile.NamedTemporaryFile(suffix=".dcm") as stream:
            write_dicom(
                Path(stream.name),
                self.random.choice(self._plates),
                syntax=self.random.choice(["explicit", "implicit", "jpeg-lossless", "jpeg-2000", "rle"]),
                patient=person,
                study_uid=f"7.7.7.{self._number if study is None else study}",
                study_date=f"2024{self.random.randint(1, 12):02}{self.random.randint(1, 28):02}",
            )
            return Path(stream.name).read_bytes()

    def drop(self, inbox: Path, count: int) -> Dropped:
        """A mixture: good ones, several of one study, the same again, cut, hostile, slowly copied ones."""
        dropped = Dropped()
        before: list[bytes] = []
        for _ in range(count):
            folder = inbox / self.random.choice(["", "", "a", "a/b"])
            folder.mkdir(parents=True, exist_ok=True)
            kind = self.random.random()
            path = folder / f"{self.name()}{self.random.choice(['.dcm', '', '.png'])}"
            if kind < 0.1 and before:
                dropped.add(path, self.random.choice(before))
            elif kind < 0.2:
                data = self.dicom()
                dropped.add(path, data[: self.random.randrange(200, len(data))])
            elif kind < 0.25:
                dropped.add(path, self.random.choice([b"SABOTAGE:crash", b"Dear colleague "]) + path.name.encode())
            elif kind < 0.35:
                dropped.copy_slowly(path, self.png())
            else:
                data = self.png() if kind < 0.6 else self.dicom(self.random.randrange(5) if kind < 0.75 else None)
                before.append(data)
                dropped.add(path, data)
        return dropped


class Arena:
    """A site whose daemon can be killed and restarted any number of times."""

    def __init__(
        self, folder: Path, name: str = "claimed", inbox: str = "work/inbox", limits: str = "max_tries = 2\n"
    ) -> None:
        self.folder = folder
        self.name = name
        self.inbox = folder / inbox
        self.inbox.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.toml").write_text(SETTINGS.format(name=name, inbox=inbox) + limits)
        self.log = folder / f"{name}.log"
        self.heard = 0  # of the log, before the last start
        self.restarts = 0
        self.daemon: subprocess.Popen[bytes] | None = None

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'tests/sabotage'}:{ROOT}",
            "PYTHONWARNINGS": "error",
            **environment,
        }
        self.restarts += 1
        self.heard = len(self.log.read_text()) if self.log.exists() else 0
        command = [sys.executable, "-m", "koa_worker", "run", "--config", f"{self.name}.toml", *words]
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=log)
        return self.daemon

    def workers(self) -> list[int]:
        assert self.daemon is not None
        with contextlib.suppress(OSError):
            pids = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
            return [int(pid) for pid in pids]
        return []

    def titles(self) -> str:
        """The output of `ps` for daemon and worker processes."""
        shown = b""
        for pid in [self.daemon.pid if self.daemon else 0, *self.workers()]:
            with contextlib.suppress(OSError):
                shown += Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
        return shown.decode(errors="replace")

    def stop(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            # One that was started a moment ago may not have heard of signals yet.
            allowed = (0, -signal.SIGTERM) if self.just_started() else (0,)
            self.daemon.send_signal(signal.SIGTERM)
            assert self.daemon.wait(PATIENCE) in allowed, "SIGTERM ends with exit code 0"

    def just_started(self) -> bool:
        return " ready " not in self.log.read_text()[self.heard :]

    def kill(self) -> None:
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()

    def drain(self, seconds: float = PATIENCE) -> None:
        """Waits until each file is in its final folder: failed files are retried at once and not after their pause."""
        give_up = time.monotonic() + seconds
        while True:
            self.retry_failed()
            code = self.start("--once").wait(seconds)
            # A file that ends its worker waits for a person, and the run says so; no other run leaves work.
            harmful = code == WORK_LEFT and self.query("SELECT 1 FROM files WHERE state = 'failed'")
            assert harmful or code in (NOTHING_LEFT, SOME_REJECTED), self.log.read_text()[-2000:]
            if not any(path.suffix == ".file" for path in (self.folder / f"work/{self.name}").iterdir()):
                return
            assert time.monotonic() < give_up, "it does not come to an end"

    def retry_failed(self) -> None:
        """Ends the pauses. Not `koa-worker retry`: that would forget how often a harmful file has failed."""
        if self.has_tables():
            with self.database() as database:
                database.execute(
                    "UPDATE files SET next_try_at = '2020-01-01 00:00:00.000000'"
                    " WHERE state = 'failed' AND next_try_at IS NOT NULL"
                )

    def has_tables(self) -> bool:
        """Not before its first start, nor when that was killed before it had made them."""
        there = (self.folder / "work/koa.sqlite3").exists()
        return there and self.query("SELECT 1 FROM sqlite_master WHERE name = 'files'") == [(1,)]

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.folder / "work/koa.sqlite3", timeout=60, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, question: str) -> list[tuple[Any, ...]]:
        with self.database() as database:
            return database.execute(question).fetchall()

    def settled(self) -> int:
        if not (self.folder / "work/koa.sqlite3").exists():
            return 0
        with contextlib.suppress(sqlite3.OperationalError):
            return int(self.query("SELECT count(*) FROM files WHERE state NOT IN ('waiting', 'working')")[0][0])
        return 0


def account(arena: Arena, dropped: Counter[str]) -> dict[str, int]:
    """Every input exactly once; database and folders agree; every study of a knee has a readable PDF."""
    folder = arena.folder
    filed = {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for where in ("done", "rejected", "failed")
        for path in (folder / "work" / where).rglob("*")
        if path.is_file() and not path.name.endswith(".reason.txt")
    }
    assert Counter(filed.values()) == dropped, "each input lies in exactly one place, unchanged"
    assert [path for path in arena.inbox.rglob("*") if path.is_file()] == []
    assert [path.name for path in (folder / f"work/{arena.name}").iterdir()] == [".lock"]
    rows = arena.query("SELECT id, sha256, state, filed_as, duplicate_of, study_key, code FROM files")
    assert len(rows) == len(filed), "a row for each file and a file for each row"
    for _, sha256, state, filed_as, duplicate_of, _, code in rows:
        path, is_own = Path(filed_as), code == OWN_RESULT
        assert filed[path] == sha256
        assert state in {"completed", "rejected", "failed", "duplicate"}
        assert (state == "duplicate") == (duplicate_of is not None or is_own)
        assert path.parent.parent.name in ({"done", "rejected"} if state == "duplicate" else {_FOLDER[state]})
        reason = path.with_name(f"{path.name}.reason.txt").exists()
        assert reason == (is_own or state in {"rejected", "failed"})
    graded = Counter(row[1] for row in rows if row[2] == "completed")
    assert all(count == 1 for count in graded.values()), "the same bytes are graded once"
    about_a_knee = {file for (file,) in arena.query("SELECT file_id FROM events WHERE kind = 'knee_not_graded'")}
    told = {row[5] for row in rows if row[2] == "completed" or (row[2] == "rejected" and row[0] in about_a_knee)}
    _account_for_reports(arena, told)
    return dict(Counter(row[2] for row in rows))


_FOLDER = {"completed": "done", "rejected": "rejected", "failed": "failed"}


def _account_for_reports(arena: Arena, studies: set[str]) -> None:
    written = {path.stem: path for path in (arena.folder / "reports").rglob("*") if path.is_file()}
    assert {path.suffix for path in written.values()} <= {".pdf"}, "no draft stays behind"
    assert set(written) == studies
    newest = arena.query(
        "SELECT study_key, sha256 FROM reports AS r WHERE written_at IS NOT NULL AND revision ="
        " (SELECT max(revision) FROM reports WHERE study_key = r.study_key AND written_at IS NOT NULL)"
    )
    assert {key for key, _ in newest} == studies
    for key, sha256 in newest:
        assert hashlib.sha256(written[key].read_bytes()).hexdigest() == sha256, "the newest revision is in place"
        assert len(pypdf.PdfReader(written[key]).pages) >= 1
    doubled = arena.query("SELECT knee_id FROM grades WHERE is_current GROUP BY knee_id HAVING count(*) > 1")
    assert doubled == []
    assert (
        arena.query(
            "SELECT key FROM studies WHERE changes > reported_changes AND key IN (SELECT study_key FROM images)"
        )
        == []
    )


def assert_private(arena: Arena, titles: str = "") -> None:
    """No log, title or path names a patient; the inbox is the exporter's own."""
    paths = "\n".join(
        str(path.relative_to(arena.folder)) for path in arena.folder.rglob("*") if arena.inbox not in path.parents
    )
    reasons = "\n".join(path.read_text() for path in (arena.folder / "work").rglob("*.reason.txt"))
    for text in (arena.log.read_text(), titles, paths, reasons):
        found = SECRET.search(text)
        assert found is None, found


# The rounds. Each drops files, does its harm, drains and accounts.


def kill_at_random(arena: Arena, supply: Supply, kills: int, files: int) -> dict[str, int]:
    """Daemon and worker processes in turn, at any moment from their start on."""
    dropped = supply.drop(arena.inbox, files)
    titles = ""
    for number in range(kills):
        if arena.daemon is None or arena.daemon.poll() is not None:
            arena.start()
        time.sleep(supply.random.uniform(0.0, 2.5))
        titles += arena.titles()
        victims = arena.workers()
        if number % 2 and victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(supply.random.choice(victims), signal.SIGKILL)
        else:
            arena.kill()
    return finish(arena, dropped, titles)


def kill_at_point(arena: Arena, supply: Supply, point: str, when: str, victim: str, nth: int = 0) -> dict[str, int]:
    """Once at the named step, then never again. Gives beside the counts whether the step was come to at all.

    `nth` counts the calls in one process, which may do fewer of them; without it chance decides.
    """
    assert_there(point)
    dropped = supply.drop(arena.inbox, 3)
    extra = supply.dicom()
    dropped.add(arena.inbox / supply.name(), extra)
    dropped.add(arena.inbox / supply.name(), extra)  # a duplicate, whose filing is recorded later than others'
    nth = nth or supply.random.choice([1, 1, 2])
    mark, how = arena.folder / "killed", f"{point}:{when}:{nth}:{victim}"
    arena.start("--once", SABOTAGE_KILL=how, SABOTAGE_KILLED=str(mark)).wait(PATIENCE)
    return {"killed": int(mark.exists()), **finish(arena, dropped)}


def assert_there(point: str) -> None:
    """A kill at what no longer exists would never come, and every round would pass."""
    module, name = point.split(":")
    owner: Any = importlib.import_module(module)
    for part in name.split("."):
        assert hasattr(owner, part), f"there is no {point}"
        owner = getattr(owner, part)


def lock_database(arena: Arena, supply: Supply, seconds: float, files: int) -> dict[str, int]:
    arena.start()
    dropped = supply.drop(arena.inbox, files)
    until(lambda: arena.settled() > 0, PATIENCE)
    with arena.database() as database:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        database.execute("ROLLBACK")
    before = arena.settled()
    until(lambda: arena.settled() > before or not any(arena.inbox.rglob("*.*")), PATIENCE)
    assert arena.restarts == 1, "it waits, it does not fall"
    return finish(arena, dropped)


def take_inbox_away(arena: Arena, supply: Supply, seconds: float, files: int) -> dict[str, int]:
    arena.start()
    dropped = supply.drop(arena.inbox, files)
    for thread in dropped.copying:
        thread.join()
    until(lambda: arena.settled() > 0, PATIENCE)
    away = arena.inbox.with_name("away")
    arena.inbox.rename(away)
    time.sleep(seconds)
    away.rename(arena.inbox)
    more = supply.drop(arena.inbox, 3)
    dropped.contents += more.contents
    dropped.copying += more.copying
    until(lambda: arena.settled() >= sum(dropped.contents.values()) - 2, PATIENCE)
    assert arena.daemon is not None
    assert arena.daemon.poll() is None
    return finish(arena, dropped)


def set_clock_back(arena: Arena, supply: Supply, files: int) -> dict[str, int]:
    clock = arena.folder / "clock"
    clock.write_text("0")
    arena.start(SABOTAGE_CLOCK=str(clock))
    dropped = supply.drop(arena.inbox, files)
    until(lambda: arena.settled() > 0, PATIENCE)
    clock.write_text("5000")
    for number, path in enumerate(path for path in arena.inbox.rglob("*") if path.is_file()):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path, (time.time() + 3600 * (number % 3 - 1),) * 2)
    until(lambda: arena.settled() >= files // 2, PATIENCE)
    clock.unlink()
    clock.write_text("0")
    return finish(arena, dropped)


def fill_disk(supply: Supply, files: int, seconds: float = 8.0) -> dict[str, int]:
    """A file system of 24 MB, full up while files are worked on, then free again. Needs root."""
    with tempfile.TemporaryDirectory() as place, mounted(Path(place), "24m"):
        arena = Arena(Path(place))
        arena.start()
        dropped = supply.drop(arena.inbox, files)
        for thread in dropped.copying:
            thread.join()
        until(lambda: arena.settled() > 0, PATIENCE)
        ballast = arena.folder / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as stream:
            while True:
                stream.write(bytes(4096))
                stream.flush()
        time.sleep(seconds)
        full = arena.settled()
        ballast.unlink()
        until(lambda: arena.settled() > full or arena.settled() >= files, PATIENCE)
        assert arena.daemon is not None
        assert arena.daemon.poll() is None, "it waits, it does not fall"
        return finish(arena, dropped)


@contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def share_inbox(folder: Path, supply: Supply, files: int) -> tuple[int, int]:
    """Two daemons on one inbox, with one store: how many each of them graded."""
    arenas = [Arena(folder, name) for name in ("one", "two")]
    contents: Counter[str] = Counter()
    for _ in range(files):
        data = supply.png()
        contents[hashlib.sha256(data).hexdigest()] += 1
        (arenas[0].inbox / supply.name()).write_bytes(data)
    for arena in arenas:
        arena.start("--once")
    for arena in arenas:
        assert arena.daemon is not None
        assert arena.daemon.wait(3600) == 0, arena.log.read_text()[-2000:]
        assert_private(arena)
    counts = account(arenas[0], contents)
    assert counts == {"completed": files}
    first, second = (arena.log.read_text().count(" completed ") for arena in arenas)
    return first, second


def finish(arena: Arena, dropped: Dropped, titles: str = "") -> dict[str, int]:
    for thread in dropped.copying:
        thread.join()
    arena.stop()
    arena.drain()
    counts = account(arena, dropped.contents)
    assert_private(arena, titles)
    return counts


def points() -> Iterator[tuple[str, str, str]]:
    for point in POINTS:
        for when in ("before", "after"):
            if "claim:_write" not in point and "dispatcher" not in point:
                yield point, when, "worker"
            yield point, when, "daemon"


def rounds(supply: Supply, kills: int, two: int) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """The long form; the longest part comes last."""
    yield "database locked for 20 s", lambda at: lock_database(Arena(at), supply, 20.0, 40)
    yield "inbox away for 5 s", lambda at: take_inbox_away(Arena(at), supply, 5.0, 40)
    yield "clock set back", lambda at: set_clock_back(Arena(at), supply, 40)
    yield "disk full", lambda _: fill_disk(supply, 60)
    yield f"two daemons, {two} files", lambda at: share_inbox(at, supply, two)
    for step, when, victim in points():
        yield f"{step}, {when}, {victim}", partial(_at_point, supply, step, when, victim)
    for first in range(0, kills, KILLS_A_ROUND):
        count = min(KILLS_A_ROUND, kills - first)
        yield f"kills {first + 1} to {first + count}", partial(_at_random, supply, count)


def _at_point(supply: Supply, step: str, when: str, victim: str, place: Path) -> object:
    return kill_at_point(Arena(place), supply, step, when, victim)


def _at_random(supply: Supply, kills: int, place: Path) -> object:
    return kill_at_random(Arena(place), supply, kills, 60)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--two", type=int, default=2000, help="files for two daemons on one inbox")
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--only", default="", help="rounds whose name holds this")
    chosen = options.parse_args()
    supply = Supply(chosen.seed)
    print(f"seed {chosen.seed}", flush=True)

    def show(what: str, counts: object, since: float) -> None:
        print(f"{what:60} {counts} in {time.monotonic() - since:.0f} s", flush=True)

    for what, work in rounds(supply, chosen.kills, chosen.two):
        if chosen.only not in what:
            continue
        since = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="koa-torture-") as place:
            show(what, work(Path(place)), since)
    print("0 lost, 0 doubled")


if __name__ == "__main__":
    main()
