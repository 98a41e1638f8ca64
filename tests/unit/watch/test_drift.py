"""Unchanged weeks raise no alarm; a change is reported in time, and for the device that changed."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from bench.drift import found_within, site
from koa_worker.watch.cusum import Baseline, Sample, alarms, limit
from koa_worker.watch.drift import BASELINE_WEEKS, DaySample, Device, Signal, watch
from koa_worker.watch.words import sentences

MONDAY = date(2024, 1, 1)


def sample(*values: float) -> Sample:
    return Sample(len(values), sum(values), sum(value**2 for value in values))


def test_samples_add_up() -> None:
    both = sample(1, 2) + sample(4)
    assert (both.mean, both.variance) == pytest.approx((7 / 3, np.var([1, 2, 4], ddof=1)))


def test_weeks_that_scatter_make_the_baseline_wider() -> None:
    even = Baseline.of([sample(*[0, 2] * 50)] * 3, 0.1)
    uneven = Baseline.of([sample(*[step, step + 2] * 50) for step in (0, 1, -1)], 0.1)
    assert even.mean == uneven.mean == 1.0
    assert even.variance == pytest.approx(1.0, rel=0.01)
    assert uneven.variance > 10  # the values alone would explain 1.7


def test_more_charts_have_a_higher_limit_and_a_larger_allowance_a_lower_one() -> None:
    assert limit(10, 0.5) > limit(1, 0.5) > limit(1, 1.0) > 0


def test_a_chart_says_since_when_and_what_it_found() -> None:
    usual = Baseline(1000, 1.0, 1.0)
    weeks = [(MONDAY + timedelta(weeks=week), sample(*[mean] * 100)) for week, mean in enumerate((1.0, 1.0, 2.0))]
    (alarm,) = alarms(weeks, usual, 0.5, 2)
    assert (alarm.week, alarm.usual, alarm.found) == (MONDAY + timedelta(weeks=2), 1.0, 2.0)
    assert alarm.since == alarm.week
    assert not alarms(weeks, usual, 0.5, 2, falls_too=False) or alarm.found > alarm.usual
    down = [(day, Sample(week.count, -week.total, week.squares)) for day, week in weeks]
    assert not alarms(down, Baseline(1000, -1.0, 1.0), 0.5, 2, falls_too=False)


def test_nothing_is_judged_before_the_baseline_is_whole() -> None:
    watched = site(np.random.default_rng(0), -1)
    assert all(chart.baseline is None for chart in watched.charts)
    assert "Nothing is judged yet" in next(sentences(watched, ()))


def test_a_week_counts_only_when_it_is_over() -> None:
    day = DaySample(MONDAY, Device(), {Signal.GRADE: sample(1)})
    assert watch([day], MONDAY + timedelta(days=6)).weeks == ()
    (week,) = watch([day], MONDAY + timedelta(days=7)).weeks
    assert week.first == MONDAY


def test_changes_are_found_in_time() -> None:
    assert found_within(20, 2, Signal.GRADE, shift=lambda week: 0.5 * (week >= 0)) >= 0.9
    assert found_within(20, 8, Signal.REFUSALS, refused=lambda week: 0.05 if week < 0 else 0.12) >= 0.9


def test_the_device_that_changed_is_named() -> None:
    days = []
    random = np.random.default_rng(3)
    for week in range(BASELINE_WEEKS + 4):
        for name in ("old", "new"):
            moved = 2.0 * (name == "new" and week >= BASELINE_WEEKS)
            values = random.normal(1 + moved, 1, 60).tolist()
            days.append(DaySample(MONDAY + timedelta(weeks=week), Device(name), {Signal.GRADE: sample(*values)}))
    watched = watch(days, MONDAY + timedelta(weeks=BASELINE_WEEKS + 4))
    assert {chart.device for chart, _ in watched.lately()} == {None, Device("new")}
    said = list(sentences(watched, (10, 0, 10, 0, 0)))
    assert any("The mean grade of new is no longer as it was" in sentence for sentence in said)
    assert any("fitted to 20 knees with a mean grade of 1.00" in sentence for sentence in said)
