"""The next file to take: complete files, oldest first, with a bounded number in memory."""

import os
from pathlib import Path

import pytest

from koa_worker.config import IntakeSettings
from koa_worker.intake import Backlog
from koa_worker.intake import backlog as module


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drop(path: Path, modified: int = 1, content: bytes = b"x") -> None:
    path.write_bytes(content)
    os.utime(path, (modified, modified))


def look(backlog: Backlog, clock: Clock, after: float) -> str | None:
    clock.now += after
    backlog.refresh()
    file = backlog.take()
    return file.path.name if file else None


def test_a_file_is_taken_when_it_has_stood_still(tmp_path: Path, clock: Clock) -> None:
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=2), clock)
    drop(tmp_path / "a")
    assert look(backlog, clock, 0) is None
    assert (backlog.waiting, backlog.seconds_left()) == (1, 2.0)
    drop(tmp_path / "a", content=b"xy")
    assert look(backlog, clock, 2) is None
    assert look(backlog, clock, 2) == "a"


def test_oldest_first_and_new_ones_before_the_ready_ones_run_out(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOW", 2)
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0), clock)
    for number in range(7):
        drop(tmp_path / str(number), 100 - number)
    taken = []
    while not backlog.is_drained() or not taken:
        name = look(backlog, clock, 1)
        if name:
            taken.append(name)
            (tmp_path / name).unlink()
    assert taken == ["6", "5", "4", "3", "2", "1", "0"]


def test_an_inbox_of_which_every_file_is_ready_is_not_looked_at_again_for_each(tmp_path: Path, clock: Clock) -> None:
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0, scan_seconds=10), clock)
    for number in range(5):
        drop(tmp_path / str(number), 100 + number)
    assert look(backlog, clock, 0) == "0"
    assert backlog.seconds_left() == 10


def test_a_file_without_its_end_waits_and_is_then_taken_as_it_is(tmp_path: Path, clock: Clock) -> None:
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0, scan_seconds=1, incomplete_seconds=30), clock)
    drop(tmp_path / "a.png", content=b"\x89PNG\r\n\x1a\n" + b"\0\0\0\xffIHDR")
    assert look(backlog, clock, 0) is None
    assert look(backlog, clock, 29) is None
    assert not backlog.is_drained()
    assert look(backlog, clock, 1) == "a.png"


def test_what_cannot_be_claimed_is_left_alone_for_a_while(tmp_path: Path, clock: Clock) -> None:
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0, scan_seconds=1), clock)
    drop(tmp_path / "a")
    backlog.refresh()
    file = backlog.take()
    assert file is not None
    backlog.put_off(file)
    assert look(backlog, clock, 2) is None
    assert backlog.is_drained()
    assert look(backlog, clock, 20) == "a"


def test_an_empty_inbox_is_looked_at_again_after_the_interval_or_when_something_stirs(
    tmp_path: Path, clock: Clock
) -> None:
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0, scan_seconds=10), clock)
    assert look(backlog, clock, 0) is None
    assert backlog.seconds_left() == 10
    assert backlog.is_drained()
    backlog.stirred()
    assert backlog.seconds_left() < 1


def test_a_missing_inbox_waits_for_its_return(tmp_path: Path, clock: Clock) -> None:
    backlog = Backlog(tmp_path / "share", IntakeSettings(stable_seconds=0, scan_seconds=1), clock)
    assert look(backlog, clock, 0) is None
    (tmp_path / "share").mkdir()
    drop(tmp_path / "share/a")
    assert look(backlog, clock, 1) == "a"


def test_what_is_not_whole_is_asked_once_and_costs_the_others_no_time(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def slow(path: Path) -> bool:
        asked.append(path.name)
        clock.now += 0.2
        return path.name == "z"

    monkeypatch.setattr(module, "is_whole", slow)
    backlog = Backlog(tmp_path, IntakeSettings(stable_seconds=0, incomplete_seconds=1000), clock)
    for name in "abcdefghz":
        drop(tmp_path / name, ord(name))
    assert look(backlog, clock, 1) is None  # its time was up
    assert backlog.seconds_left() <= 0.05
    assert 2 <= len(asked) < 6
    taken = [look(backlog, clock, 1) for _ in range(6)]
    assert "z" in taken
    assert sorted(asked) == list("abcdefghz")
