"""How the watch over weeks behaves: `python -m bench.drift [ROUNDS]` prints the table of docs/drift.md.

Simulated sites of 100 studies a week, each with one file. The baseline is drawn too, so that its error is in all
figures. Likeness and exposure are watched in all of them; sites with three devices have four times the charts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import numpy as np

from koa_worker.values import GRADES
from koa_worker.watch.cusum import Sample
from koa_worker.watch.drift import BASELINE_WEEKS, DaySample, Device, Signal, Watched, watch

SHARES = (0.40, 0.18, 0.25, 0.13, 0.04)  # of the grades, as in the validation knees
STUDIES = 100
_MONDAY = date(2024, 1, 1)
Rates = Callable[[int], float]


def site(
    rng: np.random.Generator,
    weeks: int,
    *,
    devices: int = 1,
    shift: Rates = lambda _: 0.0,
    refused: Rates = lambda _: 0.05,
    uneven: float = 0.0,
) -> Watched:
    """`shift` and `refused` are told the week after the baseline; `uneven` scatters the weekly refusals further."""
    days = []
    for week in range(BASELINE_WEEKS + weeks):
        after = week - BASELINE_WEEKS
        share = min(1.0, max(0.0, refused(after) * float(rng.lognormal(-(uneven**2) / 2, uneven))))
        sizes = rng.multinomial(STUDIES, [1 / devices] * devices)
        for number, size in enumerate(sizes):
            days.append(_day(rng, week, number, int(size), shift=shift(after), refused=share))
    return watch(days, _MONDAY + timedelta(weeks=BASELINE_WEEKS + weeks))


def _day(rng: np.random.Generator, week: int, device: int, size: int, *, shift: float, refused: float) -> DaySample:
    # Both knees of a patient are alike: each study counts once.
    kl = rng.choice(len(GRADES), size, p=SHARES).astype(float)
    # Only those that are not at the end of the scale can move; the mean moves by `shift`.
    end = GRADES[-1] if shift > 0 else GRADES[0]
    moves = (rng.random(size) < abs(shift) / (1 - SHARES[end])) & (kl != end)
    kl = kl + np.sign(shift) * moves
    samples = {
        Signal.GRADE: _sample(kl),
        Signal.STRANGENESS: _sample(rng.normal(-6, 2, size)),
        Signal.EXPOSURE: _sample(rng.normal(0, 1.5, size)),
        Signal.REFUSALS: _sample((rng.random(size) < refused).astype(float)),
    }
    return DaySample(_MONDAY + timedelta(weeks=week), Device(str(device)), samples)


def _sample(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Sample:
    return Sample(len(values), float(values.sum()), float((values**2).sum()))


def false_alarms(rounds: int, *, devices: int = 1, uneven: float = 0.0, years: int = 2) -> float:
    """A year, at a site where nothing changes."""
    found = 0
    for number in range(rounds):
        watched = site(np.random.default_rng([1, devices, number]), 52 * years, devices=devices, uneven=uneven)
        found += len(watched.alarms_since(date.min))
    return found / rounds / years


def found_within(rounds: int, weeks: int, signal: Signal, *, devices: int = 1, **change: Rates) -> float:
    """Share of sites in which the change is told in time, in a chart of its signal."""
    found = 0
    for number in range(rounds):
        watched = site(np.random.default_rng([2, devices, number]), weeks, devices=devices, **change)
        found += any(chart.signal is signal for chart, _ in watched.alarms_since(date.min))
    return found / rounds


def table(rounds: int) -> Iterator[str]:
    yield f"{rounds} simulated sites for each line, {STUDIES} studies a week."
    yield ""
    yield "| what happens | one device | three devices |"
    yield "| --- | ---: | ---: |"
    alone, uneven = ([false_alarms(rounds, devices=n, uneven=u) for n in (1, 3)] for u in (0.0, 0.2))
    yield f"| nothing: alarms a year, of all charts | {alone[0]:.2f} | {alone[1]:.2f} |"
    yield f"| nothing, but refusals scatter by a fifth from week to week | {uneven[0]:.2f} | {uneven[1]:.2f} |"
    changes: dict[str, tuple[int, Signal, dict[str, Rates]]] = {
        "grades half a grade higher: told within 2 weeks": (2, Signal.GRADE, {"shift": lambda week: 0.5 * (week >= 0)}),
        "grades half a grade lower: told within 2 weeks": (2, Signal.GRADE, {"shift": lambda week: -0.5 * (week >= 0)}),
        "refusals rise from 5 to 10 %: told within 6 weeks": (6, Signal.REFUSALS, {"refused": _doubled}),
    }
    for words, (weeks, signal, change) in changes.items():
        shares = [found_within(rounds, weeks, signal, devices=n, **change) for n in (1, 3)]
        yield f"| {words} | {shares[0]:.1%} | {shares[1]:.1%} |"


def _doubled(week: int) -> float:
    return 0.05 if week < 0 else 0.10


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
        print(line, flush=True)
