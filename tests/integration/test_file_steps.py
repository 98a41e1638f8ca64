"""One file, step by step: each final state, and a stop between any two steps, with real model, store and folders."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import pytest

from koa_worker import registrar, synthetic
from koa_worker.config import Config
from koa_worker.errors import WorkFailed
from koa_worker.intake import claim, claim_again, filing, left_over, prepare_folders, scan
from koa_worker.knee.grading.grade import Grader
from koa_worker.pipeline import Pipeline
from koa_worker.registrar import Registrar
from koa_worker.store import State, Store
from koa_worker.store.lifecycle.files import Files
from koa_worker.store.reports import Reports
from koa_worker.store.study.study_content import Studies
from koa_worker.values import Rejected, Side
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import Done, Postponed, Regrade, WriteReport


class Killed(BaseException):
    """Simulates a kill -9: nothing catches it."""


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
def steps(settings: Config, store: Store, pipeline: Pipeline) -> FileSteps:
    return FileSteps(settings, store, pipeline)


def drop_knee(settings: Config, name: str = "Petrov^Anna.png", seed: int = 1) -> None:
    spec = synthetic.crop_spec(synthetic.KneeSpec(Side.RIGHT), seed=seed)
    cv2.imwrite(str(settings.folders.inbox / name), synthetic.draw(spec).pixels)


def work_off(settings: Config, steps: FileSteps) -> list[Done | Postponed]:
    claims = [claim(waiting, settings.folders.work) for waiting in scan(settings.folders.inbox).oldest]
    return [steps.work(taken) for taken in claims if taken is not None]


def take_up(settings: Config, store: Store, steps: FileSteps) -> list[Done | Postponed]:
    """The jobs that the dispatcher gives to its worker processes after a start."""
    jobs = [*left_over(settings.folders.work), *map(WriteReport, store.reports.due())]
    return [steps.work(job) for job in jobs]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def retry_due(settings: Config, store: Store, steps: FileSteps) -> int:
    """As the dispatcher does, for files whose pause is over or that were put back; their number."""
    due = store.files.due_retries(datetime.now(UTC))
    for record in due:
        taken = claim_again(record.id, record.name, Path(record.filed_as or "absent"), settings.folders.work)
        assert taken is not None
        steps.work(taken)
    return len(due)


def assert_finished_once(settings: Config, store: Store) -> None:
    status = store.counts.status()
    assert (status.counts[State.COMPLETED], sum(status.counts.values())) == (1, 1)
    assert len(files(settings.folders.done)) == 1
    assert len(files(settings.folders.reports)) == 1
    assert files(settings.folders.work) == files(settings.folders.inbox) == []
    assert len(list(store.export.rows())) == 1


def test_a_knee_is_graded_reported_and_filed(settings: Config, store: Store, steps: FileSteps) -> None:
    drop_knee(settings)
    before = files(settings.folders.inbox)[0].read_bytes()
    (done,) = work_off(settings, steps)
    assert isinstance(done, Done)
    assert done.state is State.COMPLETED
    assert {"intake", "read", "roi", "grade", "explain", "store", "report", "file"} <= set(done.spent_ms)
    assert_finished_once(settings, store)
    assert files(settings.folders.done)[0].read_bytes() == before
    assert files(settings.folders.reports)[0].read_bytes().startswith(b"%PDF")


def test_the_same_bytes_again_are_a_duplicate(settings: Config, store: Store, steps: FileSteps) -> None:
    for name in ("a.png", "b.png"):
        drop_knee(settings, name)
        work_off(settings, steps)
    counts = store.counts.status().counts
    assert (counts[State.COMPLETED], counts[State.DUPLICATE]) == (1, 1)
    assert len(files(settings.folders.done)) == 2


def test_what_is_not_a_radiograph_is_set_aside_with_its_reason(
    settings: Config, store: Store, steps: FileSteps
) -> None:
    (settings.folders.inbox / "letter.dcm").write_text("Dear colleague")
    work_off(settings, steps)
    original, reason = files(settings.folders.rejected)
    assert original.read_text() == "Dear colleague"
    assert reason.read_text().startswith("unknown_format\n")
    assert store.counts.status().rejected_by_code == {"unknown_format": 1}


STEPS: list[tuple[Any, str]] = [
    (Files, "take"),
    (Pipeline, "process"),
    (Files, "complete"),
    (Studies, "content"),
    (Reports, "record"),
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
            work_off(settings, FileSteps(settings, store, pipeline))
    take_up(settings, store, FileSteps(settings, store, pipeline))
    assert_finished_once(settings, store)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_filing_loses_nothing(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def die(*args: Any, **options: Any) -> None:
        if moment == "after":
            filing.file_away(*args, **options)
        raise Killed

    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr("koa_worker.workers.file_steps.file_away", die)
        with pytest.raises(Killed):
            work_off(settings, FileSteps(settings, store, pipeline))
    take_up(settings, store, FileSteps(settings, store, pipeline))
    assert_finished_once(settings, store)


def test_a_job_whose_worker_died_after_filing_is_done_when_given_again(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any, **options: Any) -> None:
        filing.file_away(*args, **options)
        raise Killed

    drop_knee(settings)
    (taken,) = (claim(waiting, settings.folders.work) for waiting in scan(settings.folders.inbox).oldest)
    assert taken is not None
    with monkeypatch.context() as patch:
        patch.setattr("koa_worker.workers.file_steps.file_away", die)
        with pytest.raises(Killed):
            FileSteps(settings, store, pipeline).work(taken)
    done = FileSteps(settings, store, pipeline).work(taken)
    assert isinstance(done, Done)
    assert done.state is State.COMPLETED
    record = store.files.find(taken.id)
    assert record is not None
    assert [owed.study_key for owed in store.reports.owed()] == []  # it had its report before its worker died
    assert_finished_once(settings, store)


def test_a_job_whose_worker_died_before_its_report_asks_for_the_report_when_given_again(
    settings: Config, store: Store, steps: FileSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Killed

    drop_knee(settings)
    (taken,) = (claim(waiting, settings.folders.work) for waiting in scan(settings.folders.inbox).oldest)
    assert taken is not None
    with monkeypatch.context() as patch:
        patch.setattr(registrar.Registrar, "write_report", die)
        with pytest.raises(Killed):
            steps.work(taken)
    assert store.reports.owed() == ()
    steps.work(taken)
    (owed,) = store.reports.owed()
    steps.work(WriteReport(owed.study_key))
    assert_finished_once(settings, store)


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_somebody_took_out_of_the_work_folder_is_said_to_be_gone(
    settings: Config, store: Store, steps: FileSteps, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    drop_knee(settings)
    (taken,) = (claim(waiting, settings.folders.work) for waiting in scan(settings.folders.inbox).oldest)
    assert taken is not None
    if known:
        store.files.add_arrival(taken.load(0)[0], datetime.now(UTC))
    taken.path.unlink()
    assert isinstance(steps.work(taken), Done)
    assert store.counts.status().failed_by_code == ({"io": 1} if known else {})
    assert "file missing from the work folder" in caplog.text
    assert files(settings.folders.work) == []
    assert store.files.retry() == int(known)


def test_while_the_work_folder_is_away_its_files_stay_in_hand(settings: Config, store: Store, steps: FileSteps) -> None:
    drop_knee(settings)
    (taken,) = (claim(waiting, settings.folders.work) for waiting in scan(settings.folders.inbox).oldest)
    assert taken is not None
    away = settings.folders.work.rename(settings.folders.work.with_name("away"))
    assert isinstance(steps.work(taken), Postponed)
    away.rename(settings.folders.work)
    assert isinstance(steps.work(taken), Done)
    assert_finished_once(settings, store)


def test_while_the_database_is_away_the_file_stays_in_hand(
    settings: Config, store: Store, steps: FileSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **options: Any) -> None:
        raise WorkFailed("store")

    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Files, "take", away)
        (postponed,) = work_off(settings, steps)
    assert isinstance(postponed, Postponed)
    assert len(files(settings.folders.work)) == 2  # the file and its note
    assert isinstance(steps.work(postponed.job), Done)
    assert_finished_once(settings, store)


def test_a_file_that_another_worker_ended_meanwhile_is_decided_again(
    settings: Config, store: Store, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """The log does not say that disk or database are away, for they are not."""

    def reject_meanwhile(*, on: bool) -> None:
        if on:
            (taken,) = left_over(settings.folders.work)
            outcome = Rejected(taken.named("ab" * 32, 7), "blank", "")
            store.files.reject(taken.id, outcome, str(settings.folders.rejected / "x.png"))

    drop_knee(settings)
    steps = FileSteps(settings, store, pipeline, reject_meanwhile)
    (postponed,) = work_off(settings, steps)
    assert isinstance(postponed, Postponed)
    assert "changed meanwhile" in caplog.text
    assert "unavailable" not in caplog.text
    done = steps.work(postponed.job)
    assert isinstance(done, Done)
    assert done.state is State.REJECTED
    assert (settings.folders.rejected / "x.png").is_file()


def test_our_own_fault_is_tried_again_then_parked_then_retried(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*args: Any, **options: Any) -> None:
        raise RuntimeError("Petrov^Anna")

    impatient = settings.model_copy(update={"limits": settings.limits.model_copy(update={"max_tries": 1})})
    steps = FileSteps(impatient, store, pipeline)
    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Grader, "grade", break_down)
        work_off(settings, steps)
    original, reason = files(settings.folders.failed)
    assert reason.read_text().startswith("internal\n")
    assert "Petrov" not in reason.read_text()
    assert store.counts.status().failed_by_code == {"internal": 1}
    assert retry_due(settings, store, steps) == 0
    assert store.files.retry() == 1
    assert retry_due(settings, store, steps) == 1
    assert files(settings.folders.failed) == []
    assert_finished_once(settings, store)
    assert files(settings.folders.done)[0].stem == original.stem


def test_a_failed_file_waits_in_hand_until_its_pause_is_over(
    settings: Config, store: Store, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = FileSteps(settings, store, pipeline)
    drop_knee(settings)
    with monkeypatch.context() as patch:
        patch.setattr(Grader, "grade", lambda *_: 1 / 0)
        work_off(settings, steps)
    take_up(settings, store, steps)
    assert retry_due(settings, store, steps) == 0
    assert len(files(settings.folders.work)) == 2
    assert store.files.retry([files(settings.folders.work)[0].stem]) == 1
    assert retry_due(settings, store, steps) == 1
    assert_finished_once(settings, store)


def test_a_regrade_keeps_the_earlier_grades(
    settings: Config, store: Store, steps: FileSteps, pipeline: Pipeline
) -> None:
    drop_knee(settings)
    (done,) = work_off(settings, steps)
    newer = replace(pipeline, grader=copy(pipeline.grader))
    newer.grader.digest = "f" * 64
    newer.grader.name = "koa-newer-v9"
    assert store.files.to_regrade(newer.grader.digest) == (done.job.id,)
    due = store.files.to_regrade(newer.grader.digest)
    (again,) = [FileSteps(settings, store, newer).work(Regrade(key)) for key in due]
    assert isinstance(again, Done)
    assert again.state is State.COMPLETED
    assert store.files.to_regrade(newer.grader.digest) == ()
    assert len(list(store.export.rows())) == 1
    assert {row.grading["model_digest"] for row in store.export.rows(superseded=True)} == {
        "f" * 64,
        pipeline.grader.digest,
    }
    assert len(files(settings.folders.done)) == len(files(settings.folders.reports)) == 1


def test_an_archived_original_that_is_gone_keeps_its_grades(settings: Config, store: Store, steps: FileSteps) -> None:
    drop_knee(settings)
    (done,) = work_off(settings, steps)
    files(settings.folders.done)[0].unlink()
    missing = steps.work(Regrade(done.job.id))
    assert isinstance(missing, Done)
    assert missing.code == "io"
    assert len(list(store.export.rows())) == 1


def test_an_older_report_never_replaces_a_newer_one(
    settings: Config, store: Store, steps: FileSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker process is slow to put its report in place; meanwhile another writes the next revision."""
    drop_knee(settings)
    real = registrar.draft
    nested: list[Any] = []

    def slow(*args: Any) -> tuple[Path, str]:
        drafted: tuple[Path, str] = real(*args)
        if not nested:
            nested.append(True)
            (study_key,) = store.reports.due()
            steps.work(WriteReport(study_key))
            nested.extend(path.read_bytes() for path in settings.folders.reports.rglob("*.pdf"))
        return drafted

    with monkeypatch.context() as patch:
        patch.setattr(registrar, "draft", slow)
        work_off(settings, steps)
    assert nested[1:] == [path.read_bytes() for path in files(settings.folders.reports)]
    assert b"%PDF" in nested[1]
    assert_finished_once(settings, store)
