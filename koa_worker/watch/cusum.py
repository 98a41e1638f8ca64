"""A chart that adds up how much each week is above or below the usual (CUSUM), and alarms when the sum is too large.

A week's mean is compared with the baseline in units of its own standard error, so that weeks of any size count as they
should. From each week an allowance is subtracted before it is added: half of the change that is looked for, which finds
that change soonest (Page, Lorden). A lasting change of less than the allowance never adds up, and neither does the
error of the baseline's own mean, as long as it is smaller.

The limit follows from how many charts are looked at. By Siegmund's approximation a one-sided chart with allowance k and
limit h errs once in (exp(2kb) - 2kb - 1) / 2k² weeks, with b = h + 1.166. The likely error of the baseline is taken
from k there. `python -m bench.drift` measures the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

_LEAST_ALLOWANCE = 0.5  # standard errors: for weeks so small that they show little
_LEAST_NET = 0.25  # the same, less the error of the baseline
_OVERSHOOT = 1.166  # by which a sum of normal steps passes a limit, after Siegmund
_LARGEST_WAY = 700.0  # its exponential is still a number, and larger than any number of weeks
_WEEKS_A_YEAR = 52
_YEARS_BETWEEN = 0.75  # false alarms of all charts together, by the approximation


@dataclass(frozen=True, slots=True)
class Sample:
    """Independent values: how many, their sum, and the sum of their squares."""

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
    """The mean and spread of the weeks that count as usual."""

    count: int
    mean: float
    variance: float  # of one value; larger than that of the values where weeks scatter more than they explain

    @classmethod
    def of(cls, weeks: Sequence[Sample], least_variance: float) -> Self:
        """The baseline of several weeks. Weeks that scatter more than their values explain make the variance larger."""
        every = sum(weeks, Sample())
        variance = max(every.variance, least_variance)
        between = sum(week.count * (week.mean - every.mean) ** 2 for week in weeks) / (len(weeks) - 1)
        by_chance = 1 + 1.645 * math.sqrt(2 / (len(weeks) - 1))  # exceeded by one baseline in twenty
        return cls(every.count, every.mean, max(variance, between / by_chance))


@dataclass(frozen=True, slots=True)
class Alarm:
    """The week in which a chart raised an alarm, and what it had found since its sum began to rise."""

    week: date
    since: date
    usual: float
    found: float


def limit(sides: int, net: float) -> float:
    """The limit at which this number of one-sided charts with this net allowance rarely alarms without a reason."""
    weeks = _WEEKS_A_YEAR * _YEARS_BETWEEN * max(sides, 1)
    low, high = 0.0, 30.0
    for _ in range(30):
        middle = (low + high) / 2
        way = min(2 * net * (middle + _OVERSHOOT), _LARGEST_WAY)
        if (math.exp(way) - way - 1) / (2 * net**2) < weeks:
            low = middle
        else:
            high = middle
    return high


def alarms(
    weeks: Iterable[tuple[date, Sample]], usual: Baseline, change: float, sides: int, *, falls_too: bool = True
) -> list[Alarm]:
    """The alarms of the weeks after the baseline, in order. After an alarm the sum starts at 0 again.

    `change` is what is looked for, and `sides` how many one-sided charts are looked at in all.
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
        """How high the sum is with this week."""
        if self._height == 0.0:
            self.seen, self.since = Sample(), day
        self._height = max(0.0, self._height + step)
        self.seen += week
        return self._height
