"""The record of a file during which a worker process died, with the real store and work folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from koa_worker.config import Config, Limits
from koa_worker.daemon.counts import RunCounts
from koa_worker.daemon.worker_deaths import Next, WorkerDeaths
from koa_worker.errors import WorkFailed
from koa_worker.intake import Claim, claim, prepare_folders, scan
from koa_worker.store import State, Store
from koa_worker.store.lifecycle.files import Files
from koa_worker.values import Rejected
from koa_worker.workers.messages import WorkerDied, WriteReport


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    settings = Config(limits=Limits(max_tries=2)).below(tmp_path)
    prepare_folders(settings.folders)
    (settings.folders.inbox / "Petrov^Anna.dcm").write_bytes(b"anything")
    return settings


@pytest.fixture
def store(settings: Config) -> Iterator[Store]:
    with Store.open(settings.store.url) as store:
        yield store


@pytest.fixture
def taken(settings: Config) -> Claim:
    (waiting,) = scan(settings.folders.inbox).oldest
    taken = claim(waiting, settings.folders.work)
    assert taken is not None
    return taken


def died(taken: Claim) -> WorkerDied:
    return WorkerDied(taken, "worker_crashed", "signal 11")


def test_the_file_fails_and_waits_for_its_next_try(settings: Config, store: Store, taken: Claim) -> None:
    counts = RunCounts()
    deaths = WorkerDeaths(settings, store, counts)
    deaths.add(taken, died(taken))
    assert deaths
    assert list(deaths.record()) == [(taken, Next.AFTER_ITS_PAUSE)]
    assert not deaths
    assert store.counts.status().failed_by_code == {"worker_crashed": 1}
    assert (counts.outcomes, counts.codes) == ({"failed": 1}, {"worker_crashed": 1})


def test_after_its_last_try_the_file_is_parked_at_once(settings: Config, store: Store, taken: Claim) -> None:
    impatient = settings.model_copy(update={"limits": Limits(max_tries=1)})
    deaths = WorkerDeaths(impatient, store, RunCounts())
    deaths.add(taken, died(taken))
    assert list(deaths.record()) == [(taken, Next.AT_ONCE)]  # a worker process moves it to the failed files
    assert store.counts.status().parked == 1


def test_a_settled_file_is_tried_again_and_then_given_up(settings: Config, store: Store, taken: Claim) -> None:
    arrival = taken.load(0)[0]
    assert store.files.take(arrival, "test").begun
    store.files.reject(arrival.id, Rejected(arrival, "unknown_format", ""), "absent")
    counts = RunCounts()
    deaths = WorkerDeaths(settings, store, counts)
    deaths.add(taken, died(taken))
    assert list(deaths.record()) == [(taken, Next.AT_ONCE)]
    deaths.add(taken, died(taken))
    assert list(deaths.record()) == [(taken, Next.AT_THE_NEXT_START)]
    assert counts.outcomes == {}
    assert store.counts.status().counts[State.REJECTED] == 1
    deaths.forget(taken)
    deaths.add(taken, died(taken))
    assert list(deaths.record()) == [(taken, Next.AT_ONCE)]


def test_a_report_over_which_a_worker_died_waits_for_the_next_start(settings: Config, store: Store) -> None:
    job = WriteReport("a")
    deaths = WorkerDeaths(settings, store, RunCounts())
    deaths.add(job, WorkerDied(job, "worker_crashed", "signal 11"))
    assert list(deaths.record()) == [(job, Next.AT_THE_NEXT_START)]


def test_while_the_database_is_away_a_death_is_kept_and_counts_once(
    settings: Config, store: Store, taken: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise WorkFailed("store")

    arrival = taken.load(0)[0]
    assert store.files.take(arrival, "test").begun
    store.files.reject(arrival.id, Rejected(arrival, "unknown_format", ""), "absent")
    deaths = WorkerDeaths(settings, store, RunCounts())
    deaths.add(taken, died(taken))
    with monkeypatch.context() as patch:
        patch.setattr(Files, "find", away)
        for _ in range(3):
            with pytest.raises(WorkFailed):
                list(deaths.record())
            assert deaths
    assert list(deaths.record()) == [(taken, Next.AT_ONCE)]
