"""The counts of the status screen that need a rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koa_worker.store import Store
from tests.make import Clock

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def reject(store: Store, make: Any, clock: Clock, content: str, at: datetime) -> None:
    clock.now = at
    arrival = make.arrival(content)
    store.files.add_arrival(arrival, at)
    assert store.files.start(arrival.id, "w")
    store.files.reject(arrival.id, make.rejected(arrival), "rejected/x")


@pytest.mark.parametrize(
    ("seconds_apart", "after_seconds", "per_minute"),
    [
        (1.5, 0.0, 40.0),  # twelve files in 16.5 seconds, looked at right after the last one: 43.6, and not 1.2
        (0.1, 0.0, 48.0),  # a burst too short for a speed counts as a quarter of a minute
        (1.5, 103.5, 6.0),  # and it fades
        (1.5, 660.0, 0.0),
    ],
)
def test_the_speed_is_right_after_a_burst(
    store: Store, make: Any, clock: Clock, seconds_apart: float, after_seconds: float, per_minute: float
) -> None:
    for number in range(12):
        last = NOW + timedelta(seconds=number * seconds_apart)
        reject(store, make, clock, f"file {number}", last)
    clock.now = last + timedelta(seconds=after_seconds)
    assert store.counts.pace().per_minute == pytest.approx(per_minute, rel=0.1)
