"""The next files of an archive are brought while one is graded, and an error of one file does not reach another."""

import gc
import os
import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import fsspec
import pytest

from koa_worker.batch import read_ahead as module
from koa_worker.batch.read_ahead import IN_ADVANCE, read_ahead
from koa_worker.errors import WorkFailed
from koa_worker.workers.messages import Examine
from tests import make
from tests.make import until

MOST = 1000


def giver_of(*places: str) -> Callable[[], Examine | None]:
    """Gives one job after the other, and None at the end, as the connection to the parent does."""
    jobs = iter([Examine(f"{number}", number, place, 0, keep=False) for number, place in enumerate(places)])
    return lambda: next(jobs, None)


@pytest.fixture
def bucket() -> str:
    root = f"memory://{uuid.uuid4().hex}"
    for number in range(1 + IN_ADVANCE):
        fsspec.filesystem("memory").pipe(f"{root}/{number}", f"picture {number}".encode())
    return root


@pytest.fixture
def before_each(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], object]], None]:
    """Does something before each file is brought."""
    original = module.brought_here

    def do(what: Callable[[str], object]) -> None:
        def brought_here(place: str, data: bytes | None, most: int) -> AbstractContextManager[Path]:
            what(place)
            return original(place, data, most)

        monkeypatch.setattr(module, "brought_here", brought_here)

    return do


def test_files_come_in_their_order(tmp_path: Path, bucket: str) -> None:
    (tmp_path / "here").write_bytes(b"picture 7")
    places = [f"{bucket}/0", str(tmp_path / "here"), (tmp_path / "here").as_uri(), f"{bucket}/1"]
    found = []
    for ahead in read_ahead(giver_of(*places), MOST):
        with ahead.file() as path:
            found.append((ahead.job.place, path.read_bytes()))
    assert found == list(zip(places, [b"picture 0", b"picture 7", b"picture 7", b"picture 1"], strict=True))


@pytest.mark.timeout(60)
def test_the_next_files_come_while_one_is_graded(
    bucket: str, before_each: Callable[[Callable[[str], object]], None]
) -> None:
    meeting = threading.Barrier(1 + IN_ADVANCE)
    before_each(lambda place: place.endswith("/0") or meeting.wait(30))
    jobs = read_ahead(giver_of(*(f"{bucket}/{number}" for number in range(1 + IN_ADVANCE))), MOST)
    with next(jobs).file() as path:
        meeting.wait(30)
        assert path.read_bytes() == b"picture 0"
    assert len(list(jobs)) == IN_ADVANCE


def test_a_copy_of_a_remote_file_has_no_name_and_is_closed_when_its_file_is_done(bucket: str) -> None:
    (ahead,) = read_ahead(giver_of(f"{bucket}/0"), MOST)
    with ahead.file() as copy:
        facts = copy.stat()
        assert (facts.st_nlink, copy.read_bytes()) == (0, b"picture 0")
    assert not copy.exists() or not os.path.samestat(copy.stat(), facts)


def ends(*places: str) -> list[str]:
    """What became of each file: its size, or the error."""
    found = []
    for ahead in read_ahead(giver_of(*places), MOST):
        try:
            with ahead.file() as path:
                found.append(f"{path.stat().st_size}")
        except Exception as fault:  # noqa: BLE001 - whatever it is
            found.append(type(fault).__name__)
    return found


def test_an_error_stays_with_its_own_file(bucket: str) -> None:
    found = ends(f"{bucket}/0", f"{bucket}/gone", "unknown-store://b/1", "/nowhere/knee.dcm", f"{bucket}/1")
    assert found == ["9", WorkFailed.__name__, WorkFailed.__name__, FileNotFoundError.__name__, "9"]


def test_an_error_that_nobody_expects_is_also_raised_at_its_turn(
    bucket: str, before_each: Callable[[Callable[[str], object]], None]
) -> None:
    before_each(lambda place: 1 // int(place[-1]))
    assert ends(f"{bucket}/1", f"{bucket}/0", f"{bucket}/2") == ["9", "ZeroDivisionError", "9"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", make.IRREGULAR)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    """A device never ends, and a pipe waits for its writer."""
    (ahead,) = read_ahead(giver_of(str(make.irregular(tmp_path / "knee.dcm", kind))), MOST)
    with ahead.file() as path:
        assert path == tmp_path / "knee.dcm"


def test_jobs_end_when_none_can_be_received(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)

    def next_job() -> Examine | None:
        raise MemoryError

    assert list(read_ahead(next_job, MOST)) == []
    until(lambda: said)


@pytest.mark.timeout(60)
def test_a_process_that_ends_does_not_wait_for_a_store() -> None:
    before, never = set(threading.enumerate()), threading.Event()

    def next_job() -> Examine | None:
        never.wait(30)
        return None

    jobs = read_ahead(next_job, MOST)
    ended = threading.Thread(target=lambda: list(jobs), daemon=True)
    ended.start()
    others = set(threading.enumerate()) - before - {ended}
    assert others
    assert all(thread.daemon for thread in others)
    never.set()
    ended.join()


def test_an_error_is_forgotten_with_its_file(bucket: str) -> None:
    def errors() -> int:
        return sum(isinstance(one, WorkFailed) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = errors()
        ends(f"{bucket}/gone", f"{bucket}/gone")
        assert errors() == before
    finally:
        gc.enable()
