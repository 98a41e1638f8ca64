"""Whatever becomes of files in whatever order: the kept sums of a day are what the rows say of it."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from koa_worker.store import Store, encode
from koa_worker.store.database.schema import (
    ChangedDay,
    FileRow,
    FileSums,
    GradeRow,
    ImageRow,
    IndexLine,
    KneeRow,
    RefusalRow,
    StudyRow,
    StudySums,
)
from koa_worker.store.records.belongings import ErasureReason, Whose
from koa_worker.store.records.files import State
from koa_worker.study.correction import Corrected
from koa_worker.values import Arrival, Box, Completed, Fingerprint, KneeRoi, Laterality, RefusedKnee, Side
from koa_worker.watch.drift import DaySample

Told = dict[tuple[date, tuple[str, str, str], str], list[float]]
_DIGESTS = st.sampled_from(["d1", "d2"])
_INSTITUTIONS = st.sampled_from(["", "North", "South"])
_STUDIES = st.sampled_from(["1.2.3", "1.2.4"])


class Verbs(RuleBasedStateMachine):
    """What becomes of the files of two studies, over days."""

    make: ClassVar[Any]  # of conftest.py
    new_url: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 6, 1, 12, tzinfo=UTC)
        self.store = Store.open(type(self).new_url(), clock=lambda: self.now)
        self.graded: list[tuple[Arrival, Completed]] = []

    def teardown(self) -> None:
        self.store.close()

    @rule(days=st.integers(1, 3))
    def pass_time(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(
        kls=st.lists(st.integers(0, 4), min_size=1, max_size=2),
        study_uid=_STUDIES,
        digest=_DIGESTS,
        maker=st.sampled_from(["A", "B"]),
        institution=_INSTITUTIONS,
        refused=st.booleans(),
    )
    def grade(
        self, kls: list[int], study_uid: str, digest: str, maker: str, institution: str, *, refused: bool
    ) -> None:
        arrival = self._arrive()
        graded = self._graded(arrival, kls, study_uid, maker)
        graded = _saying(graded, institution)
        if refused:
            graded = replace(graded, refused=(RefusedKnee(KneeRoi(Box(9, 9, 9, 9), Side.LEFT), "not_a_knee", ""),))
        self._complete(arrival, graded, digest)
        self.graded.append((arrival, graded))

    @precondition(lambda self: self.graded)
    @rule(which=st.integers(0, 9), kls=st.lists(st.integers(0, 4), min_size=1, max_size=2), digest=_DIGESTS)
    def grade_again(self, which: int, kls: list[int], digest: str) -> None:
        """Perhaps with fewer knees, as another release may see them."""
        arrival, graded = self._one(which)
        again = self._graded(arrival, kls, graded.radiograph.study.study_uid, "")
        self._complete(arrival, replace(again, radiograph=graded.radiograph), digest)

    @precondition(lambda self: self.graded)
    @rule(which=st.integers(0, 9), institution=st.sampled_from(["East", "West"]))
    def correct_header(self, which: int, institution: str) -> None:
        """The same image comes once more, in another header."""
        _, graded = self._one(which)
        arrival = self._arrive()
        self._complete(arrival, replace(_saying(graded, institution), arrival=arrival), "d1")

    @precondition(lambda self: self.graded)
    @rule(which=st.integers(0, 9), side=st.sampled_from([Laterality.LEFT, Laterality.RIGHT]))
    def correct_side(self, which: int, side: Laterality) -> None:
        arrival, _ = self._one(which)
        file = self.store.files.find(arrival.id)
        assert file is not None
        assert file.study_key is not None
        self.store.corrections.correct(file.study_key, file.id, Corrected(side), who="boris")

    @precondition(lambda self: self.graded)
    @rule(which=st.integers(0, 9), site=st.sampled_from(["s1", ""]), kl=st.integers(0, 4))
    def put_on_scale(self, which: int, site: str, kl: int) -> None:
        arrival, _ = self._one(which)
        file = self.store.files.find(arrival.id)
        assert file is not None
        assert file.study_key is not None
        digest = self._digest(arrival.id)
        knees = self.store.site_scales.grades_elsewhere(file.study_key, digest, site)
        put = {knee.grade_id: replace(knee.grade, kl=kl, site=site) for knee in knees}
        if put:
            self.store.site_scales.put(file.study_key, put, unsent=True)

    @rule(study_uid=st.none() | _STUDIES, institution=_INSTITUTIONS)
    def reject(self, study_uid: str | None, institution: str) -> None:
        arrival = self._arrive()
        rejected = self.make.rejected(arrival, study_uid=study_uid)
        study = replace(rejected.study, institution=institution) if study_uid else None
        self.store.files.reject(arrival.id, replace(rejected, study=study), "rejected/x")

    @precondition(lambda self: self.graded)
    @rule(which=st.integers(0, 9), reason=st.sampled_from(ErasureReason), whole=st.booleans())
    def erase(self, which: int, reason: ErasureReason, *, whole: bool) -> None:
        arrival, graded = self._one(which)
        whose, extra = (Whose(study=graded.radiograph.study.study_uid), []) if whole else (None, [arrival.id])
        erasures = self.store.erasures
        found = erasures.look(whose, extra, reason=reason)
        assert erasures.intend(found, extra, [], abandoned=[], reason=reason, who="anna")
        gone = {file.id for file in found.files}
        days = self._days_of(gone)
        erasures.erase_rows(reason)
        erasures.finish(reason, "anna")
        self.graded = [one for one in self.graded if one[0].id not in gone]
        assert not days & self._kept_days(), "the sums of before still tell of it"

    @rule(back=st.integers(0, 3))
    def count(self, back: int) -> None:
        self.store.watch_days.samples(self.now.date() - timedelta(days=back))

    @invariant()
    def sums_are_what_the_rows_say(self) -> None:
        """Also after some days have been counted at some time and others not."""
        if self.now.day % 2:
            assert _rounded(_told(self.store.watch_days.samples())) == _rounded(self._from_rows())
            assert self.store.watch_days.changed(date.max) == ()

    def _arrive(self) -> Arrival:
        arrival: Arrival = self.make.arrival(uuid.uuid4().hex)
        self.store.files.add_arrival(arrival, self.now)
        assert self.store.files.start(arrival.id, "w")
        return arrival

    def _graded(self, arrival: Arrival, kls: list[int], study_uid: str, maker: str) -> Completed:
        knees = [self.make.knee(kl, side=(Side.LEFT, Side.RIGHT)[at], x=100 + 600 * at) for at, kl in enumerate(kls)]
        knees = [
            replace(knee, grade=replace(knee.grade, strangeness=kl - 2.5)) for knee, kl in zip(knees, kls, strict=True)
        ]
        graded: Completed = self.make.graded(arrival, *knees, study_uid=study_uid)
        details = {"manufacturer": maker, "model": "Wall stand", **({"exposure": "1.5"} if maker == "A" else {})}
        prints = Fingerprint(pixels=uuid.uuid4().hex, shown="s", header="h")
        return replace(graded, radiograph=replace(graded.radiograph, details=details, fingerprint=prints))

    def _complete(self, arrival: Arrival, graded: Completed, digest: str) -> None:
        self.now += timedelta(seconds=1)  # which grade is the newest is never a matter of chance
        self.store.files.complete(arrival.id, encode(graded), digest, "1.0", f"done/{arrival.id}.dcm")

    def _one(self, which: int) -> tuple[Arrival, Completed]:
        return self.graded[which % len(self.graded)]

    def _digest(self, file_id: str) -> str:
        of_file = select(GradeRow.model_digest).join(KneeRow, KneeRow.id == GradeRow.knee_id)
        of_file = of_file.where(KneeRow.file_id == file_id, GradeRow.is_current)
        return self.store.sessions.read(lambda session: session.scalars(of_file.limit(1)).one())

    def _days_of(self, files: Iterable[str]) -> set[date]:
        days = select(FileRow.settled_at).where(FileRow.id.in_(list(files)))
        return {at.date() for at in self.store.sessions.read(lambda session: session.scalars(days).all()) if at}

    def _kept_days(self) -> set[date]:
        return set(
            self.store.sessions.read(
                lambda session: [day for table in (StudySums, FileSums) for day in session.scalars(select(table.day))]
            )
        )

    def _from_rows(self) -> Told:
        """The same in plain Python, from the tables that the sums are derived from."""
        with self.store.sessions.reading.connect() as connection:
            lines = connection.execute(
                select(
                    IndexLine, GradeRow.kl.label("grade"), GradeRow.strangeness, GradeRow.model_digest, GradeRow.site,
                    GradeRow.graded_at, GradeRow.id.label("number"), ImageRow.study_key, ImageRow.details,
                    StudyRow.institution,
                )
                .outerjoin(GradeRow, (GradeRow.knee_id == IndexLine.knee_id) & GradeRow.is_current)
                .outerjoin(ImageRow, ImageRow.file_id == IndexLine.file_id)
                .outerjoin(StudyRow, StudyRow.key == ImageRow.study_key)
            ).all()  # fmt: skip
            refused = set(connection.scalars(select(RefusalRow.file_id)))
        told: Told = defaultdict(list)
        files = {}
        by_study = defaultdict(list)
        graded = [line for line in lines if line.graded_at is not None]
        newest = max(graded, key=lambda line: (line.graded_at, line.number), default=None)
        for line in lines:
            details = line.details or {}
            device = (details.get("manufacturer", ""), details.get("model", ""), line.institution or "")
            if line.state in (State.COMPLETED, State.REJECTED) and line.day:
                is_refused = line.state is State.REJECTED or line.file_id in refused
                files[line.file_id] = (line.day, device, is_refused)
            made = line.graded_at and (line.model_digest, line.site) == (newest.model_digest, newest.site)  # type: ignore[union-attr]
            if line.stands and line.day and made:
                by_study[line.study_key, device].append(line)
        for day, device, is_refused in files.values():
            told[day, device, "refusals"].append(float(is_refused))
        for (_, device), of_study in by_study.items():
            first = min(line.day for line in of_study)
            told[first, device, "grade"].append(sum(line.grade for line in of_study) / len(of_study))
            told[first, device, "strangeness"].append(sum(line.strangeness for line in of_study) / len(of_study))
            exposures = [float(line.details["exposure"]) for line in of_study if "exposure" in line.details]
            told[first, device, "exposure"] += [sum(exposures) / len(exposures)] if exposures else []
            for kl, count in Counter(line.grade for line in of_study).items():
                told[first, device, f"kl{kl}"] += [1.0] * count
        return told


def _saying(graded: Completed, institution: str) -> Completed:
    """The same image, whose header names another institution."""
    before = graded.radiograph
    prints = replace(before.fingerprint, header=uuid.uuid4().hex)
    study = replace(before.study, institution=institution)
    return replace(graded, radiograph=replace(before, study=study, fingerprint=prints))


def _told(samples: Iterable[DaySample]) -> dict[Any, tuple[float, ...]]:
    told: dict[Any, tuple[float, ...]] = {}
    for one in samples:
        device = (one.device.manufacturer, one.device.model, one.device.institution)
        for signal, sample in one.samples.items():
            told[one.day, device, signal.value] = (sample.count, sample.total, sample.squares)
        told |= {(one.day, device, f"kl{kl}"): (n, n, n) for kl, n in enumerate(one.grades) if n}
    return {key: sums for key, sums in told.items() if sums[0]}


def _rounded(told: dict[Any, Any]) -> dict[Any, tuple[float, ...]]:
    sums = {
        key: values if isinstance(values, tuple) else (len(values), sum(values), sum(one * one for one in values))
        for key, values in told.items()
    }
    return {key: tuple(round(float(one), 6) for one in three) for key, three in sums.items() if three[0]}


def test_sums_in_any_order(make: Any, new_url: Callable[[], str]) -> None:
    class Here(Verbs):
        pass

    Here.make, Here.new_url = make, new_url  # type: ignore[misc]
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_rejected_file_that_names_the_institution_of_an_image_moves_it_there(
    store: Store, make: Any, grade: Any, now: datetime
) -> None:
    """The knees of an earlier image count for the device that is known only now."""
    grade("a", make.knee(2))
    assert {day.device.institution for day in store.watch_days.samples()} == {""}
    arrival = make.arrival("b")
    store.files.add_arrival(arrival, now)
    store.files.start(arrival.id, "w")
    rejected = make.rejected(arrival, study_uid="1.2.3")
    store.files.reject(arrival.id, replace(rejected, study=replace(rejected.study, institution="North")), "rejected/b")
    assert {day.device.institution for day in store.watch_days.samples() if any(day.grades)} == {"North"}


def test_a_change_while_a_day_is_counted_names_it_again(store: Store, make: Any, grade: Any) -> None:
    grade("a", make.knee(2))
    days = store.watch_days.changed(date.max)
    early, late = (store.watch_days._counted(list(days)) for _ in range(2))
    grade("b", make.knee(3), study_uid="1.2.4")
    store.watch_days._keep(early)
    assert store.watch_days.changed(date.max) == days
    (file,) = (day for day in store.watch_days.samples() if not any(day.grades))
    assert next(iter(file.samples.values())).count == 2
    store.watch_days._keep(late)  # of another process, which was slower: what it has seen is out of date
    counts = select(func.sum(FileSums.files)).select_from(FileSums), select(func.count(ChangedDay.id))
    assert [store.sessions.read(lambda session, one=one: session.scalar(one)) for one in counts] == [2, 0]  # type: ignore[misc]
