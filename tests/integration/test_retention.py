"""Originals are removed from done/ after their time; results stay, and nothing else is changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from koa_worker.config import Config, RetentionSettings
from koa_worker.daemon.retention import remove_expired
from koa_worker.intake import digest, prepare_folders
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store
from koa_worker.values import Arrival, Failed, Rejected
from tests.erasure_site import OTHER, Site, site_in

TODAY = date(2026, 3, 10)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path, Pipeline.load(Config())) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    settings = Config().below(tmp_path).model_copy(update={"retention": RetentionSettings(done_days=7)})
    prepare_folders(settings.folders)
    return settings


def keep(settings: Config, store: Store, name: str, day: str) -> Path:
    """A duplicate of a settled file, filed on a day."""
    path = settings.folders.done / day / f"{name}.dcm"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"same")
    first = Arrival(path, digest(path), 4, "first", "first")
    if store.files.find("first") is None:
        store.files.add_arrival(first, datetime.now(UTC))
        store.files.start("first", "me")
        store.files.reject("first", Rejected(first, "no_knee", ""), "elsewhere")
    store.files.add_arrival(Arrival(path, digest(path), 4, name, name), datetime.now(UTC))
    store.files.record_filing(name, str(path))
    return path


def test_only_what_is_older_goes(settings: Config) -> None:
    with Store.open(settings.store.url) as store:
        old, young = keep(settings, store, "a", "2026-03-02"), keep(settings, store, "b", "2026-03-03")
        stranger = settings.folders.done / "2026-03-02/notes.txt"
        stranger.write_text("not ours")
        assert remove_expired(settings, store, TODAY) == 1
        assert not old.exists()
        assert young.exists()
        assert stranger.exists()
        record = store.files.find("a")
        assert record is not None
        assert record.filed_as is None
        assert [event.kind for event in store.files.events("a")][-1] == "removed"
        stranger.unlink()
        assert remove_expired(settings, store, TODAY) == 0
        assert not old.parent.exists()


def test_the_other_folders_have_times_of_their_own(tmp_path: Path) -> None:
    kept = RetentionSettings(rejected_days=7, failed_days=7)
    settings = Config().below(tmp_path).model_copy(update={"retention": kept})
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store:
        paths = {}
        for name, folder in (("r", settings.folders.rejected), ("f", settings.folders.failed)):
            path = folder / "2026-03-02" / f"{name}.dcm"
            path.parent.mkdir()
            path.write_text(name)
            path.with_name(f"{path.name}.reason.txt").write_text("why")
            arrival = Arrival(path, name * 64, 1, name, name)
            store.files.add_arrival(arrival, datetime.now(UTC))
            store.files.start(name, "me")
            paths[name] = arrival
        store.files.reject("r", Rejected(paths["r"], "no_knee", ""), str(paths["r"].path))
        store.files.fail("f", Failed(paths["f"], "io", ""), max_tries=1, now=datetime.now(UTC))
        store.files.record_filing("f", str(paths["f"].path))
        assert remove_expired(settings, store, TODAY) == 2
        assert list(settings.folders.rejected.iterdir()) == list(settings.folders.failed.iterdir()) == []
        assert store.files.retry() == 0, "nothing is there to be tried again"
        assert remove_expired(settings, store, TODAY) == 0


def test_reports_and_results_go_after_their_time(site: Site) -> None:
    """A report goes alone; then the study with all that is known of it, and its originals."""
    site.drop("a.dcm", OTHER, seed=1, study="1.2.1")
    site.work_off()
    (study,) = site.store.found.of_name("a.dcm")
    today = datetime.now(UTC).astimezone().date()
    config = site.settings.model_copy(update={"retention": RetentionSettings(reports_days=1)})
    assert remove_expired(config, site.store, today) == 0
    assert remove_expired(config, site.store, today + timedelta(days=2)) == 1
    assert not Path(study.report or "").exists()
    assert site.store.reports.due() == ()
    assert site.store.study_history.written_reports(study.study or "") == ()
    assert remove_expired(config, site.store, today + timedelta(days=2)) == 0
    site.drop("b.dcm", OTHER, seed=2, study="1.2.1")
    site.work_off()
    (study,) = site.store.found.of_name("b.dcm")
    assert Path(study.report or "").exists(), "a further image gives it a new one"
    config = site.settings.model_copy(update={"retention": RetentionSettings(results_days=1)})
    assert remove_expired(config, site.store, today) == 0
    assert remove_expired(config, site.store, today + timedelta(days=2)) == 1
    assert site.files() == set()
    assert site.states() == set()
    assert [entry.action for entry in site.store.audit.entries()] == ["retention_finished", "retention_begun"]


def test_by_default_everything_is_kept_for_ever(settings: Config) -> None:
    for_ever = settings.model_copy(update={"retention": RetentionSettings()})
    with Store.open(settings.store.url) as store:
        path = keep(settings, store, "a", "1999-01-01")
        assert remove_expired(for_ever, store, TODAY) == 0
        assert path.exists()


def test_a_crash_between_the_note_and_the_removal_is_made_good(settings: Config) -> None:
    with Store.open(settings.store.url) as store:
        path = keep(settings, store, "a", "2026-01-01")
        store.files.record_removal("a")
        assert remove_expired(settings, store, TODAY) == 1
        assert not path.exists()
