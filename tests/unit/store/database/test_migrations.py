"""A store of every earlier version is migrated with all its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from koa_worker.report import words
from koa_worker.store import Store
from koa_worker.store.database.engine import connect
from koa_worker.store.database.migrations import configuration
from koa_worker.store.database.schema import IndexLine
from koa_worker.store.encoding.pictures import encode_heatmap
from koa_worker.store.page.worklist_values import Sort, Wanted
from koa_worker.store.records.export import ExportedKnee, ExportedRefusal
from koa_worker.values import Box, KneeRoi, RefusedKnee, ReviewCode, ReviewReason, Side

SENTENCES = {
    "The other knee was not found in the picture.": ReviewReason(ReviewCode.OTHER_KNEE_NOT_FOUND),
    "This model release cannot tell a knee from other pictures: see that it is one.": ReviewReason(
        ReviewCode.NOT_CHECKED
    ),
    "The picture looks unlike the knees that the net was trained on.": ReviewReason(ReviewCode.UNUSUAL),
    "The edge of the picture cuts off 7% of the joint's width.": ReviewReason(ReviewCode.CUT_OFF, 0.07),
    "The picture was turned by 270° anticlockwise to stand upright.": ReviewReason(ReviewCode.TURNED, 270),
    "The confidence, 57%, is below 59%.": ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.57, 0.59),
    "Only 3 of 12 looks at the knee give this grade.": ReviewReason(ReviewCode.LOW_AGREEMENT, 3, 12),
    "Looks at the knee differ by two grades or more (KL 1 to KL 3).": ReviewReason(ReviewCode.DISAGREEMENT, 1, 3),
    "Borderline between KL 1 and KL 2: the probability of KL 2 or more is 47%.": ReviewReason(
        ReviewCode.BORDERLINE, 0.47
    ),
    "Somebody's {own} words: 100%.": ReviewReason(ReviewCode.OTHER, text="Somebody's {own} words: 100%."),
}
TODAY = (
    "The other knee was not found in the image.",
    "This model release cannot tell a knee from other images; check that it is a knee.",
    "The image differs from the knees that the model was trained on.",
    "The edge of the image cuts off 7% of the joint's width.",
    "The image was rotated by 270° anticlockwise to be upright.",
    "The confidence, 57%, is below 59%.",
    "Only 3 of 12 model predictions agree with this grade.",
    "Model predictions differ by two grades or more (KL 1 to KL 3).",
    "Borderline between KL 1 and KL 2: the probability of KL 2 or more is 47%.",
    "Somebody's {own} words: 100%.",
)
HEATMAP = encode_heatmap(np.zeros((7, 7), np.float32))
EMPTY = {"laterality": "unknown"}
AT = datetime(2026, 1, 2, tzinfo=UTC)
STEPS = tuple(step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions())
WITH_SENTENCES = sorted(step for step in STEPS if step < "0009")


def fill(url: str, revision: str, reasons: dict[int, list[str]]) -> None:
    """A store of that shape with one file, and a knee for each list of reasons."""
    engine = connect(url)
    with engine.begin() as connection:
        settings = configuration()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        put("studies", key="s", study_uid="1.2", created_at=AT)
        put("files", id="f", sha256="aa", state="completed", arrived_at=AT, settled_at=AT, study_key="s")
        put("images", file_id="f", study_key="s", details={}, width=9, height=9, spacing_source="none")
        put("models", digest="d", name="net-v1", first_used_at=AT)
        for number, said in reasons.items():
            put("knees", id=number, file_id="f", position=number, side="left")
            shares = {f"p{kl}": 0.2 for kl in range(5)}
            of_knee = {"knee_id": number, "needs_review": bool(said), "review_reasons": said, "graded_at": AT}
            put("grades", id=number, model_digest="d", is_current=True, heatmap=HEATMAP, **shares, **of_knee)
            if "worklist_lines" in tables.tables:
                line = {"knee_id": number, "needs_review": bool(said), "kl": 0, "side": "left"}
                put("worklist_lines", id=number, file_id="f", arrived_at=AT, state="completed", **line)
    engine.dispose()


@dataclass(frozen=True)
class Putter:
    """Puts a row into a table; what is not given is empty, nought or false."""

    connection: sa.Connection
    tables: sa.MetaData

    def __call__(self, name: str, /, **given: Any) -> None:
        table = self.tables.tables[name]
        needed = [column for column in table.columns if not column.nullable and column.name not in given]
        empty = {column.name: EMPTY.get(column.name, column.type.python_type()) for column in needed}
        self.connection.execute(table.insert().values({**empty, **given}))


def reasons_in(store: Store) -> list[tuple[ReviewReason, ...]]:
    return [row.grade.review_reasons for row in store.export.rows() if isinstance(row, ExportedKnee)]


@pytest.mark.parametrize("revision", WITH_SENTENCES)
def test_reasons_of_every_earlier_store_become_codes(url: str, revision: str) -> None:
    fill(url, revision, {1: list(SENTENCES), 2: []})
    with Store.open(url) as store:
        flagged, clear = reasons_in(store)
        rows = store.worklist.page(Wanted()).rows
    assert flagged == tuple(SENTENCES.values())
    assert clear == ()
    assert {row.needs_review for row in rows} == {True, False}
    assert {row.review_reasons for row in rows} == {flagged, clear}


def test_an_image_of_an_earlier_store_is_its_own_source_and_has_no_digests(url: str) -> None:
    fill(url, "0009", {1: []})
    with Store.open(url) as store:
        source = store.files.source("f")
    assert source is not None
    assert source.id == "f"
    engine = connect(url)
    with engine.connect() as connection:
        said = sa.text("SELECT source_id, pixels_digest, shown_digest, header_digest FROM images")
        assert [tuple(row) for row in connection.execute(said)] == [("f", "", "", "")]
    engine.dispose()


def test_more_grades_than_are_read_at_once_are_all_changed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koa_worker.store.database.migrations.versions.v0009_review_reasons.BATCH", 2)
    sentence = next(iter(SENTENCES))
    fill(url, "0008", {number: [sentence] * (number % 3) for number in range(1, 12)})
    with Store.open(url) as store:
        assert [len(reasons) for reasons in reasons_in(store)] == [number % 3 for number in range(1, 12)]
        assert {reason.code for reasons in reasons_in(store) for reason in reasons} == {ReviewCode.OTHER_KNEE_NOT_FOUND}


def test_images_of_a_reported_study_get_numbers_as_they_arrived(url: str) -> None:
    fill(url, "0009", {})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        put("reports", study_key="s", revision=1)
        put("studies", key="t", study_uid="1.3", created_at=AT)
        for name, study, hours in (("e", "s", -1), ("g", "s", 0), ("h", "t", 0)):
            arrived = AT + timedelta(hours=hours)
            put("files", id=name, sha256=name, state="completed", arrived_at=arrived, study_key=study)
            put("images", file_id=name, study_key=study, details={}, spacing_source="none")
    with Store.open(url) as store:
        assert store.reports.owed() == ()
    with engine.begin() as connection:
        images = sa.table("images", sa.column("file_id"), sa.column("number"))
        numbers = dict(iter(connection.execute(sa.select(images))))
    engine.dispose()
    assert numbers == {"e": 1, "f": 2, "g": 3, "h": None}


@pytest.mark.parametrize(("reason", "sentence"), list(zip(SENTENCES.values(), TODAY, strict=True)))
def test_a_reason_from_an_earlier_version_is_said_in_today_s_words(reason: ReviewReason, sentence: str) -> None:
    assert words.review_reason(reason) == sentence


def test_refused_knees_of_an_earlier_store_stay_where_a_rejected_file_may_have_some(url: str, make: Any) -> None:
    fill(url, "0009", {1: []})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        Putter(connection, tables)("refusals", file_id="f", position=0, side="left", x=5, code="implant")
    engine.dispose()
    with Store.open(url) as store:
        arrival = make.arrival("a")
        store.files.add_arrival(arrival, AT)
        store.files.start(arrival.id, "w")
        knee = RefusedKnee(KneeRoi(Box(7, 0, 9, 9), Side.RIGHT), "other_view")
        store.files.reject(arrival.id, replace(make.rejected(arrival), refused=(knee,)), "rejected/a")
        found = [row for row in store.export.rows() if isinstance(row, ExportedRefusal)]
    assert {(row.image["file_id"], row.knee.roi.box.x, row.knee.code) for row in found} == {
        ("f", 5, "implant"),
        (arrival.id, 7, "other_view"),
    }


def test_a_code_of_a_newer_version_stays_readable(url: str, grade: Any, make: Any) -> None:
    """Two versions may work on one store for a while."""
    knee = make.knee(2)
    flagged = replace(knee, grade=replace(knee.grade, review_reasons=(ReviewReason(ReviewCode.TURNED, 90),)))
    with Store.open(url) as store:
        grade("a", flagged)
        engine = connect(url)
        with engine.begin() as connection:
            grades = sa.table("grades", sa.column("review_reasons", sa.JSON()))
            connection.execute(grades.update().values(review_reasons=[{"code": "seen_in_a_dream", "value": 3}]))
        engine.dispose()
        assert reasons_in(store) == [(ReviewReason(ReviewCode.OTHER, text="seen_in_a_dream"),)]


@pytest.mark.parametrize("revision", sorted(step for step in STEPS if "0004" <= step < "0014"))
def test_images_of_one_knee_that_are_there_become_one_line(url: str, revision: str) -> None:
    """Three images of a left knee; the PA view stands, and it disagrees with the others about osteoarthritis."""
    fill(url, revision, {})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        for number, (view, kl) in enumerate((("AP", 0), ("PA", 2), ("", 1)), start=1):
            place = {"file_id": f"f{number}", "position": 0, "side": "left"}
            of_file = {"state": "completed", "arrived_at": AT, "settled_at": AT, "study_key": "s"}
            put("files", id=f"f{number}", sha256=f"{number}", **of_file)
            put("images", file_id=f"f{number}", study_key="s", view=view, details={}, spacing_source="none")
            put("knees", id=number, **place)
            shares = {f"p{grade}": 0.2 for grade in range(5)}
            maker = {"model_digest": "d", "is_current": True, "heatmap": HEATMAP, "graded_at": AT}
            put("grades", id=number, knee_id=number, kl=kl, review_reasons=[], **shares, **maker)
            line = {"knee_id": number, "kl": kl, "side": "left", "arrived_at": AT, "state": "completed"}
            put("worklist_lines", id=number, file_id=f"f{number}", **line)
    engine.dispose()
    with Store.open(url) as store:
        (row,) = store.worklist.page(Wanted()).rows
    assert (row.file_id, row.kl, row.images, row.lowest_kl, row.highest_kl) == ("f2", 2, 3, 0, 2)
    assert row.review_reasons == (ReviewReason(ReviewCode.IMAGES_DISAGREE, 0, 2),)


def test_a_knee_keeps_its_readings_and_may_have_a_grade_on_each_scale(url: str) -> None:
    fill(url, "0009", {1: [], 2: []})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        put("reader_grades", id=7, knee_id=2, grade_id=2, reader="anna", kl=3, at=AT)
    with Store.open(url) as store:
        (reading,) = store.reader_grades.readings("s")
        exported = [row for row in store.export.rows() if isinstance(row, ExportedKnee)]
    assert (reading.reader, reading.kl, reading.position) == ("anna", 3, 2)
    assert [row.grade.release_probabilities for row in exported] == [None, None]
    with engine.begin() as connection:
        grades = sa.Table("grades", sa.MetaData(), autoload_with=connection)
        row = dict(connection.execute(sa.select(grades).where(grades.c.id == 1)).mappings().one())
        other = row | {"id": 8, "is_current": False, "site": "ab", "agreement": None}
        connection.execute(grades.insert().values(other))
    with engine.begin() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(grades.insert().values(row | {"id": 9, "is_current": False, "site": "ab"}))
    with engine.begin() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(grades.insert().values(row | {"id": 9, "is_current": False, "site": "c", "p1": 2.0}))
    engine.dispose()


def test_readings_of_an_earlier_store_are_neither_blind_nor_not_and_umlauts_are_found_either_way(url: str) -> None:
    fill(url, "0015", {1: []})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        put("reader_grades", id=7, knee_id=1, grade_id=1, reader="anna", kl=3, at=AT)
        connection.execute(sa.update(tables.tables["worklist_lines"]).values(stands=True))
        connection.execute(sa.update(tables.tables["studies"]).values(patient_name="Mueller^J\u00f6rg"))
        for word in ("mueller", "jorg"):
            put("worklist_words", names_patient=True, word=word, arrived_at=AT, file_id="f")
    engine.dispose()
    with Store.open(url) as store:
        (reading,) = store.reader_grades.readings("s")
        found = {
            said: len(store.worklist.page(Wanted(text=said), may_see_patients=True).rows)
            for said in ("M\u00fcller", "mueller", "muller", "joerg j", "meuller")
        }
    assert (reading.reader, reading.blind) == ("anna", None)
    assert found == {"M\u00fcller": 1, "mueller": 1, "muller": 1, "joerg j": 1, "meuller": 0}


def test_lines_of_an_earlier_store_get_what_they_are_sorted_by(url: str) -> None:
    fill(url, "0016", {1: [], 2: []})
    engine = connect(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        put = Putter(connection, tables)
        put("reader_grades", id=7, knee_id=1, grade_id=1, reader="anna", kl=3, at=AT)
        put("reader_grades", id=8, knee_id=1, grade_id=1, reader="carl", kl=3, at=AT, withdrawn_at=AT)
        studies, lines, knees = (tables.tables[name] for name in ("studies", "worklist_lines", "knees"))
        connection.execute(sa.update(studies).values(patient_name="M\u00fcller^J\u00f6rg", date=datetime(2020, 1, 3)))
        for knee, (side, kl) in enumerate((("right", 4), ("left", 1)), start=1):
            connection.execute(sa.update(knees).where(knees.c.id == knee).values(side=side))
            now = {"side": side, "kl": kl, "stands": True, "state": "completed"}
            connection.execute(sa.update(lines).where(lines.c.knee_id == knee).values(**now))
    engine.dispose()
    with Store.open(url) as store:
        orders = [store.entries.page(Wanted(sort=sort), may_see_patients=True).entries for sort in Sort]
        found = store.sessions.read(
            lambda session: session.execute(
                sa.select(
                    *(getattr(IndexLine, name) for name in ("patient", "examined", "right_kl", "left_kl", "readers"))
                )
            ).all()
        )
    assert set(map(tuple, found)) == {("muller^jorg", datetime(2020, 1, 3), 4, 1, 1)}
    assert [len(entries) for entries in orders] == [1] * len(Sort)
