"""The loop wakes when the inbox changes."""

import select
import threading
import time
from pathlib import Path

from koa_worker.intake.watch import Watch


def seconds_waited(watch: Watch, limit: float) -> float:
    start = time.monotonic()
    select.select([watch], [], [], limit)
    return time.monotonic() - start


def test_a_new_file_in_a_sub_folder_wakes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with Watch(tmp_path) as watch:
        threading.Timer(0.1, (tmp_path / "sub/a.dcm").write_bytes, [b"x"]).start()
        assert seconds_waited(watch, 20) < 10


def test_reading_does_not_wake(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"x")
    with Watch(tmp_path) as watch:
        threading.Timer(0.05, (tmp_path / "a.dcm").read_bytes).start()
        assert seconds_waited(watch, 0.5) >= 0.5


def test_what_is_taken_away_does_not_wake(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.dcm").write_bytes(b"x")
    with Watch(tmp_path / "inbox") as watch:
        threading.Timer(0.05, (tmp_path / "inbox/a.dcm").rename, [tmp_path / "a.file"]).start()
        assert seconds_waited(watch, 0.5) >= 0.5


def test_what_is_moved_in_wakes(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "export").mkdir()
    (tmp_path / "export/a.dcm").write_bytes(b"x")
    with Watch(tmp_path / "inbox") as watch:
        threading.Timer(0.1, (tmp_path / "export").rename, [tmp_path / "inbox/export"]).start()
        assert seconds_waited(watch, 20) < 10


def test_a_call_wakes(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        watch.wake()
        assert seconds_waited(watch, 20) < 10


def test_what_woke_is_forgotten(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        watch.wake()
        assert watch.clear()
        assert not watch.clear()


def test_an_inbox_that_went_and_came_back_is_watched_again(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with Watch(inbox) as watch:
        inbox.rename(tmp_path / "away")
        watch.follow()
        inbox.mkdir()
        watch.follow()
        watch.clear()
        threading.Timer(0.1, (inbox / "a.dcm").write_bytes, [b"x"]).start()
        assert seconds_waited(watch, 20) < 10
