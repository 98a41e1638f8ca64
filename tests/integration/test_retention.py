"""Originals leave done/ after their time; results stay, and nothing else is touched."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from koa_worker.config import Config, RetentionSettings
from koa_worker.daemon.retention import remove_expired
from koa_worker.intake import digest, prepare_folders
from koa_worker.store import Store
from koa_worker.values import Arrival, Rejected

TODAY = date(2026, 3, 10)


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
