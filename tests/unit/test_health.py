"""The concerns, and that a health check changes nothing."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from koa_worker import config, health
from koa_worker.intake import Scan, prepare_folders
from koa_worker.receive import receiving
from koa_worker.store import ParcelState, Store
from koa_worker.system.concern import CONCERNS, Concern
from koa_worker.system.heartbeat import PauseReason, Pulse, beat, sole_owner
from tests import make
from tests.parcels import queue_one, take_back

PULSE = Pulse(workers=1, busy=0, paused=None, overdue=0, model="net")


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    """With one destination; no folder is there yet."""
    pacs = config.DestinationSettings(name="pacs", ae_title="A", host="127.0.0.1", port=1)
    made = config.Config(dicom=config.DicomSettings(destinations=(pacs,)), limits=config.Limits(min_free_mb=0))
    return made.below(tmp_path)


def codes(settings: config.Config) -> list[str]:
    return [concern.code for concern in health.look(settings).concerns]


def test_a_new_installation_only_waits_for_its_daemon_and_looking_makes_nothing(
    settings: config.Config, tmp_path: Path
) -> None:
    assert codes(settings) == ["not_running"]
    assert list(tmp_path.iterdir()) == []


def test_a_running_daemon_says_itself_what_it_sees(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    Store.open(settings.store.url).close()
    work = settings.folders.work
    with sole_owner(work):
        beat(work, PULSE)
        assert codes(settings) == []
        settings.folders.inbox.rmdir()  # it will say so at its next look
        assert codes(settings) == []
        gone = Concern("inbox_gone", since=5.0)
        beat(work, Pulse(1, 0, PauseReason.NO_ANSWER, 0, "net", concerns=(gone, Concern("database"))))
        assert health.look(settings).concerns == (gone,)  # the database is looked at by everybody


def test_who_has_the_database_open_says_what_the_daemon_found_on_opening_it(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store, sole_owner(settings.folders.work):
        beat(settings.folders.work, replace(PULSE, concerns=(Concern("database", detail="DatabaseError"),)))
        assert [one.code for one in health.look(settings, store).concerns] == ["database"]
        assert codes(settings) == []


def test_without_a_daemon_the_folders_are_looked_at(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    settings.folders.inbox.rmdir()
    settings.folders.done.rmdir()
    assert codes(settings) == ["not_running", "inbox_gone", "folder_gone"]


def test_another_file_system_than_at_the_start_is_noticed(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    folders = settings.folders.all()
    device = settings.folders.inbox.stat().st_dev
    assert list(health.of_folders(folders, {"inbox": device})) == []
    assert [one.code for one in health.of_folders(folders, {"inbox": device + 1})] == ["inbox_moved"]


def test_the_disk_the_scan_and_the_pause(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    full = settings.model_copy(update={"limits": config.Limits(min_free_mb=10**9)})
    assert [one.code for one in health.of_disks(full)] == ["disk_full"]
    told = list(map(str, health.of_scan(Scan((), 0, 3, 1))))
    assert told == ["Folders in the inbox cannot be read (1 folder).", "Files in the inbox stay incomplete (3 files)."]
    assert list(health.of_pause(PauseReason.OUTSIDE_HOURS, 0.0)) == []
    assert [one.since for one in health.of_pause(PauseReason.NO_ANSWER, 7.0)] == [7.0]


def test_a_full_disk_is_seen_without_the_daemon_s_word(settings: config.Config) -> None:
    """It cannot write its heartbeat there."""
    full = settings.model_copy(update={"limits": config.Limits(min_free_mb=10**9)})
    prepare_folders(full.folders)
    Store.open(full.store.url).close()
    with sole_owner(full.folders.work):
        beat(full.folders.work, PULSE)
        assert codes(full) == ["disk_full"]
        beat(full.folders.work, replace(PULSE, concerns=(Concern("disk_full", since=5.0),)))
        assert [(one.code, one.since) for one in health.look(full).concerns] == [("disk_full", 5.0)]


def test_a_clock_that_was_set_back_is_noticed(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store:
        store.files.add_arrival(make.arrival(), datetime.now(UTC) + timedelta(minutes=2))
        assert codes(settings) == ["not_running"]
        store.files.add_arrival(make.arrival("b"), datetime.now(UTC) + timedelta(days=1))
        assert codes(settings) == ["not_running", "clock"]


def test_an_inbox_that_may_not_be_written_is_not_lost() -> None:
    assert not health.is_lost([Concern("inbox_unwritable")])
    assert health.is_lost([Concern("inbox_unwritable"), Concern("folder_gone", "done")])


def test_a_destination_that_is_silent_or_refuses_is_named_with_its_last_answer(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    url = settings.store.url
    Store.open(url).close()
    queue_one(url, "pacs", Path("a.dcm"))
    queue_one(url, "pacs", Path("b.dcm"), state=ParcelState.REFUSED)
    queue_one(url, "former", Path("a.dcm"), state=ParcelState.REFUSED)  # not configured any more
    assert codes(settings) == ["not_running", "destination_refuses"]
    with sqlite3.connect(settings.folders.work.parent / "koa.sqlite3") as database:
        database.execute("UPDATE destinations SET failures = 2, detail = 'Connection refused'")
    database.close()
    found = health.look(settings)
    down, refuses = found.concerns[1:]
    assert (down.code, down.subject) == ("destination_down", "pacs")
    assert down.detail == "Connection refused; 1 object waiting"
    assert down.since is not None
    assert refuses.detail == "Connection refused; 1 object refused"
    assert found.stored is not None
    assert [one.destination for one in found.stored.deliveries] == ["former", "pacs"]
    take_back(url, "pacs")
    with sqlite3.connect(settings.folders.work.parent / "koa.sqlite3") as database:
        database.execute("UPDATE destinations SET failures = 2")  # the last try, when its object had just been erased
    database.close()
    assert codes(settings) == ["not_running"]


def test_an_older_database_is_said_to_be_one_and_left_as_it_is(settings: config.Config) -> None:
    prepare_folders(settings.folders)
    Store.open(settings.store.url).close()
    path = settings.folders.work.parent / "koa.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '0009'")
    database.close()
    found = health.look(settings)
    assert [one.code for one in found.concerns] == ["not_running", "database"]
    assert "version 0009" in found.concerns[1].detail
    assert found.stored is None
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("0009",)]
    database.close()


def test_a_part_that_has_ended_is_named(settings: config.Config) -> None:
    receiver = config.ReceiverSettings(enabled=True, host="127.0.0.1", port=0)
    dicom = config.DicomSettings(receiver=receiver)
    enabled = settings.model_copy(update={"dicom": dicom})
    prepare_folders(settings.folders)
    with receiving(receiver, settings.folders.inbox, 5):
        assert list(health.of_parts(enabled)) == []
    assert list(health.of_parts(enabled)) == [Concern("part_down", "receiver")]


def test_each_kind_has_a_sentence_and_a_remedy() -> None:
    for code in CONCERNS:
        concern = Concern(code, "pacs", "status 0124", 0.0)
        assert str(concern).endswith("(pacs, status 0124, since 1970-01-01T00:00:00+00:00).")
        assert concern.remedy.endswith(".")
