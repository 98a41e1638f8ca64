"""An archive in an object store that answers late, beside the same archive in a folder: how much waiting remains."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from bench import throughput
from bench.page import Section
from bench.speed import draw, rate
from tests.object_store import BUCKET, serving

LATE_BY_MS, QUICK_LATE_BY_MS = (0, 50, 100, 200), (100,)
FILES, QUICK_FILES = 60, 10


def measure_remote(*, quick: bool) -> Section:
    files = QUICK_FILES if quick else FILES
    workers = sorted({1, min(2, len(os.sched_getaffinity(0)))})
    with tempfile.TemporaryDirectory(prefix="koa-remote-", dir=os.environ.get("TMPDIR")) as place:
        folder = Path(place)
        throughput.fill(folder / "archive", [*draw(folder, "explicit")], range(files))
        objects = {f"knees/{path.name}": path.read_bytes() for path in (folder / "archive").iterdir()}
        local = [rate(str(folder / "archive"), folder / f"local-{count}", count) for count in workers]
        rows = [_row("a folder", "", local, local)]
        for late_by_ms in QUICK_LATE_BY_MS if quick else LATE_BY_MS:
            with serving(objects, late_by_ms / 1e3) as found_by, patch.dict(os.environ, found_by):
                found = [rate(f"s3://{BUCKET}/knees", folder / f"{late_by_ms}-{count}", count) for count in workers]
            rows.append(_row("an object store", f"{late_by_ms}", found, local))
    names = [f"{count} worker{'s' * (count > 1)}" for count in workers]
    return Section(
        title="An archive in an object store",
        note=f"`batch` over {files} bilateral plates of 2000×2500, files a second: from a folder, and from a server "
        "that speaks S3 and gives each of its answers late. The client asks for each file twice.",
        columns=("archive", "late by, ms", *names, *(f"÷ a folder, {name}" for name in names)),
        rows=tuple(rows),
    )


def _row(name: str, late_by_ms: str, rates: list[float], local: list[float]) -> tuple[str, ...]:
    ratios = (f"{found / best:.2f}" for found, best in zip(rates, local, strict=True))
    return (name, late_by_ms, *(f"{one:.1f}" for one in rates), *ratios)
