"""The chart of one signal, at sites of any size."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from koa_worker.watch.cusum import Baseline, Sample, alarms

MONDAY = date(2024, 1, 1)


@pytest.mark.parametrize("studies", [1, 50, 2_500, 10_000, 1_000_000])
def test_a_week_of_any_size_is_judged(studies: int) -> None:
    """A large hospital, or an archive that is graded in a week."""
    usual = Baseline(40_000, mean=1.5, variance=1.2)
    weeks = [(MONDAY + timedelta(weeks=at), _week(studies, mean)) for at, mean in enumerate([1.5, 1.5, 2.5, 2.5])]
    found = alarms(weeks, usual, change=0.5, sides=2)
    assert [alarm.week for alarm in found] == ([weeks[2][0], weeks[3][0]] if studies > 1 else [])


def _week(count: int, mean: float) -> Sample:
    return Sample(count, count * mean, count * (mean**2 + 1.2))
