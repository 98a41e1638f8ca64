"""The dashboard: throughput, grades and confidence by day, drawn on the server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from flask import Blueprint, abort, render_template, request

from koa_worker import health
from koa_worker.errors import CATALOGUE
from koa_worker.knee.grading.site import fitted_to
from koa_worker.store import State
from koa_worker.store.page.day_counts import DayCount
from koa_worker.system.heartbeat import PAUSE_WORDS
from koa_worker.values import GRADES, Role
from koa_worker.watch.drift import Signal
from koa_worker.watch.words import sentences
from koa_worker.web import plots
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.blind import not_for_blind
from koa_worker.web.plots import Plot, Series

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")

RANGES = (30, 90, 365)
_SETTLED = (
    (State.COMPLETED, "Graded knees", "fill-a"),
    (State.REJECTED, "Rejected files", "fill-c"),
    (State.FAILED, "Failed files", "fill-b"),
    (State.DUPLICATE, "Duplicates", "fill-d"),
)
_A_WEEK = 7


@pages.get("")
@needs(Role.VIEW)
@not_for_blind
def show() -> str:
    wanted = request.args.get("days", str(RANGES[0]))
    if wanted not in map(str, RANGES):
        abort(400)
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(int(wanted)))]
    config, store = context().config, context().store
    counted = store.day_counts.between(days[0], days[-1])
    found = health.look(config, store, counts=False)
    return render_template(
        "dashboard.html",
        ranges=RANGES,
        days=len(days),
        counts=context().kept_counts.of_files(store, store.entries.stamp()),
        pace=store.counts.pace(),
        deliveries=found.stored.deliveries if found.stored else (),
        inbox=found.inbox,
        pulse=found.felt,
        concerns=[one for one in found.concerns if one.code != "not_running"],  # the page has its own sentence for that
        pause_words=PAUSE_WORDS,
        plots=[throughput(days, counted), distribution(days, counted), confidence(days, counted)],
        rejections=rejections(counted),
        catalogue=CATALOGUE,
    )


@pages.get("/drift")
@needs(Role.VIEW)
@not_for_blind
def drift() -> str:
    """The page of `koa-worker drift`."""
    config, store = context().config, context().store
    found = context().last_watch.of(store)
    fitted = fitted_to(Path(config.model.site)) if config.model.site else ()
    said = list(sentences(found.watched, fitted))
    return render_template("drift.html", sentences=said, watched=found.watched, at=found.at, Signal=Signal)


def throughput(days: Sequence[date], counted: Sequence[DayCount]) -> Plot:
    by_kind: Counter[tuple[State, date]] = Counter()
    for one in counted:
        by_kind[one.state, one.day] += one.count
    series = [Series(name, kind, [by_kind[state, day] for day in days]) for state, name, kind in _SETTLED]
    total = sum(by_kind[State.COMPLETED, day] for day in days)
    return plots.columns("Processed per day", f"{total} knees graded in {len(days)} days.", _labels(days), series)


def distribution(days: Sequence[date], counted: Sequence[DayCount]) -> Plot:
    by_grade: Counter[tuple[int, date]] = Counter()
    for one in counted:
        if one.kl is not None:
            by_grade[one.kl, one.day] += one.count
    sums = {day: sum(by_grade[kl, day] for kl in GRADES) for day in days}
    series = [
        Series(f"KL {kl}", f"fill-kl{kl}", [by_grade[kl, day] / sums[day] if sums[day] else None for day in days])
        for kl in GRADES
    ]
    total = sum(sums.values())
    shares = ", ".join(
        f"KL {kl} {plots.written(sum(by_grade[kl, day] for day in days) / total)}" for kl in GRADES if total
    )
    says = f"Share of each grade. In total: {shares}." if total else "No knee was graded."
    return plots.columns("Grades over time", says, _labels(days), series, shares=True)


def confidence(days: Sequence[date], counted: Sequence[DayCount]) -> Plot:
    sums: defaultdict[date, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in counted:
        if one.kl is not None:
            sums[one.day][0] += one.confidence_sum
            sums[one.day][1] += one.count
    means = [sums[day][0] / sums[day][1] if sums[day][1] else None for day in days]
    last, before = _mean(sums, days[-_A_WEEK:]), _mean(sums, days[:-_A_WEEK])
    says = "The mean probability of the stated grade."
    if last is not None and before is not None:
        says += f" Last week: {plots.written(last)}. Before: {plots.written(before)}."
    return plots.line(
        "Mean confidence", says, _labels(days), Series("Mean confidence", "stroke-a", means), within=(0.0, 1.0)
    )


def rejections(counted: Sequence[DayCount]) -> list[tuple[str, int, float]]:
    """Code, count, and the count as a share of the largest count."""
    by_code: Counter[str] = Counter()
    for one in counted:
        if one.state is State.REJECTED:
            by_code[one.code or ""] += one.count
    most = max(by_code.values(), default=1)
    return [(code, count, count / most) for code, count in by_code.most_common()]


def _mean(sums: dict[date, list[float]], days: Sequence[date]) -> float | None:
    total, count = (sum(sums[day][part] for day in days if day in sums) for part in (0, 1))
    return total / count if count else None


def _labels(days: Sequence[date]) -> list[str]:
    return [day.isoformat() for day in days]
