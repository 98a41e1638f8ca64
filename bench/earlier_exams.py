"""The time to find the earlier exam of a patient: `python -m bench.earlier_exams [--patients N] [--postgres]`.

Fills a store with a study of each patient and a second one of some, a thousand of them under the id "0", and queries
the exams of a patient with two studies, of one with one study, and of that id. With --postgres also on a PostgreSQL
server of its own, as the tests start one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine, insert, select, text

from koa_worker.store import State, Store
from koa_worker.store.database.schema import FileRow, GradeRow, ImageRow, KneeRow, ModelRow, StudyRow, table_of
from koa_worker.store.encoding import joint_space
from koa_worker.store.study.patient_exams import EARLIER, NEWEST, OTHERS, patient_exams, renew_later
from koa_worker.values import Compartment, CompartmentName, JointSpace, Laterality, Side, SpacingSource

AT = datetime(2026, 1, 1, tzinfo=UTC)
SHARED_ID = 1_000  # patients under the id "0"
TWICE = 2_000  # patients with two studies; only these have images
PART = 20_000
LINE = tuple((float(x), 100.0) for x in range(60))
WIDTHS = (0.05, 0.06, 4.0, 5.0)
SPACE = JointSpace(
    (
        Compartment(CompartmentName.MEDIAL, True, *WIDTHS, LINE, LINE),
        Compartment(CompartmentName.LATERAL, True, *WIDTHS, LINE, LINE),
    ),
    SpacingSource.DETECTOR,
    500.0,
)


def study(number: int, count: int) -> dict[str, Any]:
    patient = number % count
    shared = patient < SHARED_ID
    return {
        "key": f"{number:032x}",
        "study_uid": f"2.25.{number}",
        "patient_name": "",
        "patient_id": "0" if shared else f"P{patient:09}",
        "patient_issuer": "" if patient % 2 else "Hospital",
        "patient_birth_date": date(1930, 1, 1) + timedelta(days=patient % 20_000),
        "patient_sex": "F",
        "accession": "",
        "description": "",
        "institution": "",
        "date": datetime(2020, 1, 1) + timedelta(days=(number // count) * 400 + patient % 300),  # noqa: DTZ001
        "changes": 1,
        "reported_changes": 1,
        "created_at": AT,
    }


def fill(database: Engine, count: int) -> None:
    """Adds all studies; those of patients with two studies have an image with two graded knees."""
    space = joint_space.to_json(SPACE)
    with database.begin() as connection:
        connection.execute(insert(table_of(ModelRow)), {"digest": "d", "name": "net-v1", "first_used_at": AT})
    every = count + TWICE
    for start in range(0, every, PART):
        rows = [study(number, count) for number in range(start, min(start + PART, every))]
        with database.begin() as connection:
            connection.execute(insert(table_of(StudyRow)), rows)
    for numbers in (range(TWICE), range(count, every)):
        with database.begin() as connection:
            for table, rows in (
                (FileRow, [_file(number) for number in numbers]),
                (ImageRow, [_image(number) for number in numbers]),
                (KneeRow, [knee for number in numbers for knee in _knees(number)]),
                (GradeRow, [_grade(knee["id"], space) for number in numbers for knee in _knees(number)]),
            ):
                connection.execute(insert(table_of(table)), rows)
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))


def _file(number: int) -> dict[str, Any]:
    of_time = {"arrived_at": AT, "settled_at": AT, "starts": 1, "tries": 0}
    named = {"id": f"f{number:031x}", "sha256": f"{number:064x}", "size": 1, "name": "", "study_key": f"{number:032x}"}
    return named | of_time | {"state": State.COMPLETED}


def _image(number: int) -> dict[str, Any]:
    texts = dict.fromkeys(("series_uid", "sop_class_uid", "modality", "body_part", "column_zero_side"), "")
    size = {"width": 2000, "height": 2500, "row_mm": 0.15, "column_mm": 0.15}
    kind = {"laterality": Laterality.BOTH, "format": "DICOM", "spacing_source": SpacingSource.DETECTOR, "details": {}}
    named = {"file_id": f"f{number:031x}", "study_key": f"{number:032x}", "sop_uid": f"2.25.{number}.1", "view": "PA"}
    return named | texts | size | kind | {"patient_differs": False, "conflicts_with": None, "weight_bearing": True}


def _knees(number: int) -> Iterator[dict[str, Any]]:
    for position, side in enumerate((Side.RIGHT, Side.LEFT)):
        place = {"x": 900 * position, "y": 0, "width": 900, "height": 900, "whole_frame": False, "turned": 0}
        known = {"id": 2 * number + position + 1, "file_id": f"f{number:031x}", "position": position, "side": side}
        yield known | place


def _grade(knee_id: int, space: Any) -> dict[str, Any]:
    shares = {f"p{kl}": 0.2 for kl in range(5)}
    maker = {"model_digest": "d", "software_version": "1", "is_current": True, "graded_at": AT, "heatmap": b""}
    numbers = {"kl": knee_id % 5, "confidence": 0.6, "oa_probability": 0.5, "agreement": 1.0, "strangeness": -3.0}
    return (
        {"knee_id": knee_id}
        | shares
        | maker
        | numbers
        | {
            "needs_review": False,
            "review_reasons": [],
            "joint_space": space,
        }
    )


def ask(store: Store, count: int) -> None:
    asked = {"seen twice": count + SHARED_ID + 7, "seen once": TWICE + 7, "the id “0”": count + 7}
    with store.sessions.reading.connect() as connection:
        for what, number in asked.items():
            row = connection.execute(select(table_of(StudyRow)).where(StudyRow.key == f"{number:032x}")).one()
            for verb in (patient_exams, partial(renew_later, at=AT)):
                name = getattr(verb, "__name__", renew_later.__name__)
                _time(f"{name}, {what}", connection, verb, row)
            connection.rollback()
        _explain(connection, row)


def _time(what: str, connection: Any, verb: Any, row: Any, times: int = 200) -> None:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        found = verb(connection, row)
        spent.append((time.perf_counter() - start) * 1e3)
    exams = len(getattr(found, "earlier", ()))
    worst = statistics.quantiles(spent, n=100)[98]
    print(f"{what}: median {statistics.median(spent):.2f} ms, 99 % {worst:.2f} ms, {exams} earlier exams")


def _explain(connection: Any, row: Any) -> None:
    """The plan of each statement, which has to name the index and no scan."""
    word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    whose = {
        "patient_id": row.patient_id,
        "patient_issuer": row.patient_issuer,
        "birth_date": row.patient_birth_date,
        "key": row.key,
        "day": row.date,
        "after": row.date,
    }
    for name, statement in (("earlier", EARLIER), ("newest", NEWEST), ("other birth dates", OTHERS)):
        compiled = statement.params(**whose).compile(connection, compile_kwargs={"literal_binds": True})
        print(f"{name}:")
        for line in connection.exec_driver_sql(f"{word} {compiled}"):
            print("   ", line[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="koa-exams-") as place:
        run(f"sqlite:///{place}/koa.sqlite3", settings.patients)
    if settings.postgres:
        from tests.postgres import serving

        with serving() as server:
            run(server.database(), settings.patients)


def run(url: str, count: int) -> None:
    start = time.perf_counter()
    with Store.open(url) as store:
        fill(store.sessions.writing, count)
        print(
            f"{store.sessions.writing.dialect.name}, {count:,} patients, filled in {time.perf_counter() - start:.0f} s"
        )
        ask(store, count)


if __name__ == "__main__":
    main()
