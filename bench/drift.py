"""False alarms and delays of `koa-worker drift`: `python -m bench.drift [ROUNDS] [--seed N]` prints the table of
docs/drift.md.

Simulated sites of 100 studies a week, each with one file. The baseline is drawn too, so that its error is in all
figures. Likeness and exposure are watched in all of them; sites with three devices have four times the charts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np

from koa_worker.values import GRADES
from koa_worker.watch.cusum import Sample
from koa_worker.watch.drift import BASELINE_WEEKS, DaySample, Device, Signal, Watched, watch

SHARES = (0.40, 0.18, 0.25, 0.13, 0.04)  # of the grades, as in the validation knees
STUDIES = 100
_MONDAY = date(2024, 1, 1)
Rates = Callable[[int], float]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def _no_shift(_: int) -> float:
    return 0.0


def _as_usual(_: int) -> float:
    return 0.05


def site(
    rng: np.random.Generator,
    weeks: int,
    *,
    devices: int = 1,
    shift: Rates = _no_shift,
    refused: Rates = _as_usual,
    uneven: float = 0.0,
) -> Watched:
    """`shift` and `refused` get the week after the baseline; `uneven` increases the scatter of the weekly refusals."""
    after = np.arange(-BASELINE_WEEKS, weeks)
    sizes = rng.multinomial(STUDIES, [1 / devices] * devices, size=len(after))  # week × device
    drawn = {
        Signal.STRANGENESS: _normal(rng, sizes, -6.0, 2.0),
        Signal.EXPOSURE: _normal(rng, sizes, 0.0, 1.5),
        Signal.REFUSALS: _refusals(rng, sizes, np.array([refused(week) for week in after]), uneven),
        Signal.GRADE: _grades(rng, sizes, np.array([shift(week) for week in after])),
    }
    days = [
        DaySample(
            _MONDAY + timedelta(weeks=week),
            Device(str(number)),
            {
                signal: Sample(int(sizes[week, number]), *sums[:, week, number].tolist())
                for signal, sums in drawn.items()
            },
        )
        for week in range(len(after))
        for number in range(devices)
    ]
    return watch(days, _MONDAY + timedelta(weeks=len(after)))


def _normal(rng: np.random.Generator, sizes: Ints, mean: float, spread: float) -> Floats:
    """Sums of normal values and of their squares; how they scatter about their own mean does not depend on it."""
    total = sizes * mean + spread * np.sqrt(sizes) * rng.standard_normal(sizes.shape)
    about_mean = spread**2 * rng.chisquare(np.maximum(sizes - 1, 1)) * (sizes > 1)
    return np.stack([total, about_mean + total**2 / np.maximum(sizes, 1)])


def _refusals(rng: np.random.Generator, sizes: Ints, shares: Floats, uneven: float) -> Floats:
    """Counts of the refused files; a week's share is the same on all devices."""
    weekly = np.clip(shares * rng.lognormal(-(uneven**2) / 2, uneven, size=len(shares)), 0, 1)
    counts = rng.binomial(sizes, weekly[:, None]).astype(float)
    return np.stack([counts, counts])


def _grades(rng: np.random.Generator, sizes: Ints, shifts: Floats) -> Floats:
    """Sums of the grades and of their squares; both knees of a patient are equal, and each study counts once."""
    grades = rng.multinomial(sizes, SHARES)  # week × device × grade
    # Only grades that are not at the end of the scale can change; the mean changes by `shift`.
    end, step = (GRADES[-1], 1) if shifts.sum() > 0 else (GRADES[0], -1)
    moved = rng.binomial(grades, np.abs(shifts)[:, None, None] / (1 - SHARES[end]))
    moved[..., end] = 0
    grades = grades - moved + np.roll(moved, step, axis=-1)
    return np.stack([grades @ np.array(GRADES, float), grades @ np.square(GRADES, dtype=float)])


def false_alarms(rounds: int, *, devices: int = 1, uneven: float = 0.0, years: int = 2, seed: int = 0) -> float:
    """The number of alarms per year at a site where nothing changes."""
    found = 0
    for number in range(rounds):
        rng = np.random.default_rng([2 * seed + 1, devices, number])
        watched = site(rng, 52 * years, devices=devices, uneven=uneven)
        found += len(watched.alarms_since(date.min))
    return found / rounds / years


def found_within(
    rounds: int,
    weeks: int,
    signal: Signal,
    *,
    devices: int = 1,
    shift: Rates = _no_shift,
    refused: Rates = _as_usual,
    seed: int = 0,
) -> float:
    """The share of sites in which a chart of the signal reports the change in time."""
    found = 0
    for number in range(rounds):
        rng = np.random.default_rng([2 * seed + 2, devices, number])
        watched = site(rng, weeks, devices=devices, shift=shift, refused=refused)
        found += any(chart.signal is signal for chart, _ in watched.alarms_since(date.min))
    return found / rounds


def table(rounds: int, seed: int = 0) -> Iterator[str]:
    yield f"{rounds} simulated sites for each line, {STUDIES} studies a week, seed {seed}."
    yield ""
    yield "| what happens | one device | three devices |"
    yield "| --- | ---: | ---: |"
    alone, uneven = ([false_alarms(rounds, devices=n, uneven=u, seed=seed) for n in (1, 3)] for u in (0.0, 0.2))
    yield f"| nothing: alarms per year, of all charts | {alone[0]:.2f} | {alone[1]:.2f} |"
    yield f"| nothing, but refusals scatter by a fifth from week to week | {uneven[0]:.2f} | {uneven[1]:.2f} |"
    changes: dict[str, tuple[int, Signal, dict[str, Rates]]] = {
        "grades half a grade higher: seen within 2 weeks": (2, Signal.GRADE, {"shift": lambda week: 0.5 * (week >= 0)}),
        "grades half a grade lower: seen within 2 weeks": (2, Signal.GRADE, {"shift": lambda week: -0.5 * (week >= 0)}),
        "refusals rise from 5 to 10 %: seen within 6 weeks": (6, Signal.REFUSALS, {"refused": _doubled}),
    }
    for words, (weeks, signal, change) in changes.items():
        shares = [found_within(rounds, weeks, signal, devices=n, seed=seed, **change) for n in (1, 3)]
        yield f"| {words} | {shares[0]:.1%} | {shares[1]:.1%} |"


def _doubled(week: int) -> float:
    return 0.05 if week < 0 else 0.10


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("rounds", type=int, nargs="?", default=1000, help="simulated sites for each line")
    words.add_argument("--seed", type=int, default=0, help="of the simulated sites")
    asked = words.parse_args()
    for line in table(asked.rounds, asked.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
