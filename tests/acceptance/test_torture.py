"""The fault campaign in short: one round of each kind. `make torture` runs the long form."""

import os
from pathlib import Path

import pytest

from tests.acceptance.torture import (
    Arena,
    Supply,
    fill_disk,
    kill_at_point,
    kill_at_random,
    lock_database,
    set_clock_back,
    share_inbox,
    take_inbox_away,
)


@pytest.fixture(scope="module")
def supply() -> Supply:
    return Supply(seed=11)


def test_kills_at_random_moments(tmp_path: Path, supply: Supply) -> None:
    kill_at_random(Arena(tmp_path), supply, kills=4, files=14)


@pytest.mark.parametrize(
    ("point", "when", "victim"),
    [
        ("koa_worker.foreman:claim", "after", "daemon"),
        ("koa_worker.store.store:Store.complete", "after", "worker"),
        ("koa_worker.registrar:put", "after", "daemon"),
        ("koa_worker.desk:file_away", "after", "daemon"),
    ],
)
def test_a_kill_between_two_steps(tmp_path: Path, supply: Supply, point: str, when: str, victim: str) -> None:
    kill_at_point(Arena(tmp_path), supply, point, when, victim)


def test_a_locked_database_is_waited_for(tmp_path: Path, supply: Supply) -> None:
    lock_database(Arena(tmp_path), supply, seconds=3.0, files=8)


def test_an_inbox_that_vanishes_and_comes_back(tmp_path: Path, supply: Supply) -> None:
    take_inbox_away(Arena(tmp_path), supply, seconds=1.0, files=8)


def test_a_clock_that_goes_backwards(tmp_path: Path, supply: Supply) -> None:
    set_clock_back(Arena(tmp_path), supply, files=8)


def test_a_full_disk_is_waited_for(supply: Supply) -> None:
    if os.geteuid() != 0 or not os.access("/bin/mount", os.X_OK):
        assert "CI" not in os.environ, "CI runs as root, to mount a small file system"
        pytest.skip("mounting a small file system needs root")
    fill_disk(supply, files=20)


def test_two_daemons_on_one_inbox_grade_each_file_once(tmp_path: Path, supply: Supply) -> None:
    first, second = share_inbox(tmp_path, supply, files=200)
    assert first + second == 200
    assert min(first, second) > 0
