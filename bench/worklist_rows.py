"""A large archive for `bench.worklist`: studies of two knees each, rejects, a queue, readings and assignments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select, update

from koa_worker.store import State
from koa_worker.store.database.engine import connect, migrate
from koa_worker.store.database.schema import (
    AssignmentRow,
    Base,
    ChangedDay,
    FileRow,
    GradeRow,
    ImageRow,
    IndexLine,
    KneeRow,
    ModelRow,
    ReaderGradeRow,
    StudyRow,
    Word,
)
from koa_worker.store.encoding.pictures import encode_heatmap
from koa_worker.store.search_words import LONGEST_WORD, plain, words_of
from koa_worker.values import Laterality, Side, SpacingSource

Rows = dict[type[Base], list[dict[str, Any]]]

FILES_AT_A_TIME = 5_000
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HISTORY = timedelta(days=1500)
CODES = ("no_knee", "not_an_image", "broken", "too_large")
SYLLABLES = (
    "an",
    "ber",
    "do",
    "el",
    "fi",
    "gor",
    "hil",
    "iva",
    "ka",
    "lem",
    "mo",
    "nov",
    "os",
    "pet",
    "ri",
    "sen",
    "ta",
)
HEATMAP = encode_heatmap(np.zeros((7, 7), np.float32))
DIGEST = "d" * 64
DETAILS = tuple(
    {"manufacturer": maker, "model": "Wall stand", "exposure": 0.1 * number}
    for number, maker in enumerate(("Maker A", "Maker B", "Maker C"))
)


# Studies of each reader, the oldest ones; the first half of them is read.
ASSIGNED = {"local": 5_000, "boris": 100}


def fill(path: Path, knees: int) -> None:
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    files = knees // 2
    made = generate(files, random.Random(1))
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA synchronous = OFF")  # a database that is thrown away
        with connection.begin():
            connection.execute(insert(ModelRow), [{"digest": DIGEST, "name": "net-v1", "first_used_at": NOW - HISTORY}])
        while batch := list(islice(made, FILES_AT_A_TIME)):
            with connection.begin():
                write(connection, batch)
        with connection.begin():
            days = select(IndexLine.day).where(IndexLine.day.is_not(None)).distinct()
            connection.execute(insert(ChangedDay).from_select(["day"], days))
    engine.dispose()


def write(connection: Connection, batch: list[Rows]) -> None:
    for table in (StudyRow, FileRow, ImageRow, KneeRow, GradeRow, IndexLine, Word):
        rows = [row for made in batch for row in made.get(table, [])]
        if rows:
            connection.execute(insert(table), rows)


def generate(count: int, chance: random.Random) -> Iterator[Rows]:
    """A file at a time, oldest first: of 100, 93 graded, 5 rejected, 2 duplicates; at the end some that wait."""
    for number in range(count * 100 // 93 + 200):
        at = NOW - HISTORY * (1 - number / (count * 100 / 93 + 200))
        fate = (
            State.WAITING
            if number >= count * 100 // 93
            else chance.choices((State.COMPLETED, State.REJECTED, State.DUPLICATE), (93, 5, 2))[0]
        )
        yield one_file(number, at, fate, chance)


def one_file(number: int, at: datetime, fate: State, chance: random.Random) -> Rows:
    file_id = f"{chance.getrandbits(128):032x}"
    study = one_study(number, at, chance) if fate in {State.COMPLETED, State.REJECTED} else None
    code = chance.choice(CODES) if fate is State.REJECTED else None
    settled_at = at + timedelta(seconds=5) if fate is not State.WAITING else None
    file = {
        "id": file_id, "sha256": f"{number:064x}", "size": 8_000_000, "name": f"IM{number}.dcm", "state": fate,
        "code": code, "arrived_at": at, "settled_at": settled_at, "study_key": study and study["key"],
        "starts": 1, "tries": 0, "filed_as": "done/x",
    }  # fmt: skip
    line = {
        "file_id": file_id, "knee_id": None, "arrived_at": at, "state": fate, "kl": None, "side": Side.UNKNOWN,
        "needs_review": False, "code": code, "day": settled_at and settled_at.date(), "confidence": None,
        "patient": plain(study["patient_name"])[:LONGEST_WORD] if study else "", "examined": study and study["date"],
        "right_kl": None, "left_kl": None, "readers": None,
    }  # fmt: skip
    rows: Rows = {FileRow: [file], IndexLine: [line]}
    found_by = [(False, word) for word in words_of(code or "")]
    if study:
        rows[StudyRow] = [study]
        said = (study["patient_id"], study["accession"], study["patient_name"], study["description"])
        found_by += [(True, word) for word in words_of(*said)]
    rows[Word] = [
        {"names_patient": private, "word": word, "arrived_at": at, "file_id": file_id} for private, word in found_by
    ]
    if fate is State.COMPLETED and study:
        graded = [one_knee(number * 2 + position, position, chance) for position in range(2)]
        rows |= {
            ImageRow: [one_image(number, file_id, study["key"])],
            KneeRow: [knee | {"file_id": file_id} for knee, _ in graded],
            GradeRow: [grade for _, grade in graded],
            IndexLine: [
                line | {"knee_id": knee["id"], "side": knee["side"], "readers": 0}
                | {"right_kl": graded[0][1]["kl"], "left_kl": graded[1][1]["kl"]}
                | {name: grade[name] for name in ("kl", "needs_review", "confidence")}
                for knee, grade in reversed(graded)  # a page shows the last line first
            ],
        }  # fmt: skip
    return rows


def share_out(path: Path) -> None:
    """Assigns studies, and has half of them read."""
    oldest = (
        select(FileRow.study_key)
        .where(FileRow.state == State.COMPLETED, FileRow.study_key.is_not(None))
        .order_by(FileRow.arrived_at)
    )
    engine = connect(f"sqlite:///{path}")
    with engine.begin() as connection:
        if connection.execute(select(AssignmentRow.id).limit(1)).first():
            return
        for reader, count in ASSIGNED.items():
            keys = list(connection.scalars(oldest.limit(count)))
            to = {"reader": reader, "by": "local", "at": NOW, "ended_at": None}
            connection.execute(insert(AssignmentRow), [{"study_key": key, **to} for key in keys])
            knees = connection.execute(
                select(KneeRow.id, GradeRow.id.label("grade"), KneeRow.file_id)
                .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
                .join(GradeRow, GradeRow.knee_id == KneeRow.id)
                .where(ImageRow.study_key.in_(keys[: count // 2]))
            ).all()
            said = {"reader": reader, "kl": 1, "comment": "", "at": NOW, "blind": None, "withdrawn_at": None}
            read = [{"knee_id": knee.id, "grade_id": knee.grade, **said} for knee in knees]
            connection.execute(insert(ReaderGradeRow), read)
            files = {knee.file_id for knee in knees}
            connection.execute(update(IndexLine).where(IndexLine.file_id.in_(files)).values(readers=1))
    engine.dispose()


def one_study(number: int, at: datetime, chance: random.Random) -> dict[str, Any]:
    return {
        "key": f"{chance.getrandbits(128):032x}", "study_uid": f"1.2.{number}", "patient_name": name(chance),
        "patient_id": f"P{chance.randrange(300_000):06d}", "patient_birth_date": None, "patient_sex": "F",
        "accession": f"A-{number:07d}", "description": chance.choice(("Knee standing PA", "Both knees", "Knie a.p.")),
        "institution": "", "date": at.replace(tzinfo=None), "changes": 1, "reported_changes": 1, "created_at": at,
    }  # fmt: skip


def name(chance: random.Random) -> str:
    return " ".join("".join(chance.choices(SYLLABLES, k=chance.randint(2, 3))).title() for _ in range(2))


def one_image(number: int, file_id: str, study_key: str) -> dict[str, Any]:
    return {
        "file_id": file_id, "study_key": study_key, "sop_uid": f"1.2.{number}.1", "series_uid": "", "sop_class_uid": "",
        "modality": "DX", "body_part": "KNEE", "view": "PA", "laterality": Laterality.BOTH, "column_zero_side": "R",
        "format": "DICOM", "width": 2000, "height": 2500, "row_mm": None, "column_mm": None,
        "spacing_source": SpacingSource.NONE, "details": DETAILS[number % len(DETAILS)], "conflicts_with": None,
        "patient_differs": False,
    }  # fmt: skip


def one_knee(knee_id: int, position: int, chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    kl = chance.choices(range(5), (40, 18, 26, 13, 3))[0]
    confidence = chance.uniform(0.35, 0.95)
    others = (1 - confidence) / 4
    knee = {
        "id": knee_id, "position": position, "side": (Side.RIGHT, Side.LEFT)[position],
        "x": 100 + 900 * position, "y": 900, "width": 500, "height": 500, "whole_frame": False,
    }  # fmt: skip
    grade = {
        "knee_id": knee_id, "model_digest": DIGEST, "software_version": "1", "is_current": True, "kl": kl,
        "confidence": confidence, "oa_probability": 0.5, "agreement": 1.0, "needs_review": chance.random() < 0.08,
        "review_reasons": [], "heatmap": HEATMAP, "graded_at": NOW,
    } | {f"p{grade}": confidence if grade == kl else others for grade in range(5)}  # fmt: skip
    return knee, grade
