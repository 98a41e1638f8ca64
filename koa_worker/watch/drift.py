"""Whether grades, likeness, exposure or refusals have changed over the weeks, overall and for each device.

The baseline is the first weeks that the store has with the present release and scale: they have consecutive patients,
like the later weeks. The knees that a scale was fitted to are often chosen by grade, so that they are only shown beside
it and raise no alarm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from koa_worker.values import GRADES
from koa_worker.watch.cusum import Alarm, Baseline, Sample, alarms

BASELINE_WEEKS = 16
_LEAST_IN_WEEK = 50  # values; a week with fewer is added to the next, because rare events need a larger number
LATELY = timedelta(weeks=8)


class Signal(StrEnum):
    GRADE = "grade"  # mean grade of a study
    STRANGENESS = "strangeness"  # log odds against a knee like the training knees, mean of a study
    EXPOSURE = "exposure"  # deviation index or ten times the logarithm of the exposure index, mean of a study
    REFUSALS = "refusals"  # share of files that are rejected or have a refused knee


# The changes to be detected, and the least variance of one value, since a baseline of equal values proves little.
_LOOKED_FOR = {Signal.GRADE: 0.5, Signal.STRANGENESS: 1.0, Signal.EXPOSURE: 1.0, Signal.REFUSALS: 0.05}
_LEAST_VARIANCE = {Signal.GRADE: 0.25, Signal.STRANGENESS: 0.25, Signal.EXPOSURE: 0.25, Signal.REFUSALS: 0.01}

_ONLY_RISING = frozenset({Signal.STRANGENESS, Signal.REFUSALS})  # only a rise is an alarm


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """The device that images come from. A field is empty if the header lacks it, or if a rejected file was not kept."""

    manufacturer: str = ""
    model: str = ""
    institution: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.manufacturer, self.model, self.institution))) or "unknown device"


@dataclass(frozen=True, slots=True)
class DaySample:
    """The values of one day from one device."""

    day: date
    device: Device
    samples: Mapping[Signal, Sample]
    grades: tuple[int, ...] = (0,) * len(GRADES)  # knees


@dataclass(frozen=True, slots=True)
class Week:
    first: date
    samples: Mapping[Signal, Sample]
    grades: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of one signal of one device, or of all devices (`device` is None)."""

    signal: Signal
    device: Device | None
    baseline: Baseline | None  # None: there are too few weeks yet
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """All complete weeks, and their charts."""

    weeks: tuple[Week, ...] = ()  # of all devices
    by_device: Mapping[Device, tuple[Week, ...]] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()

    def lately(self) -> list[tuple[Chart, Alarm]]:
        """The alarms of the last weeks, the newest first."""
        return self.alarms_since(self.weeks[-1].first - LATELY) if self.weeks else []

    def alarms_since(self, day: date) -> list[tuple[Chart, Alarm]]:
        """The alarms since this day, the newest first."""
        found = [(chart, alarm) for chart in self.charts for alarm in chart.alarms if alarm.week >= day]
        return sorted(found, key=lambda one: one[1].week, reverse=True)


def watch(days: Iterable[DaySample], today: date) -> Watched:
    """Judges all weeks that ended before this day."""
    monday = today - timedelta(days=today.weekday())
    complete = [day for day in days if day.day < monday]
    apart: defaultdict[Device, list[DaySample]] = defaultdict(list)
    for day in complete:
        apart[day.device].append(day)
    every = _weeks(complete)
    by_device = {device: _weeks(apart[device]) for device in sorted(apart)}
    # With a single device, its charts are the same as those of all images.
    groups: list[tuple[Device | None, tuple[Week, ...]]] = [(None, every)]
    groups += by_device.items() if len(by_device) > 1 else ()
    begun = [(signal, device, *_split(signal, weeks)) for device, weeks in groups for signal in Signal]
    # Half of the allowed false alarms is for the charts of all images, half for those of single devices.
    sides = dict.fromkeys((True, False), 0)
    for signal, device, baseline, _ in begun:
        sides[device is None] += len(groups[:2]) * (1 if signal in _ONLY_RISING else 2) * bool(baseline)
    charts = [
        Chart(signal, device, baseline, _judge(signal, baseline, later, sides[device is None]))
        for signal, device, baseline, later in begun
    ]
    return Watched(every, by_device, tuple(charts))


def _judge(
    signal: Signal, baseline: Baseline | None, later: Sequence[tuple[date, Sample]], sides: int
) -> tuple[Alarm, ...]:
    if baseline is None:
        return ()
    return tuple(alarms(later, baseline, _LOOKED_FOR[signal], sides, falls_too=signal not in _ONLY_RISING))


def _weeks(days: Sequence[DaySample]) -> tuple[Week, ...]:
    samples: defaultdict[date, dict[Signal, Sample]] = defaultdict(dict)
    grades: defaultdict[date, tuple[int, ...]] = defaultdict(lambda: (0,) * len(GRADES))
    for day in days:
        first = day.day - timedelta(days=day.day.weekday())
        for signal, sample in day.samples.items():
            samples[first][signal] = samples[first].get(signal, Sample()) + sample
        grades[first] = tuple(map(sum, zip(grades[first], day.grades, strict=True)))
    return tuple(Week(first, samples[first], grades[first]) for first in sorted(samples))


def _split(signal: Signal, weeks: Sequence[Week]) -> tuple[Baseline | None, list[tuple[date, Sample]]]:
    """The baseline, and the weeks after it."""
    filled: list[tuple[date, Sample]] = []
    left = Sample()
    for week in weeks:
        left += week.samples.get(signal, Sample())
        if left.count >= _LEAST_IN_WEEK:
            filled.append((week.first, left))
            left = Sample()
    if len(filled) < BASELINE_WEEKS:
        return None, []
    usual = Baseline.of([sample for _, sample in filled[:BASELINE_WEEKS]], _LEAST_VARIANCE[signal])
    return usual, filled[BASELINE_WEEKS:]
