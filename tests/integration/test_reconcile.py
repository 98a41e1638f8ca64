"""A database that was restored from a backup is older than the folders: unknown files are taken up again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from koa_worker.commands import cli
from koa_worker.config import Config
from koa_worker.custody.reconcile import apply, compare
from koa_worker.intake import claim, claim_again, scan
from koa_worker.pipeline import Pipeline
from koa_worker.store import State
from tests.erasure_site import OTHER, Site, site_in


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def site(tmp_path: Path, pipeline: Pipeline) -> Iterator[Site]:
    with site_in(tmp_path, pipeline) as opened:
        yield opened


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli.app, list(words))


def retry_due(site: Site) -> int:
    """As the dispatcher does."""
    due = site.store.files.due_retries(datetime.now(UTC))
    for record in due:
        taken = claim_again(record.id, record.name, Path(record.filed_as or ""), site.settings.folders.work)
        assert taken is not None
        site.steps.work(taken)
    return len(due)


def restore(site: Site, pipeline: Pipeline, tmp_path: Path) -> AbstractContextManager[Site]:
    """The backup takes the place of the database, with its log."""
    site.store.close()
    for ending in ("-wal", "-shm"):
        (tmp_path / f"work/koa.sqlite3{ending}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.sqlite3", tmp_path / "work/koa.sqlite3")
    return site_in(tmp_path, pipeline)


def back_up(tmp_path: Path) -> None:
    """As the documentation says."""
    with sqlite3.connect(tmp_path / "work/koa.sqlite3") as source, sqlite3.connect(tmp_path / "copy.sqlite3") as target:
        source.backup(target)
    source.close()
    target.close()


def test_after_a_restore_every_original_is_known_again(site: Site, pipeline: Pipeline, tmp_path: Path) -> None:
    site.drop("a.dcm", OTHER, seed=1, study="1.2.1")
    site.work_off()
    site.drop("b.dcm", OTHER, seed=2, study="1.2.2")
    (waiting,) = scan(site.settings.folders.inbox).oldest
    begun = claim(waiting, site.settings.folders.work)
    assert begun is not None
    site.store.files.take(begun.load(0)[0], "w")  # it is being worked on while the backup is made
    back_up(tmp_path)
    site.steps.work(begun)
    site.drop("a again.dcm", OTHER, seed=1, study="1.2.1")
    site.drop("c.dcm", OTHER, seed=3, study="1.2.1")
    site.drop("d.dcm", OTHER, seed=4, study="1.2.4", Modality="MR")
    site.work_off()
    before = site.store.counts.status().counts
    assert not compare(site.settings, site.store)
    with restore(site, pipeline, tmp_path) as old:
        found = compare(old.settings, old.store)
        assert len(found.unknown_originals) == 3
        assert [path.stem for path in found.misplaced_originals] == [begun.id]
        assert len(found.unknown_reports) == 1
        assert len(found.other_reports) == 1
        assert apply(old.store, found) == 4
        while retry_due(old):
            pass
        for study_key in old.store.reports.due():
            old.steps._registrar.write_due_report(study_key)
        assert old.store.counts.status().counts == before
        after = compare(old.settings, old.store)
        assert after.unknown_reports == found.unknown_reports
        assert not any((after.unknown_originals, after.misplaced_originals, after.missing_originals))
        assert not any((after.missing_reports, after.other_reports))


def test_what_is_missing_is_said(site: Site, command: Callable[..., Result]) -> None:
    site.drop("a.dcm", OTHER, seed=1, study="1.2.1")
    site.work_off()
    assert command("db", "reconcile").stdout == "Database and folders agree.\n"
    (study,) = site.store.found.of_name("a.dcm")
    Path(study.files[0].original or "").unlink()
    Path(study.report or "").unlink()
    said = command("db", "reconcile")
    assert said.exit_code == 1
    assert said.stdout.splitlines() == [
        f"record without its original: {study.files[0].file}",
        f"report missing of study: {study.study}",
    ]
    assert command("db", "reconcile", "--apply").exit_code == 0
    assert site.store.reports.due() == (study.study,)


def test_a_report_of_nobody_is_removed_only_if_asked(site: Site, command: Callable[..., Result]) -> None:
    stray = site.settings.folders.reports / "2026-01-02/abc.pdf"
    stray.parent.mkdir()
    stray.write_bytes(b"%PDF")
    assert command("db", "reconcile", "--apply").stdout.startswith(f"report unknown to the database: {stray}\n")
    assert stray.exists()
    command("db", "reconcile", "--remove-reports")
    assert not stray.exists()


def test_a_file_that_waits_for_its_next_try_is_no_difference(site: Site) -> None:
    site.fail(1, parked=False)
    site.fail(2, parked=True)
    assert not compare(site.settings, site.store)
    site.store.files.retry()
    assert site.states() == {State.FAILED, State.WAITING}
    assert not compare(site.settings, site.store)
