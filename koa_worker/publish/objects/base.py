"""The attributes that all result objects share: patient, study, series, equipment and the research notice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from koa_worker.publish.objects import codes, uids
from koa_worker.publish.objects.original import Original, copy_patient_and_study
from koa_worker.publish.objects.result import ImageResult, Replaced, ResultKind
from koa_worker.system.dicom_libraries import set_up_pydicom
from koa_worker.system.durable import whole_file
from koa_worker.system.own_objects import IMPLEMENTATION_UID, MANUFACTURER
from koa_worker.values import GradedBy

set_up_pydicom()

_DOCUMENTS = (ResultKind.STRUCTURED_REPORT, ResultKind.REJECTION_NOTE)
_SERIES = {
    ResultKind.STRUCTURED_REPORT: (9101, "SR", "measurements"),
    ResultKind.SECONDARY_CAPTURE: (9102, "OT", "heatmaps"),
    ResultKind.PDF: (9103, "DOC", "report"),
    ResultKind.REJECTION_NOTE: (9104, "KO", "rejection note"),
    ResultKind.PRESENTATION: (9105, "PR", "boxes and margins"),
}


def series_number(kind: ResultKind) -> int:
    return _SERIES[kind][0]


def new_object(kind: ResultKind, sop_class_uid: str, sop_uid: str, original: Original) -> Dataset:
    """An object in the study of the original, still without content."""
    target = Dataset()
    target.SOPClassUID, target.SOPInstanceUID = sop_class_uid, sop_uid
    target.Modality = _SERIES[kind][1]
    copy_patient_and_study(original, target)
    return target


def finish(
    target: Dataset,
    kind: ResultKind,
    original: Original,
    graded_by: GradedBy,
    *,
    number: int,
    made_at: datetime,
    revision: int | None = None,
) -> None:
    """Adds the series, the equipment and the time to an object; a revision is one of the series too."""
    local = original.local(made_at)
    target.SeriesInstanceUID = uids.of_series(kind, original.study_uid, graded_by.digest, revision or 1)
    target.SeriesNumber, target.InstanceNumber = series_number(kind), number
    title = _SERIES[kind][2] + (f" revision {revision}" if revision else "")
    target.SeriesDescription = f"koa-worker {title}, AI, research use only"
    target.ContentDate = target.InstanceCreationDate = local.strftime("%Y%m%d")
    target.ContentTime = target.InstanceCreationTime = local.strftime("%H%M%S")
    target.Manufacturer = target.ManufacturerModelName = MANUFACTURER
    target.SoftwareVersions = [graded_by.software, graded_by.model]
    target.ContributingEquipmentSequence = [_program(graded_by, local), _model(graded_by, local)]
    target.ContentQualification = "RESEARCH"
    if original.requests and kind not in _DOCUMENTS:  # documents name their requests themselves
        target.RequestAttributesSequence = original.requests
    target.file_meta = _file_meta(target)


def _program(graded_by: GradedBy, at: datetime) -> Dataset:
    """PS3.3 C.12.1.1.5: the program that found and measured the knees, and made the objects."""
    item = _equipment(MANUFACTURER, graded_by.software, at)
    item.DeviceUID = uids.of_program(graded_by)
    item.ContributionDescription = "Found and measured the knees. Research use only. Not for diagnostic use."
    return item


def _model(graded_by: GradedBy, at: datetime) -> Dataset:
    """The model that graded, as separate equipment, so that a result can be traced to the exact weights."""
    item = _equipment(graded_by.model, graded_by.model, at)
    item.DeviceUID = uids.of_model(graded_by)
    item.ContributionDescription = (
        f"Graded by artificial intelligence. Model {graded_by.model}, manifest SHA-256 {graded_by.digest}"
        f"{f', site scale SHA-256 {graded_by.site}' if graded_by.site else ''}. "
        "Research use only. Not for diagnostic use."
    )
    return item


def _equipment(name: str, version: str, at: datetime) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [coded(codes.PROCESSING_EQUIPMENT)]
    item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions = MANUFACTURER, name, version
    item.ContributionDateTime = at.strftime("%Y%m%d%H%M%S%z")
    return item


def coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def image_header(original: Original, result: ImageResult) -> Dataset:
    """A header for the library, without patient data, which our code copies unchanged from the original later."""
    said = Dataset()
    said.SOPClassUID, said.SOPInstanceUID = original.sop_class_uid, original.sop_uid
    said.StudyInstanceUID, said.SeriesInstanceUID = original.study_uid, original.series_uid
    for keyword in ("PatientID", "PatientName", "PatientSex", "AccessionNumber", "StudyID", "ReferringPhysicianName"):
        setattr(said, keyword, "")
    said.Rows, said.Columns = result.rows, result.columns
    said.PatientBirthDate = said.StudyDate = said.StudyTime = None
    return said


def reference(original: Original) -> Dataset:
    """A reference to the original by its class and UID."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = original.sop_class_uid, original.sop_uid
    return item


def request(original: Original, asked: Dataset) -> Dataset:
    """What was ordered, as a document refers to it (PS3.3 C.17.2), from the original's series."""
    item = Dataset()
    item.StudyInstanceUID = original.study_uid
    item.ReferencedStudySequence = original.header.get("ReferencedStudySequence") or []
    item.AccessionNumber = asked.get("AccessionNumber") or original.header.get("AccessionNumber") or ""
    item.PlacerOrderNumberImagingServiceRequest = asked.get("PlacerOrderNumberImagingServiceRequest") or ""
    item.FillerOrderNumberImagingServiceRequest = asked.get("FillerOrderNumberImagingServiceRequest") or ""
    item.RequestedProcedureID = asked.get("RequestedProcedureID") or ""
    item.RequestedProcedureDescription = asked.get("RequestedProcedureDescription") or ""
    item.RequestedProcedureCodeSequence = asked.get("RequestedProcedureCodeSequence") or []
    return item


def place_of(replaced: Sequence[Replaced]) -> list[Dataset]:
    """References to replaced objects of one study, by study, series and object (PS3.3 table C.17-3)."""
    by_series: dict[str, list[Dataset]] = {}
    for one in replaced:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class_uid, one.sop_uid
        by_series.setdefault(one.series_uid, []).append(item)
    study = Dataset()
    study.StudyInstanceUID = replaced[0].study_uid
    study.ReferencedSeriesSequence = []
    for series_uid, items in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = series_uid, items
        study.ReferencedSeriesSequence.append(series)
    return [study]


def name_predecessor(target: Dataset, replaces: Replaced | None) -> None:
    """Predecessor Documents Sequence (PS3.3 C.17.2 and C.24.2)."""
    if replaces is not None:
        target.PredecessorDocumentsSequence = place_of([replaces])


def _file_meta(target: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = target.SOPClassUID, target.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "KOAWORKER"
    return meta


def write_object(path: Path, target: Dataset) -> None:
    """Writes the object completely or not at all; only its owner can read it."""
    with whole_file(path, path.with_suffix(".part")) as stream:
        target.save_as(stream, enforce_file_format=True)
