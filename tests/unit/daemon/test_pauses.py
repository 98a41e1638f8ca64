"""Reasons to take no file: the hour and the room on the disk."""

from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from koa_worker.config import Config, Limits, WorkingHours, WorkSettings
from koa_worker.daemon.pauses import Pause, reason_to_pause
from koa_worker.system.disk import free_mb
from koa_worker.system.heartbeat import PauseReason


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("08:30-17:00", ["08:30", "16:59"], ["08:29", "17:00", "00:00"]),
    ],
)
def test_a_window_may_reach_over_midnight(text: str, inside: list[str], outside: list[str]) -> None:
    window = WorkingHours.parse(text)
    assert all(window.holds(time.fromisoformat(moment)) for moment in inside)
    assert not any(window.holds(time.fromisoformat(moment)) for moment in outside)


@pytest.mark.parametrize("text", ["22:00", "22-25:00", "nights", "10:00-10:00", "1:2-3:4-5:6"])
def test_a_window_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        WorkSettings(run_between=text)


def test_a_nearly_full_disk_pauses(tmp_path: Path) -> None:
    settings = Config().below(tmp_path)
    (tmp_path / "work/claimed").mkdir(parents=True)
    assert reason_to_pause(settings) is None
    endless = settings.model_copy(update={"limits": Limits(min_free_mb=10**12)})
    assert reason_to_pause(endless) is PauseReason.DISK_NEARLY_FULL
    assert free_mb(tmp_path / "absent") == float("inf")


def test_the_wrong_hour_pauses(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    later = [f"{(now + timedelta(hours=hours)).hour:02}:00" for hours in (2, 3)]
    settings = Config().below(tmp_path).model_copy(update={"work": WorkSettings(run_between="-".join(later))})
    assert reason_to_pause(settings) is PauseReason.OUTSIDE_HOURS


def test_each_change_is_logged_once_in_words(caplog: pytest.LogCaptureFixture) -> None:
    pause = Pause()
    for reason in (None, PauseReason.NO_ANSWER, PauseReason.NO_ANSWER, PauseReason.OUTSIDE_HOURS, None, None):
        pause.change_to(reason)
        assert pause.reason is reason
    said = [(record.message, getattr(record, "reason", None)) for record in caplog.records]
    assert said == [
        ("paused", "disk or database does not answer"),
        ("paused", "outside run_between"),
        ("resumed", None),
    ]
