"""Whether a daemon works in a work folder, and that only one does."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from koa_worker.errors import SetupError
from koa_worker.system import heartbeat
from koa_worker.system.heartbeat import PAUSE_WORDS, Condition, PauseReason, Pulse, beat, condition_of, feel, sole_owner

ALIVE = Pulse(workers=2, busy=1, paused=None, overdue=0, model="koa-v1")


def test_a_beat_is_felt_while_the_daemon_lives(tmp_path: Path) -> None:
    assert feel(tmp_path) is None
    with sole_owner(tmp_path):
        beat(tmp_path, ALIVE)
        felt = feel(tmp_path)
        assert felt is not None
        assert felt[0] == ALIVE
        assert felt[1] < 10
        before = time.time() - 300
        os.utime(tmp_path / ".pulse", (before, before))
        felt = feel(tmp_path)
        assert felt is not None
        assert felt[1] > 290
    assert feel(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_pulse_that_a_killed_daemon_left_is_not_taken_for_life(tmp_path: Path) -> None:
    beat(tmp_path, ALIVE)
    (tmp_path / ".lock").touch()
    assert feel(tmp_path) is None


def test_a_second_daemon_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_SECONDS_TO_LET_GO", 0.1)
    with sole_owner(tmp_path), pytest.raises(SetupError, match="another worker"), sole_owner(tmp_path):
        pass


def test_a_pulse_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    beat(tmp_path / "absent", ALIVE)


def test_on_a_full_disk_the_daemon_is_not_taken_for_silent(tmp_path: Path) -> None:
    with sole_owner(tmp_path):
        beat(tmp_path, ALIVE)
        before = time.time() - 300
        os.utime(tmp_path / ".pulse", (before, before))
        (tmp_path / ".pulse.tmp").mkdir()  # so that nothing can be written there
        beat(tmp_path, ALIVE)
        felt = feel(tmp_path)
        assert condition_of(felt) is Condition.RUNNING
        (tmp_path / ".pulse.tmp").rmdir()


def test_a_beat_from_the_future_is_no_proof_of_life(tmp_path: Path) -> None:
    """It was written before the clock was set back by an hour; a daemon that lives beats again soon."""
    with sole_owner(tmp_path):
        beat(tmp_path, ALIVE)
        later = time.time() + 3600
        os.utime(tmp_path / ".pulse", (later, later))
        assert condition_of(feel(tmp_path)) is Condition.SILENT
        beat(tmp_path, ALIVE)
        assert condition_of(feel(tmp_path)) is Condition.RUNNING


@pytest.mark.parametrize("reason", PauseReason)
def test_a_reason_to_pause_is_felt_and_has_its_words(tmp_path: Path, reason: PauseReason) -> None:
    with sole_owner(tmp_path):
        beat(tmp_path, replace(ALIVE, paused=reason))
        felt = feel(tmp_path)
    assert felt is not None
    assert felt[0].paused is reason
    assert PAUSE_WORDS[reason]


def test_only_a_daemon_that_is_gone_or_silent_is_unwell() -> None:
    paused = replace(ALIVE, paused=PauseReason.OUTSIDE_HOURS)
    conditions = {
        Condition.NOT_RUNNING: None,
        Condition.SILENT: (paused, 75.0),
        Condition.PAUSED: (paused, 4.0),
        Condition.RUNNING: (ALIVE, 4.0),
    }
    assert {condition: condition_of(felt) for condition, felt in conditions.items()} == {one: one for one in Condition}
    assert {condition for condition in Condition if condition.is_well} == {Condition.PAUSED, Condition.RUNNING}
