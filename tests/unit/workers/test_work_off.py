"""Completing jobs in worker processes that die, postpone jobs, or are stopped. The processes are real."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from koa_worker.config import Config
from koa_worker.system.stop import Stop
from koa_worker.workers import work_off as module
from koa_worker.workers.messages import Done, Event, NotBegun, Postponed, Regrade, WorkerDied
from koa_worker.workers.pool import WorkerPool, WorkerProcess
from koa_worker.workers.work_off import MOST_POSTPONED, work_off
from tests.make import until
from tests.unit.workers.scripted_worker import times

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each worker process notes the jobs that it was given."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(module, "_SECONDS_POSTPONED", 0.2)
    folder = tmp_path / "work/claimed"
    folder.mkdir(parents=True)
    return folder


def pool_of(folder: Path, size: int = 2, in_advance: int = 0) -> WorkerPool:
    config, program = Config().below(folder.parents[1]), "tests.unit.workers.scripted_worker"
    return WorkerPool(config, size, program=program, in_advance=in_advance)


def worked_off(
    folder: Path, *ids: str, size: int = 2, tries: int = 2, stop: Stop | None = None, in_advance: int = 0
) -> Iterator[Event]:
    jobs = map(Regrade, ids)
    with pool_of(folder, size, in_advance) as pool:
        yield from work_off(pool, lambda count: islice(jobs, count), stop or Stop(), tries=tries)


def test_each_job_is_done_once_and_by_every_worker_process(folder: Path) -> None:
    events = list(worked_off(folder, *(f"{number} slow" for number in range(4))))
    assert {event.job.id for event in events} == {f"{number} slow" for number in range(4)}
    assert all(isinstance(event, Done) for event in events)
    assert {times(folder, str(number)) for number in range(4)} == {1}
    assert len({(folder / str(number)).read_text() for number in range(4)}) == 2


def test_a_job_whose_worker_died_is_done_once_more_by_another(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (event,) = worked_off(folder, "0 dies-once", size=1)
    assert isinstance(event, Done)
    assert len(set((folder / "0").read_text().split())) == 2
    assert [record.message for record in caplog.records] == ["worker process died"]


def test_a_job_over_which_two_workers_died_failed_and_the_others_are_done(folder: Path) -> None:
    events = list(worked_off(folder, "0 dies", "1 fine", "2 fine", size=1))
    (lost,) = (event for event in events if isinstance(event, WorkerDied))
    assert (lost.job.id, lost.code, lost.detail) == ("0 dies", "worker_crashed", "signal 9")
    assert {event.job.id for event in events if isinstance(event, Done)} == {"1 fine", "2 fine"}
    assert times(folder, "0") == 2


def test_who_gives_jobs_again_itself_hears_of_the_first_death(folder: Path) -> None:
    (event,) = worked_off(folder, "0 dies", tries=1)
    assert isinstance(event, WorkerDied)
    assert times(folder, "0") == 1


def test_a_postponed_job_is_given_again_after_its_pause_while_the_others_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS_POSTPONED", 2.0)
    events = list(worked_off(folder, "0 postponed-once", *(f"{number} fine" for number in range(1, 20)), size=1))
    assert all(isinstance(event, Done) for event in events)
    assert [event.job.id for event in events][-1] == "0 postponed-once"
    assert len(events) == 20


def test_a_job_that_is_always_postponed_is_given_up(folder: Path) -> None:
    (event,) = worked_off(folder, "0 postponed", size=1)
    assert isinstance(event, Postponed)
    assert times(folder, "0") == 1 + MOST_POSTPONED


def test_after_a_stop_only_what_is_being_done_is_finished(folder: Path) -> None:
    stop, ids = Stop(), [f"{number} slow" for number in range(6)]
    events: list[Event] = []
    for event in worked_off(folder, *ids, stop=stop):
        events.append(event)
        stop.asked = True
    begun = {path.name for path in folder.iterdir()}
    assert {event.job.id.split()[0] for event in events} == begun
    assert len(begun) <= 4  # two were done, and two begun before anybody looked at these


def test_after_a_stop_a_job_whose_worker_died_is_left_to_the_next_run(folder: Path) -> None:
    stop, jobs = Stop(), iter([Regrade("0 dies")])

    def next_jobs(count: int) -> list[Regrade]:
        given = list(islice(jobs, count))
        stop.asked = bool(given)
        return given

    with pool_of(folder, 1) as pool:
        while not pool.ready:
            pool.listen(1.0)
        begun = time.monotonic()
        assert list(work_off(pool, next_jobs, stop)) == []
    assert time.monotonic() - begun < 5
    assert times(folder, "0") == 1


def test_a_worker_process_has_its_next_job_before_it_is_done_with_one(folder: Path) -> None:
    jobs = iter([Regrade(f"{number} slow") for number in range(3)])
    with pool_of(folder, 1, in_advance=1) as pool:
        assert pool.room == 0
        while not pool.ready:
            pool.listen(1.0)
        for _ in range(2):
            pool.give(next(jobs))
        assert (pool.room, pool.busy) == (0, 1)
        until(lambda: pool.listen(1.0))
        assert (pool.room, pool.busy) == (1, 1)


def test_no_job_is_given_in_advance_while_another_worker_process_starts(folder: Path) -> None:
    with pool_of(folder, 2, in_advance=1) as pool:
        while not any(worker.ready for worker in pool.workers):
            pool.listen(0.01)
        assert pool.room == (4 if pool.ready else 1)
        while not pool.ready:
            pool.listen(1.0)
        assert pool.room == 4


def test_few_jobs_are_shared_by_all_worker_processes_and_not_given_to_one_in_advance(folder: Path) -> None:
    list(worked_off(folder, "0 slow", "1 slow", in_advance=1))
    assert len({(folder / str(number)).read_text() for number in range(2)}) == 2


def test_what_a_worker_that_died_had_in_advance_is_done_by_another_as_a_first_try(folder: Path) -> None:
    events = list(worked_off(folder, "0 dies", "1 fine", "2 dies", "3 fine", size=1, tries=1, in_advance=1))
    assert {event.job.id for event in events if isinstance(event, WorkerDied)} == {"0 dies", "2 dies"}
    assert {event.job.id for event in events if isinstance(event, Done)} == {"1 fine", "3 fine"}
    assert [times(folder, str(number)) for number in range(4)] == [1, 1, 1, 1]


def test_after_a_stop_what_was_given_in_advance_is_left_to_the_next_run(folder: Path) -> None:
    stop, ids = Stop(), [f"{number} slow" for number in range(9)]
    events: list[Event] = []
    for event in worked_off(folder, *ids, stop=stop, in_advance=3, size=1):
        events.append(event)
        stop.asked = True
    assert [event.job.id for event in events] == ids[: len(events)]
    assert len(events) <= 2


def test_after_a_stop_what_a_worker_that_died_had_in_advance_is_left_to_the_next_run(folder: Path) -> None:
    stop, jobs = Stop(), iter([Regrade("0 dies"), Regrade("1 fine")])

    def next_jobs(count: int) -> list[Regrade]:
        given = list(islice(jobs, count))
        stop.asked = bool(given)
        return given

    with pool_of(folder, 1, in_advance=1) as pool:
        while not pool.ready:
            pool.listen(1.0)
        assert list(work_off(pool, next_jobs, stop, tries=2)) == []
    assert not (folder / "1").exists()


def ready_with(pool: WorkerPool, *ids: str) -> WorkerProcess:
    """The only worker process, with these jobs."""
    while not pool.ready:
        pool.listen(1.0)
    for each in ids:
        pool.give(Regrade(each))
    return pool.workers[0]


def test_a_worker_process_keeps_its_limits_while_it_does_what_was_taken_back(folder: Path) -> None:
    with pool_of(folder, 1, in_advance=1) as pool:
        worker = ready_with(pool, "0 fine", "1 slow")
        pool.take_back()
        (event,) = until(lambda: pool.listen(1.0))
        assert (event.job.id, pool.busy, pool.replaced) == ("0 fine", 0, 0)
        worker.deadline = 0.0
        until(lambda: pool.listen(0.1) or pool.replaced)
        assert pool.replaced == 1


def test_nobody_is_blamed_if_a_job_was_done_before_its_worker_process_was_killed_for_it(folder: Path) -> None:
    with pool_of(folder, 1, in_advance=1) as pool:
        worker = ready_with(pool, "0 fine", "1 slow")
        assert worker.connection.poll(30)  # the result of the first
        pool._kill(worker, "timed_out", "")
        events = until(lambda: pool.listen(1.0))
        events += [] if len(events) > 1 else until(lambda: pool.listen(1.0))
    assert [type(event) for event in events] == [Done, NotBegun]
