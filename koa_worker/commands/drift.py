"""The table of `koa-worker drift`: one row for each complete week and device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from koa_worker.values import GRADES
from koa_worker.watch.drift import Device, Signal, Watched, Week

COLUMNS = (
    *("week", "manufacturer", "model", "institution"),
    *(f"kl{kl}" for kl in GRADES),
    *(name for signal in Signal for name in (signal.value, f"{signal.value}_count")),
)


def to_rows(watched: Watched) -> Iterator[dict[str, Any]]:
    """A value for each of `COLUMNS`; grades are counts of knees, the others means of studies or files."""
    for device, weeks in watched.by_device.items():
        for week in weeks:
            yield dict(zip(COLUMNS, _values(device, week), strict=True))


def _values(device: Device, week: Week) -> Iterator[Any]:
    yield from (week.first.isoformat(), device.manufacturer, device.model, device.institution, *week.grades)
    for signal in Signal:
        sample = week.samples.get(signal)
        counted = sample is not None and sample.count > 0
        yield round(sample.mean, 4) if sample is not None and counted else None
        yield sample.count if sample is not None else 0
