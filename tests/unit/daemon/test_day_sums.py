"""The daemon counts the days of the watch beforehand, a day at a time, and stops when it is to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from koa_worker.config import Config
from koa_worker.daemon import day_sums
from koa_worker.store import Store
from koa_worker.store.database.schema import FileSums
from koa_worker.values import Rejected
from tests import make
from tests.make import Clock, until

DAYS = 3


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.model_validate({"store": {"url": f"sqlite:///{tmp_path}/koa.sqlite3"}})


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    """With a rejected file on each of some days, two weeks ago."""
    clock = Clock()
    with Store.open(config.store.url, clock=clock) as opened:
        for number in range(DAYS):
            arrival = make.arrival(str(number))
            clock.now = Clock()() - timedelta(days=14 + number)
            opened.files.add_arrival(arrival, clock.now)
            opened.files.start(arrival.id, "w")
            opened.files.reject(arrival.id, Rejected(arrival, "no_knee", ""), "rejected/x")
        clock.now = None
        yield opened


def _kept(store: Store) -> int:
    return len(store.sessions.read(lambda session: session.scalars(select(FileSums.day)).all()))


def test_it_counts_in_the_background(config: Config, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_sums, "_FIRST_SECONDS", 0.01)
    with day_sums.counting_days(config):
        until(lambda: _kept(store) == DAYS)
    assert store.watch_days.changed(date.max) == ()


def test_a_database_that_is_away_is_asked_again(
    config: Config, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(day_sums, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(day_sums, "_SECONDS_BETWEEN", 0.01)
    database, away = tmp_path / "koa.sqlite3", tmp_path / "away"
    database.rename(away)
    with day_sums.counting_days(config):
        until(lambda: "days not counted" in caplog.text)
        away.rename(database)
        until(lambda: _kept(store) == DAYS)


def test_it_stops_after_the_day_that_it_counts(store: Store) -> None:
    stop = threading.Event()
    stop.set()
    day_sums.count_days(store, stop)
    assert _kept(store) == 1
