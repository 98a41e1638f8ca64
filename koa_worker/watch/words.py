"""The results of `koa-worker drift` as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koa_worker.watch.cusum import Alarm
from koa_worker.watch.drift import BASELINE_WEEKS, LATELY, Chart, Signal, Watched

_NAMES = {
    Signal.GRADE: "The mean grade",
    Signal.STRANGENESS: "The mean strangeness",
    Signal.EXPOSURE: "The mean exposure",
    Signal.REFUSALS: "The share of refused files",
}


def sentence(chart: Chart, alarm: Alarm) -> str:
    """One alarm as a sentence."""
    where = f" of {chart.device}" if chart.device else ""
    usual, found = (_number(chart.signal, value) for value in (alarm.usual, alarm.found))
    weeks = f"in the week of {alarm.week}" if alarm.since == alarm.week else f"from {alarm.since} to {alarm.week}"
    return f"{_NAMES[chart.signal]}{where} is no longer as it was: {found} {weeks} (by Monday), {usual} before."


def sentences(watched: Watched, fitted_to: Sequence[int]) -> Iterator[str]:
    """Sentences about recent changes, charts that are not judged yet, and the knees that the scale was fitted to."""
    found = watched.lately()
    yield from (sentence(chart, alarm) for chart, alarm in found)
    judged = [chart for chart in watched.charts if chart.baseline]
    if not judged:
        yield f"Nothing is judged yet: the first {BASELINE_WEEKS} complete weeks show what is usual."
    elif not found:
        yield f"Nothing has changed in the last {LATELY.days // 7} weeks, in {len(judged)} charts."
    if fitted_to and (baseline := _grade_baseline(watched)):
        mean = sum(kl * count for kl, count in enumerate(fitted_to)) / sum(fitted_to)
        yield (
            f"The site's scale was fitted to {sum(fitted_to)} knees with a mean grade of {mean:.2f}; the first weeks"
            f" had {baseline:.2f}. The two differ where knees were chosen for the fit by their grade."
        )


def _grade_baseline(watched: Watched) -> float | None:
    for chart in watched.charts:
        if chart.signal is Signal.GRADE and chart.device is None and chart.baseline:
            return chart.baseline.mean
    return None


def _number(signal: Signal, value: float) -> str:
    return f"{value:.1%}" if signal is Signal.REFUSALS else f"{value:.2f}"
