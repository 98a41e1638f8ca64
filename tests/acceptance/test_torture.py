"""The fault campaign in short: one round of each kind. `make torture` runs the long form."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.torture import (
    Arena,
    Supply,
    fill_disk,
    kill_at_point,
    kill_at_random,
    lock_database,
    mounted,
    set_clock_back,
    share_inbox,
    take_inbox_away,
)


@pytest.fixture(scope="module")
def supply() -> Supply:
    return Supply(seed=11)


def test_kills_at_random_moments(tmp_path: Path, supply: Supply) -> None:
    kill_at_random(Arena(tmp_path), supply, kills=3, files=8)


@pytest.mark.parametrize(
    ("point", "when", "victim"),
    [
        ("koa_worker.store.files:Files.complete", "after", "worker"),
        ("koa_worker.registrar:put", "after", "daemon"),
    ],
)
def test_a_kill_between_two_steps(tmp_path: Path, supply: Supply, point: str, when: str, victim: str) -> None:
    """Two of all: test_file_steps.py stops between any two steps without starting a daemon for each."""
    kill_at_point(Arena(tmp_path), supply, point, when, victim)


def test_a_locked_database_is_waited_for(tmp_path: Path, supply: Supply) -> None:
    lock_database(Arena(tmp_path), supply, seconds=3.0, files=8)


def test_an_inbox_that_vanishes_and_comes_back(tmp_path: Path, supply: Supply) -> None:
    take_inbox_away(Arena(tmp_path), supply, seconds=1.0, files=8)


def test_a_clock_that_goes_backwards(tmp_path: Path, supply: Supply) -> None:
    set_clock_back(Arena(tmp_path), supply, files=8)


def test_a_full_disk_is_waited_for(tmp_path: Path, supply: Supply) -> None:
    try:
        with mounted(tmp_path, "1m"):
            pass
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs root and the right to mount")
    fill_disk(supply, files=16, seconds=4.0)


def test_two_daemons_on_one_inbox_grade_each_file_once(tmp_path: Path, supply: Supply) -> None:
    first, second = share_inbox(tmp_path, supply, files=80)
    assert first + second == 80
    assert min(first, second) > 0
