"""One file at the desk: each end, and a stop between any two steps, with the real net, store and folders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from koa_worker import publish, synthetic
from koa_worker.config import Config
from koa_worker.desk import Desk
from koa_worker.errors import WorkFailed
from koa_worker.intake import claim, list_waiting, prepare_folders
from koa_worker.knee.grade import Grader
from koa_worker.pipeline import Pipeline
from koa_worker.registrar import Registrar
from koa_worker.store import State, Store
from koa_worker.values import Side


class Killed(BaseException):
    """Stands for a kill -9: nothing catches it."""


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    settings = Config().below(tmp_path)
    prepare_folders(settings.folders)
    return settings


@pytest.fixture
def store(settings: Config) -> Iterator[Store]:
    with Store.open(settings.store.url) as store:
        yield store


@pytest.fixture
def desk(settings: Config, store: Store, pipeline: Pipeline) -> Desk:
    return Desk(settings, store, pipeline)


def drop_knee(settings: Config, name: str = "Petrov^Anna.png", seed: int = 1) -> None:
    spec = synthetic.crop_spec(synthetic.Knee(Side.RIGHT), seed=seed)
    cv2.imwrite(str(settings.folders.inbox / name), synthetic.draw(spec).pixels)


def work_off(settings: Config, desk: Desk) -> None:
    for waiting in list_waiting(settings.folders.inbox):
        taken = claim(waiting, settings.folders.work)
        assert taken is not None
        desk.work(taken)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_finished_once(settings: Config, store: Store) -> None:
    status = store.status()
    assert (status.counts[State.COMPLETED], sum(status.counts.values())) == (1, 1)
    assert len(files(settings.folders.done)) == 1
    assert len(files(settings.folders.reports)) == 1
    assert files(settings.folders.work) == files(settings.folders.inbox) == []
    assert len(list(store.export_rows())) == 1


def test_a_knee_is_graded_reported_and_filed(settings: Config, store: Store, desk: Desk) -> None:
    drop_knee(settings)
    before = files(settings.folders.inbox)[0].read_bytes()
    work_off(settings, desk)
    assert_finished_once(settings, store)
    assert files(settings.folders.done)[0].read_bytes() == before
    assert files(settings.folders.reports)[0].read_bytes().startswith(b"%PDF")
    assert desk.not_graded == 0


def test_the_same_bytes_again_are_a_duplicate(settings: Config, store: Store, desk: Desk) -> None:
    for name in ("a.png", "b.png"):
        drop_knee(settings, name)
        work_off(settings, desk)
    counts = store.status().counts
    assert (counts[State.COMPLETED], counts[State.DUPLICATE]) == (1, 1)
    assert len(files(settings.folders.done)) == 2


def test_what_is_not_a_radiograph_is_set_aside_with_its_reason(settings: Config, store: Store, desk: Desk) -> None:
    (settings.folders.inbox / "letter.dcm").write_text("Dear colleague")
    work_off(settings, desk)
    original, reason = files(settings.folders.rejected)
    assert original.read_text() == "Dear colleague"
    assert reason.read_text().startswith("unknown_format\n")
    assert store.status().rejected_by_code == {"unknown_format": 1}
    assert desk.not_graded == 1


STEPS: list[tuple[Any, str]] = [
    (Store, "add_arrival"),
    (Store, "start"),
    (Pipeline, "process"),
    (Store, "complete"),
    (Store, "next_report_revision"),
    (Store, "record_report"),
    (Store, "find"),
    (Registrar, "write_report"),
]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_around_any_step_loses_and_doubles_nothing(
    settings: Config,
    store: Store,
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    step: str,
    moment: str,
) -> None:
    real = getattr(place, step)

    def die(*args: Any, **options: Any) -> None:
        if moment == "after":
            real(*args, **options)
        raise Killed

    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(place, step, die)
        with pytest.raises(Killed):
            work_off(settings, Desk(settings, store, pipeline))
    Desk(settings, store, pipeline).take_up_left_over()
    assert_finished_once(settings, store)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_filing_loses_nothing(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def die(*args: Any, **options: Any) -> None:
        if moment == "after":
            publish.file_away(*args, **options)
        raise Killed

    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr("koa_worker.desk.file_away", die)
        with pytest.raises(Killed):
            work_off(settings, Desk(settings, store, pipeline))
    Desk(settings, store, pipeline).take_up_left_over()
    assert_finished_once(settings, store)


def test_while_the_database_is_away_the_file_stays_in_hand(
    settings: Config, store: Store, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **options: Any) -> None:
        raise WorkFailed("store")

    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_arrival", away)
        work_off(settings, desk)
    assert desk.unsettled
    assert len(files(settings.folders.work)) == 2  # the file and its note
    desk.take_up_left_over()
    assert not desk.unsettled
    assert_finished_once(settings, store)


def test_our_own_fault_is_tried_again_then_parked_then_retried(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: Any, **options: Any) -> None:
        raise RuntimeError("Petrov^Anna")

    impatient = settings.model_copy(update={"limits": settings.limits.model_copy(update={"max_tries": 1})})
    desk = Desk(impatient, store, pipeline)
    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Grader, "grade", break_down)
        work_off(settings, desk)
    original, reason = files(settings.folders.failed)
    assert reason.read_text().startswith("internal\n")
    assert "Petrov" not in reason.read_text()
    assert store.status().failed_by_code == {"internal": 1}
    assert desk.retry_due() == 0
    assert store.retry() == 1
    assert desk.retry_due() == 1
    assert files(settings.folders.failed) == []
    assert_finished_once(settings, store)
    assert files(settings.folders.done)[0].stem == original.stem


def test_a_failed_file_waits_in_hand_until_its_pause_is_over(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(settings, store, pipeline)
    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Grader, "grade", lambda *_: 1 / 0)
        work_off(settings, desk)
    desk.take_up_left_over()
    assert desk.retry_due() == 0
    assert len(files(settings.folders.work)) == 2
    assert store.retry([files(settings.folders.work)[0].stem]) == 1
    assert desk.retry_due() == 1
    assert_finished_once(settings, store)
