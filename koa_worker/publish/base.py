"""The attributes that all result objects share: patient, study, series, equipment and the research notice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from koa_worker.publish import codes, uids
from koa_worker.publish.original import Original, copy_patient_and_study
from koa_worker.publish.result import ResultKind
from koa_worker.system.dicom_libraries import set_up_pydicom
from koa_worker.system.durable import whole_file
from koa_worker.system.own_objects import IMPLEMENTATION_UID, MANUFACTURER
from koa_worker.values import GradedBy

set_up_pydicom()

_SERIES = {
    ResultKind.STRUCTURED_REPORT: (9101, "SR", "measurements"),
    ResultKind.SECONDARY_CAPTURE: (9102, "OT", "heatmaps"),
    ResultKind.PDF: (9103, "DOC", "report"),
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
    target: Dataset, kind: ResultKind, original: Original, graded_by: GradedBy, *, number: int, made_at: datetime
) -> None:
    """Adds the series, the equipment and the time to an object."""
    local = made_at.astimezone()
    target.SeriesInstanceUID = uids.of_series(kind, original.study_uid, graded_by.digest)
    target.SeriesNumber, target.InstanceNumber = series_number(kind), number
    target.SeriesDescription = f"koa-worker {_SERIES[kind][2]}, AI, research use only"
    target.ContentDate = target.InstanceCreationDate = local.strftime("%Y%m%d")
    target.ContentTime = target.InstanceCreationTime = local.strftime("%H%M%S")
    target.Manufacturer = target.ManufacturerModelName = MANUFACTURER
    target.SoftwareVersions = [graded_by.software, graded_by.model]
    target.ContributingEquipmentSequence = [_equipment(graded_by, local)]
    target.file_meta = _file_meta(target)


def _equipment(graded_by: GradedBy, at: datetime) -> Dataset:
    """PS3.3 C.12.1.1.5: the worker and its model, so that a result can be traced to the exact weights."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [coded(codes.PROCESSING_EQUIPMENT)]
    item.Manufacturer = item.ManufacturerModelName = MANUFACTURER
    item.SoftwareVersions = [graded_by.software, graded_by.model]
    item.ContributionDateTime = at.strftime("%Y%m%d%H%M%S")
    item.ContributionDescription = (
        f"Graded by artificial intelligence. Model {graded_by.model}, manifest SHA-256 {graded_by.digest}"
        f"{f', site scale SHA-256 {graded_by.site}' if graded_by.site else ''}. "
        "Research use only. Not for diagnostic use."
    )
    return item


def coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def reference(original: Original) -> Dataset:
    """A reference to the original by its class and UID."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = original.sop_class_uid, original.sop_uid
    return item


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
