"""Writes results as Parquet: each part file appears complete, and the same rows give the same bytes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from koa_worker import RESEARCH_NOTICE, knee_fields
from koa_worker.batch.entries import Row
from koa_worker.system import durable

_TEXT = ("file_id", "source", "sha256")
_OF_STUDY = ("study_uid", "series_uid", "sop_uid", "modality", "view", "format")
_TYPES = {
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
    list[str]: pa.list_(pa.string()),
}
_NARROW = {"turned": pa.int8(), "kl": pa.int8()}

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXT),
        ("size", pa.int64()),
        ("outcome", pa.string()),
        ("code", pa.string()),
        ("detail", pa.string()),
        *((name, pa.string()) for name in _OF_STUDY),
        ("image_width", pa.int32()),
        ("image_height", pa.int32()),
        ("row_mm", pa.float64()),
        ("column_mm", pa.float64()),
        ("spacing_source", pa.string()),
        *((name, _NARROW.get(name, _TYPES[kind])) for name, kind in knee_fields.COLUMNS.items()),
        ("refused", pa.string()),
        ("legs", pa.int32()),
        ("model", pa.string()),
        ("model_digest", pa.string()),
        ("software_version", pa.string()),
    ],
    metadata={"notice": RESEARCH_NOTICE},
)


def part_path(folder: Path, part: int) -> Path:
    return folder / f"part-{part:06}.parquet"


def write_part(folder: Path, part: int, rows: Sequence[Row]) -> None:
    """Replaces the part; a reader sees the old or the new one, never an incomplete one."""
    path = part_path(folder, part)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # readers of data sets ignore such names
    with durable.whole_file(path, unfinished, exclusive=True) as stream:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), stream, compression="zstd")


def sweep(folder: Path) -> None:
    """Removes incomplete files that a kill left."""
    durable.sweep(folder, ".part-*.parquet.*")
