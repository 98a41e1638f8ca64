"""The readings of the page as a flat table, without their comments, because a comment may name a patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from koa_worker.store.records.users import ExportedReading

COLUMNS = (
    *("study_key", "study_uid", "sop_uid", "file_id", "position", "side"),
    *("reader", "kl", "blind", "at", "withdrawn_at"),
    *("model_kl", "model", "site"),
)


def to_rows(exported: Iterable[ExportedReading]) -> Iterator[dict[str, Any]]:
    for one in exported:
        yield {name: getattr(one, name) for name in COLUMNS}
