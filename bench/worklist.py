"""`python -m bench.worklist --rows 1000000`: how quick the worklist is when the archive is large.

Fills a new database (or takes the one that `--database` names, if it is there) with studies of two knees each, some
rejects and a queue, and asks for the page and for each filter as a browser would.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert

from koa_worker.config import Config
from koa_worker.intake import prepare_folders
from koa_worker.store import Cursor, State, Store
from koa_worker.store.database.engine import connect, migrate
from koa_worker.store.database.schema import (
    Base,
    FileRow,
    GradeRow,
    ImageRow,
    IndexLine,
    KneeRow,
    ModelRow,
    StudyRow,
    Word,
)
from koa_worker.store.encoding.pictures import encode_heatmap
from koa_worker.store.search_words import words_of
from koa_worker.values import Laterality, Side, SpacingSource
from koa_worker.web import create_app

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


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=1_000_000, help="graded knees")
    words.add_argument("--database", type=Path, help="kept afterwards; used as it is if it is there")
    words.add_argument("--repeats", type=int, default=40, help="of each question")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.database or Path(folder) / "koa.sqlite3"
        if not path.exists():
            fill(path, asked.rows)
        measure(path, asked.repeats)


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
                line | {"knee_id": knee["id"], "side": knee["side"]}
                | {name: grade[name] for name in ("kl", "needs_review", "confidence")}
                for knee, grade in reversed(graded)  # a page shows the last line first
            ],
        }  # fmt: skip
    return rows


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


QUESTIONS: dict[str, dict[str, str | list[str]]] = {
    "first page": {},
    "a page in the middle": {"after": str(Cursor(needs_review=False, at=NOW - HISTORY / 2, id=0))},
    "review first": {"first": "review"},
    "waiting": {"state": "waiting"},
    "rejected": {"state": "rejected"},
    "KL 4": {"kl": "4"},
    "KL 4, left, to review": {"kl": "4", "side": "left", "review": "yes"},
    "to review": {"review": "yes"},
    "right": {"side": "right"},
    "unread by me": {"read": "unread"},
    "read by me": {"read": "done"},
    "to review, unread by all": {"review": "yes", "read": "nobody"},
    "a month, two years ago": {"from": "2024-05-01", "to": "2024-05-31"},
    "an id": {"text": "p012345"},
    "a name's beginning": {"text": "ivanov"},
    "two words": {"text": "ivanov both"},
    "two words, rarely together": {"text": "ivanov p01"},
    "a word of half the studies": {"text": "knee"},
    "half the studies, KL 3, a month": {"text": "standing", "kl": "3", "from": "2026-04-01", "to": "2026-04-30"},
    "an error code": {"text": "no_knee"},
    "nothing": {"text": "zzzz"},
}


def measure(path: Path, repeats: int) -> None:
    """Each page as it leaves the server: the query, the counts at the top, the template."""
    table = Table("asked", "lines", "median, ms", "95 %, ms", "CPU, ms", title="The worklist's page on the server")
    settings = Config.model_validate({"store": {"url": f"sqlite:///{path}"}}).below(path.parent)
    prepare_folders(settings.folders)
    with Store.open(settings.store.url) as store:
        client = create_app(settings, store).test_client()
        token = client.get("/api/v1/me").json["csrf"]
        answers = {
            asked: lambda form=form: (  # type: ignore[misc]
                client.post("/", data=form, headers={"X-CSRF-Token": token}, follow_redirects=True)
                if "text" in form
                else client.get("/", query_string=form)
            )
            for asked, form in QUESTIONS.items()
        }
        answers |= {
            f"dashboard, {days} days": lambda days=days: client.get(f"/dashboard?days={days}")  # type: ignore[misc]
            for days in (30, 365)
        }
        begin = time.process_time()
        client.get("/dashboard/drift")
        print(f"The weeks of the watch, counted: {time.process_time() - begin:.1f} s of the processor")
        answers["the weeks, within an hour of that"] = lambda: client.get("/dashboard/drift")
        for asked, answer in answers.items():
            page = answer()
            assert page.status_code == 200, page.text
            walls, start = [], time.process_time()
            for _ in range(repeats):
                begin = time.perf_counter()
                answer()
                walls.append((time.perf_counter() - begin) * 1e3)
            cpu = (time.process_time() - start) * 1e3 / repeats
            percentile = statistics.quantiles(walls, n=20)[-1]
            lines = max(page.text.count('role="row"') - 1, 0)
            table.add_row(asked, str(lines), f"{statistics.median(walls):.1f}", f"{percentile:.1f}", f"{cpu:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
