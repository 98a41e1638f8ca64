"""The fault campaign in short: one round of each kind. `make torture` runs the long form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.torture import (
    POINTS,
    ROOT,
    Arena,
    Supply,
    assert_there,
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
        ("koa_worker.store.lifecycle.files:Files.complete", "after", "worker"),
        ("koa_worker.registrar:put", "after", "daemon"),
    ],
)
def test_a_kill_between_two_steps(tmp_path: Path, supply: Supply, point: str, when: str, victim: str) -> None:
    """Two of all: test_file_steps.py stops between any two steps without starting a daemon for each."""
    assert kill_at_point(Arena(tmp_path), supply, point, when, victim, nth=1)["killed"]


@pytest.mark.parametrize("point", POINTS)
def test_each_step_to_kill_at_is_there(point: str) -> None:
    assert_there(point)


def test_a_step_that_is_not_there_fails(tmp_path: Path, supply: Supply) -> None:
    for point in ("koa_worker.store.store:Store.take", "koa_worker.store.nowhere:Files.take"):
        with pytest.raises((AssertionError, ModuleNotFoundError)):
            kill_at_point(Arena(tmp_path), supply, point, "before", "worker")


def test_every_clock_is_set_back(tmp_path: Path) -> None:
    (tmp_path / "by").write_text("3600")
    say = """
import sitecustomize
from datetime import UTC, datetime
from importlib import import_module
clocks = [import_module(place).datetime.now for place in sitecustomize.CLOCKS]
store_clock = import_module("koa_worker.store.database.base").utc_now
shown = [store_clock(), *(clock(UTC) for clock in clocks)]
print({round((datetime.now(UTC) - time).total_seconds() / 60) for time in shown})
"""
    path = f"{ROOT / 'tests/sabotage'}:{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "SABOTAGE_CLOCK": str(tmp_path / "by")}
    said = subprocess.run([sys.executable, "-c", say], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "{60}\n"


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
