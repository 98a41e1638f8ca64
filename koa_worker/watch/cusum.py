"""A chart that sums up the differences of the weeks from the baseline (CUSUM), and alarms when the sum is too large.

A week's mean is compared with the baseline in units of its own standard error, so that weeks of any size have the right
weight. Before a week is added, an allowance is subtracted: half of the change to be detected, which detects that change
soonest (Page, Lorden). A lasting change of less than the allowance never adds up, and neither does the error of the
baseline's own mean, if it is smaller.

The limit follows from the number of charts. By Siegmund's approximation a one-sided chart with allowance k and limit h
gives a false alarm once in (exp(2kb) - 2kb - 1) / 2k² weeks, with b = h + 1.166. The likely error of the baseline is
subtracted from k there. `python -m bench.drift` measures the false alarms and the delays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

_LEAST_ALLOWANCE = 0.5  # standard errors: the lowest allowance, for very small weeks
_LEAST_NET = 0.25  # the lowest allowance minus the error of the baseline
_OVERSHOOT = 1.166  # the mean excess of a sum of normal steps over a limit, after Siegmund
_WEEKS_A_YEAR = 52
_YEARS_BETWEEN = 0.75  # between two false alarms of all charts together, by the approximation


@dataclass(frozen=True, slots=True)
class Sample:
    """Independent values: their number, their sum, and the sum of their squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def variance(self) -> float:
        return max(0.0, self.squares - self.total * self.mean) / (self.count - 1) if self.count > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """The mean and spread of the first weeks, which count as usual."""

    count: int
    mean: float
    variance: float  # of one value; larger than the values' own variance if the weeks scatter more than it explains

    @classmethod
    def of(cls, weeks: Sequence[Sample], least_variance: float) -> Self:
        """The baseline of several weeks; its variance is larger if the weeks scatter more than their values explain."""
        every = sum(weeks, Sample())
        variance = max(every.variance, least_variance)
        between = sum(week.count * (week.mean - every.mean) ** 2 for week in weeks) / (len(weeks) - 1)
        by_chance = 1 + 1.645 * math.sqrt(2 / (len(weeks) - 1))  # exceeded by one baseline in twenty
        return cls(every.count, every.mean, max(variance, between / by_chance))


@dataclass(frozen=True, slots=True)
class Alarm:
    """The week in which a chart raised an alarm, and the values since its sum began to rise."""

    week: date
    since: date
    usual: float
    found: float


def limit(sides: int, net: float) -> float:
    """The limit at which this number of one-sided charts with this net allowance rarely gives a false alarm."""
    weeks = _WEEKS_A_YEAR * _YEARS_BETWEEN * max(sides, 1)
    low, high = 0.0, 30.0
    for _ in range(30):
        middle = (low + high) / 2
        way = 2 * net * (middle + _OVERSHOOT)
        if (math.exp(way) - way - 1) / (2 * net**2) < weeks:
            low = middle
        else:
            high = middle
    return high


def alarms(
    weeks: Iterable[tuple[date, Sample]], usual: Baseline, change: float, sides: int, *, falls_too: bool = True
) -> list[Alarm]:
    """The alarms of the weeks after the baseline, in order. After an alarm the sum starts at 0 again.

    `change` is the change to be detected, and `sides` the number of all one-sided charts.
    """
    found: list[Alarm] = []
    rising, falling = _Sum(), _Sum()
    for day, week in weeks:
        error = math.sqrt(usual.variance / week.count)
        allowance = max(_LEAST_ALLOWANCE, change / 2 / error)
        most = limit(sides, max(_LEAST_NET, allowance - math.sqrt(week.count / usual.count)))
        off = (week.mean - usual.mean) / error
        for one, step in ((rising, off), (falling, -off))[: 2 if falls_too else 1]:
            if one.add(day, week, step - allowance) > most:
                found.append(Alarm(day, one.since, usual.mean, one.seen.mean))
                one.reset()
    return found


class _Sum:
    """One side of a chart."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._height, self.seen, self.since = 0.0, Sample(), date.min

    def add(self, day: date, week: Sample, step: float) -> float:
        """The sum after this week was added."""
        if self._height == 0.0:
            self.seen, self.since = Sample(), day
        self._height = max(0.0, self._height + step)
        self.seen += week
        return self._height
