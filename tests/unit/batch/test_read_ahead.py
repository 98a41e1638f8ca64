"""Files of an object store that are fetched before a worker process is free."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from koa_worker.batch import read_ahead as module
from koa_worker.batch.grade_entry import look
from koa_worker.batch.local import WORKER_PROGRAM, findings
from koa_worker.batch.read_ahead import ReadAhead
from koa_worker.config import Config
from koa_worker.errors import WorkFailed
from koa_worker.pipeline import Pipeline
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import Examine
from koa_worker.workers.pool import WorkerPool

DEPTH = 3


class Bucket:
    """A slow object store: counts what is being fetched, and keeps back each object until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def fetch(self, place: str, copy: Any, most: int) -> None:
        self.asked.append(place)
        assert self.let_go.wait(30)
        if "gone" in place:
            raise WorkFailed("io", "FileNotFoundError")
        copy.write(place.encode()[:most])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    bucket = Bucket()
    monkeypatch.setattr(module, "fetch", bucket.fetch)
    yield bucket
    bucket.let_go.set()


def jobs_of(*places: str) -> list[Examine]:
    return [Examine(f"{number}", number, place, 0, keep=False) for number, place in enumerate(places)]


def ahead_of(*places: str) -> ReadAhead:
    jobs = iter(jobs_of(*places))
    return ReadAhead(lambda count: list(islice(jobs, count)), 1000, DEPTH)


def given(ahead: ReadAhead, count: int) -> list[Examine]:
    """As many jobs as a loop gets that waits until one is ready."""
    found: list[Examine] = []
    while len(found) < count:
        found += ahead.next_jobs(count - len(found))
        if len(found) < count:
            assert wait([ahead.fileno()], 30)
    return found


def settled(condition: Any) -> bool:
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(condition())


def test_the_next_files_are_fetched_while_nobody_waits_for_them_but_only_so_many(bucket: Bucket) -> None:
    with ahead_of(*(f"s3://b/{number}" for number in range(20))) as ahead:
        assert ahead.next_jobs(1) == []
        assert settled(lambda: len(bucket.asked) == DEPTH + 1)
        assert ahead.next_jobs(1) == []
        assert (len(bucket.asked), ahead.any_left) == (DEPTH + 1, True)
        bucket.let_go.set()
        (first,) = given(ahead, 1)
        assert Path(first.copy).read_text() == first.place
        assert settled(lambda: len(bucket.asked) >= DEPTH + 1)
        assert len(bucket.asked) <= DEPTH + 2


def test_all_are_given_once_and_a_copy_is_removed_when_its_file_is_done(bucket: Bucket) -> None:
    bucket.let_go.set()
    places = [f"s3://b/{number}" for number in range(10)]
    with ahead_of(*places) as ahead:
        done = given(ahead, 10)
        assert sorted(job.place for job in done) == sorted(places)
        assert (ahead.next_jobs(1), ahead.any_left) == ([], False)
        folder = Path(done[0].copy).parent
        assert folder.stat().st_mode & 0o077 == 0
        for job in done:
            ahead.forget(job)
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def test_an_object_that_cannot_be_fetched_is_left_to_its_worker_and_harms_no_other(bucket: Bucket) -> None:
    bucket.let_go.set()
    with ahead_of("s3://b/1", "s3://b/gone", "s3://b/2") as ahead:
        copies = {job.place: job.copy for job in given(ahead, 3)}
    assert copies["s3://b/gone"] == ""
    assert copies["s3://b/1"]
    assert copies["s3://b/2"]


def test_a_local_file_waits_for_no_object(bucket: Bucket) -> None:
    with ahead_of("s3://b/1", "/archive/2", "s3://b/3") as ahead:
        assert [(job.place, job.copy) for job in ahead.next_jobs(2)] == [("/archive/2", "")]


def test_a_store_that_never_answers_is_left_to_the_worker_process_and_its_limit(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.0)
    with ahead_of("s3://b/1") as ahead:
        time.sleep(0.01)
        assert [(job.place, job.copy) for job in ahead.next_jobs(1)] == [("s3://b/1", "")]


def test_what_is_left_behind_at_a_stop_is_removed(bucket: Bucket) -> None:
    with ahead_of("s3://b/1", "s3://b/2") as ahead:
        ahead.next_jobs(1)
        folder = Path(ahead._folder.name)
    assert not folder.exists()
    bucket.let_go.set()  # a thread that ends later says nothing to nobody


def test_a_worker_process_grades_the_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(b"no picture")
    job = Examine("1", 1, "s3://nowhere/a.dcm", 0, keep=False, copy=str(copy))
    finding = look(job, Pipeline.load(Config()), lambda **_: None)
    assert (finding.ending, finding.rows[0]["size"]) == ("rejected", 10)


def test_the_loop_waits_for_what_is_being_fetched(bucket: Bucket) -> None:
    with WorkerPool(Config(), 1, program=WORKER_PROGRAM) as pool, ahead_of("s3://b/1", "s3://b/2") as ahead:
        while not pool.ready:
            pool.listen(1.0)
        threading.Timer(1.0, bucket.let_go.set).start()
        found = list(findings(pool, ahead, Stop()))
        assert {finding.ending for finding in found} == {"rejected"}
        assert len(found) == 2
        assert list(Path(ahead._folder.name).iterdir()) == []
