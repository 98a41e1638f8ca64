"""The table that `koa-worker export --by study` prints: one row for each knee of a study, from all its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from koa_worker import RESEARCH_NOTICE
from koa_worker.knee_fields import review_fields
from koa_worker.store.export import IDENTITY_NAMES
from koa_worker.store.records.export import ExportedStudyKnee
from koa_worker.study.earlier import COMPARED, REPEATABLE_MM, Course
from koa_worker.study.knees import StudyKnee
from koa_worker.tables.table import write_csv, write_json
from koa_worker.values import GRADES, WIDTHS

_ROWS_AT_A_TIME = 10_000

_TEXT, _NUMBER, _SHARE, _TEXTS = pa.string(), pa.int32(), pa.float64(), pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("study_key", _TEXT),
        ("study_uid", _TEXT),
        ("side", _TEXT),
        ("images", _NUMBER),
        ("file_id", _TEXT),  # of the image whose grade stands for the knee
        ("sop_uid", _TEXT),
        ("knee", _NUMBER),  # its position in that image
        ("view", _TEXT),
        ("weight_bearing", pa.bool_()),
        ("kl", _NUMBER),
        ("confidence", _SHARE),
        ("oa_probability", _SHARE),
        ("agreement", _SHARE),
        ("strangeness", _SHARE),
        ("lowest_kl", _NUMBER),  # among all images of the knee
        ("highest_kl", _NUMBER),
        ("other_file_ids", _TEXTS),
        ("needs_review", pa.bool_()),
        ("review_reasons", _TEXTS),
        ("review_codes", _TEXTS),
        *((f"{name}_{width}", _SHARE) for name in COMPARED for width in WIDTHS),
        ("model", _TEXT),
        ("earlier_study_key", _TEXT),
        ("earlier_days", _NUMBER),
        ("earlier_kl", _NUMBER),
        ("kl_change", _NUMBER),
        *((f"{name}_change_mm", _SHARE) for name in COMPARED),
        ("not_compared", _TEXT),
        ("repeatable_mm", _SHARE),
        *((f"{shares}{kl}", _SHARE) for shares in ("p", "release_p") for kl in GRADES),
        ("site", _TEXT),  # SHA-256 of the site's scale; empty if the release's own scale is used
    ],
    metadata={"notice": RESEARCH_NOTICE},
)
COLUMNS = tuple(SCHEMA.names)
_WITH_IDENTITY = pa.schema([*SCHEMA, *((name, _TEXT) for name in IDENTITY_NAMES)], metadata=SCHEMA.metadata)


def to_rows(exported: Iterable[ExportedStudyKnee], schema: pa.Schema = SCHEMA) -> Iterator[dict[str, Any]]:
    """A value for each of the columns, in their order."""
    for one in exported:
        of_study = {"study_key": one.study_key, "study_uid": one.study_uid, **one.identity}
        course = _of_course(one.course) if one.course else {}
        yield dict.fromkeys(schema.names) | of_study | _of_knee(one.knee) | course


def _of_knee(line: StudyKnee) -> dict[str, Any]:
    seen, (lowest, highest) = line.stands, line.grades
    space = seen.joint_space
    return {
        "side": seen.side.value,
        "images": len(line.every),
        "file_id": seen.image,
        "sop_uid": seen.sop_uid,
        "knee": seen.position,
        "view": seen.view,
        "weight_bearing": seen.weight_bearing,
        "kl": seen.grade.kl,
        "confidence": seen.grade.confidence,
        "oa_probability": seen.grade.oa_probability,
        "agreement": seen.grade.agreement,
        "strangeness": seen.grade.strangeness,
        "lowest_kl": lowest,
        "highest_kl": highest,
        "other_file_ids": [other.image for other in line.others],
        **review_fields(line.review_reasons),
        **{f"{name}_{width}": space.width(name, width) for name in COMPARED for width in WIDTHS if space},
        "model": seen.grade.model,
        **{f"p{kl}": share for kl, share in zip(GRADES, seen.grade.probabilities, strict=True)},
        **{f"release_p{kl}": share for kl, share in zip(GRADES, seen.grade.by_release, strict=True)},
        "site": seen.grade.site or None,
    }


def _of_course(course: Course) -> dict[str, Any]:
    return {
        "earlier_study_key": course.then.study_key,
        "earlier_days": course.days,
        "earlier_kl": course.then.knee.stands.grade.kl,
        "kl_change": course.grade_change,
        **{f"{change.name}_change_mm": change.by_mm for change in course.spaces},
        "not_compared": course.not_compared.value if course.not_compared else None,
        "repeatable_mm": REPEATABLE_MM if course.spaces else None,
    }


def export_studies(
    exported: Iterable[ExportedStudyKnee], form: str, stream: TextIO, *, with_identity: bool = False
) -> None:
    schema = _WITH_IDENTITY if with_identity else SCHEMA
    rows = to_rows(exported, schema)
    match form:
        case "csv":
            write_csv(rows, stream, schema.names)
        case "json":
            write_json(rows, stream)
        case _:
            _write_parquet(rows, stream.buffer, schema)


def _write_parquet(rows: Iterable[dict[str, Any]], stream: BinaryIO, schema: pa.Schema) -> None:
    """Writes in parts, so that an archive of millions needs no more memory than a small one."""
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        part: list[dict[str, Any]] = []
        for row in rows:
            part.append(row)
            if len(part) == _ROWS_AT_A_TIME:
                writer.write_table(pa.Table.from_pylist(part, schema=schema))
                part = []
        writer.write_table(pa.Table.from_pylist(part, schema=schema))
