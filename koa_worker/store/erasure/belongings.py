"""Finds the rows that belong to a patient, a study or an accession number, inside one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import (
    EventRow,
    FileRow,
    HeaderRow,
    ImageRow,
    KneeRow,
    ParcelRow,
    ReaderGradeRow,
    ReportRow,
    StudyRow,
    UploadRow,
)
from koa_worker.store.journal import PATIENT_DIFFERS
from koa_worker.store.records.belongings import (
    Belonging,
    Belongings,
    FoundDelivery,
    FoundFile,
    FoundStudy,
    StudyPlace,
    Whose,
)
from koa_worker.store.records.files import State
from koa_worker.store.records.sending import ParcelState
from koa_worker.store.study.patient_exams import tellers_of

_AT_A_TIME = 500


class Found(StorePart):
    """Searches the rows that belong to a patient, a study or an accession number."""

    @reads
    def of(self, session: Session, whose: Whose) -> tuple[FoundStudy, ...]:
        """The studies of a patient or an accession number with all their files."""
        keys = [place.key for place in studies_of(session, whose)]
        return _described(session, _files(session, FileRow.study_key, keys))

    @reads
    def of_name(self, session: Session, name: str) -> tuple[FoundStudy, ...]:
        """The files that arrived with this name, by export or by upload, each with its study."""
        uploaded = select(UploadRow.landed_as).where(UploadRow.name == storable(name))
        named = or_(FileRow.name == storable(name), FileRow.name.in_(uploaded))
        return _described(session, session.scalars(select(FileRow).where(named)).all())

    @reads
    def issuers(self, session: Session, patient_id: str) -> frozenset[str]:
        """The issuers of this patient id in all studies."""
        issuers = select(StudyRow.patient_issuer).where(StudyRow.patient_id == storable(patient_id))
        return frozenset(session.scalars(issuers.distinct()))

    @reads
    def study_uid(self, session: Session, key: str) -> str | None:
        """The UID of the study with this key."""
        study = session.get(StudyRow, key)
        return study.study_uid if study is not None else None

    @reads
    def without_study(self, session: Session) -> tuple[Belonging, ...]:
        """The files whose patient is only in their header: they have no study, or a study of another patient."""
        strange = select(EventRow.file_id).where(EventRow.file_id == FileRow.id, EventRow.kind == PATIENT_DIFFERS)
        silent = select(StudyRow.key).where(StudyRow.key == FileRow.study_key, _says_nothing())
        refused = and_(FileRow.state == State.REJECTED, or_(strange.exists(), silent.exists()))
        says_so = or_(ImageRow.file_id == FileRow.id, ImageRow.source_id == FileRow.id)
        graded = select(ImageRow.file_id).where(says_so, ImageRow.patient_differs).exists()
        unknown = and_(FileRow.study_key.is_(None), FileRow.duplicate_of.is_(None))
        files = session.scalars(select(FileRow).where(or_(unknown, refused, graded)))
        return tuple(map(to_belonging, files))

    @reads
    def working(self, session: Session) -> tuple[Belonging, ...]:
        """The files that a worker is working on, or was working on when it was killed."""
        return tuple(map(to_belonging, session.scalars(select(FileRow).where(FileRow.state == State.WORKING))))

    @reads
    def files(self, session: Session, ids: Collection[str]) -> tuple[Belonging, ...]:
        """Those of the ids that are files of this store."""
        return tuple(map(to_belonging, _files(session, FileRow.id, ids)))

    def filed(self) -> Iterator[tuple[str, str]]:
        """Streams every file with a recorded final path, and that path."""
        rows = select(FileRow.id, FileRow.filed_as).where(FileRow.filed_as.is_not(None))
        with self.sessions.stream() as connection:
            for row in connection.execution_options(yield_per=_AT_A_TIME).execute(rows):
                yield row.id, row.filed_as or ""

    @reads
    def known_studies(self, session: Session, keys: Collection[str]) -> frozenset[str]:
        """Those of the keys that are studies of this store."""
        found: set[str] = set()
        for part in _parts(keys):
            found.update(session.scalars(select(StudyRow.key).where(StudyRow.key.in_(part))))
        return frozenset(found)


def belongings(
    session: Session, whose: Whose | None, extra: Collection[str], keys: Collection[str], *, told: bool
) -> Belongings:
    """The studies of the search or with these keys, their files and copies, and the `extra` files.

    With `told`, studies that stay but whose reports mention these count as changed, like those that lose a file.
    """
    studies = {place.key: place for place in (studies_of(session, whose) if whose else [])}
    studies |= {place.key: place for place in _places(session, StudyRow.key.in_(list(keys)))}
    named = [*extra, *(_once_of(session, whose) if whose else ())]
    files = _with_copies(session, [*_files(session, FileRow.study_key, studies), *_files(session, FileRow.id, named)])
    ids = set(files)
    touched = []
    for place in _places(session, StudyRow.key.in_({file.study_key for file in files.values()} - {None} - {*studies})):
        others = {row.id for row in _files(session, FileRow.study_key, [place.key])} - ids
        if others:
            touched.append(place)
        else:
            studies[place.key] = place  # nothing is left of it
    if told:
        changed = {*studies, *(place.key for place in touched)}
        touched += _places(session, StudyRow.key.in_(telling(session, changed) - changed))
    parcels = _parcels(session, [*studies, *(place.key for place in touched)])
    return Belongings(
        files=tuple(to_belonging(files[key]) for key in sorted(files)),
        studies=tuple(studies[key] for key in sorted(studies)),
        touched=tuple(touched),
        objects=tuple(sorted({row.path for row in parcels if row.state is not ParcelState.ACKNOWLEDGED})),
        sent=sum(row.state is ParcelState.ACKNOWLEDGED for row in parcels),
        readings=_readings(session, ids),
        uploads=len(uploads_of(session, files.values())),
    )


def telling(session: Session, keys: Collection[str]) -> set[str]:
    """The studies whose reports mention one of these."""
    found: set[str] = set()
    for part in _parts(keys):
        for study in session.scalars(select(StudyRow).where(StudyRow.key.in_(part))):
            found |= tellers_of(session.connection(), study)
    return found


def to_belonging(file: FileRow) -> Belonging:
    retried = file.state is State.FAILED and file.next_try_at is not None
    return Belonging(file.id, file.state, file.code, file.filed_as, retried, file.study_key)


def uploads_of(session: Session, files: Iterable[FileRow]) -> list[UploadRow]:
    """The uploads that became these files, found by content, because an uploaded copy has another name."""
    hashes = sorted({file.sha256 for file in files if file.sha256})
    found: list[UploadRow] = []
    for part in _parts(hashes):
        found += session.scalars(select(UploadRow).where(UploadRow.sha256.in_(part)))
    return found


def studies_of(session: Session, whose: Whose) -> list[StudyPlace]:
    chosen: list[ColumnElement[bool]] = []
    if whose.patient_id is not None:
        chosen.append(StudyRow.patient_id == storable(whose.patient_id))
    if whose.issuer is not None:
        chosen.append(StudyRow.patient_issuer == storable(whose.issuer))
    if whose.accession is not None:
        chosen.append(StudyRow.accession == storable(whose.accession))
    if whose.study is not None:
        chosen.append(or_(StudyRow.study_uid == storable(whose.study), StudyRow.key == whose.study))
    return _places(session, and_(*chosen)) if chosen else []


def _once_of(session: Session, whose: Whose) -> list[str]:
    """Files that named the patient, but whose image was corrected to another patient since."""
    wanted = (
        (HeaderRow.patient_id, whose.patient_id),
        (HeaderRow.patient_issuer, whose.issuer),
        (HeaderRow.accession, whose.accession),
    )
    chosen = [column == storable(value) for column, value in wanted if value is not None]
    return list(session.scalars(select(HeaderRow.file_id).where(*chosen))) if chosen else []


def _says_nothing() -> ColumnElement[bool]:
    """A study without patient id or accession number: a damaged header may contain more than could be read."""
    return or_(StudyRow.patient_id == "", StudyRow.accession == "")


def _places(session: Session, chosen: ColumnElement[bool]) -> list[StudyPlace]:
    rows = session.scalars(select(StudyRow).where(chosen).order_by(StudyRow.created_at, StudyRow.key)).all()
    reports = _reports(session, [row.key for row in rows])
    return [StudyPlace(row.key, row.created_at, reports.get(row.key)) for row in rows]


def _reports(session: Session, keys: Collection[str]) -> dict[str, str]:
    """The path of each study's last written report."""
    found: dict[str, str] = {}
    for part in _parts(keys):
        written = select(ReportRow).where(ReportRow.study_key.in_(part), ReportRow.path.is_not(None))
        for row in session.scalars(written.order_by(ReportRow.revision)):
            found[row.study_key] = row.path or ""
    return found


def _with_copies(session: Session, files: Iterable[FileRow]) -> dict[str, FileRow]:
    """The files, and all files with the same bytes, duplicates of one of them, and those with the same image."""
    known: dict[str, FileRow] = {}
    new = {file.id: file for file in files}
    while new:
        known |= new
        hashes = {file.sha256 for file in new.values() if file.sha256}
        copies = [*_files(session, FileRow.duplicate_of, new), *_files(session, FileRow.sha256, hashes)]
        copies += _files(session, FileRow.id, _images_from(session, new))
        new = {file.id: file for file in copies if file.id not in known}
    return known


def _images_from(session: Session, sources: Collection[str]) -> list[str]:
    """The images whose contents come from these files: a correction is erased with the image that it corrects."""
    found: list[str] = []
    for part in _parts(sources):
        found += session.scalars(select(ImageRow.file_id).where(ImageRow.source_id.in_(part)))
    return found


def _files(session: Session, column: InstrumentedAttribute[Any], values: Collection[str]) -> list[FileRow]:
    found: list[FileRow] = []
    for part in _parts(values):
        found += session.scalars(select(FileRow).where(column.in_(part)).order_by(FileRow.arrived_at, FileRow.id))
    return found


def _parcels(session: Session, keys: Collection[str]) -> list[ParcelRow]:
    found: list[ParcelRow] = []
    for part in _parts(keys):
        found += session.scalars(select(ParcelRow).where(ParcelRow.study_key.in_(part)).order_by(ParcelRow.id))
    return found


def _readings(session: Session, ids: Collection[str]) -> int:
    of_file = select(func.count()).select_from(ReaderGradeRow).join(KneeRow, KneeRow.id == ReaderGradeRow.knee_id)
    return sum(session.scalar(of_file.where(KneeRow.file_id.in_(part))) or 0 for part in _parts(ids))


def _described(session: Session, files: Collection[FileRow]) -> tuple[FoundStudy, ...]:
    by_study: defaultdict[str | None, list[FoundFile]] = defaultdict(list)
    for file in files:
        by_study[file.study_key].append(FoundFile(file.id, file.state, file.code, file.filed_as))
    keys = [key for key in by_study if key is not None]
    reports = _reports(session, keys)
    deliveries: defaultdict[str | None, list[FoundDelivery]] = defaultdict(list)
    for row in _parcels(session, keys):
        deliveries[row.study_key].append(FoundDelivery(row.destination, row.kind, row.state))
    return tuple(
        FoundStudy(key, reports.get(key or ""), tuple(found), tuple(deliveries[key])) for key, found in by_study.items()
    )


def _parts(values: Collection[str]) -> list[list[str]]:
    ordered = list(values)
    return [ordered[start : start + _AT_A_TIME] for start in range(0, len(ordered), _AT_A_TIME)]
