"""Reads the bytes of a DICOM file into a Radiograph."""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.uid import UID

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, belonging_to
from koa_worker.read import fingerprint
from koa_worker.read.display.present import present
from koa_worker.read.header import device, elements, geometry, identity
from koa_worker.read.layout import layout_of
from koa_worker.read.parse import Parsed, parse
from koa_worker.read.pixels import check_syntax, decode, is_lossy
from koa_worker.system.dicom_libraries import set_up_pydicom
from koa_worker.system.own_objects import is_own
from koa_worker.values import Fingerprint, Patient, Radiograph, Study

_DICOMDIR = "1.2.840.10008.1.3.10"
# Computed and digital radiography, film digitised into secondary captures, and the multi-frame captures that may
# hold a single frame: PS3.6 annex A.
_RADIOGRAPHS = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("1", "1.1", "1.1.1", "7", "7.1", "7.2", "7.3", "7.4")
)
# PS3.3 C.7.3.1.1.1. Only known other modalities are rejected; private or absent terms are accepted.
# fmt: off
_OTHER_MODALITIES = frozenset((
    "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CFM", "CT", "CTPROTOCOL", "DMS", "DG", "DOC", "ECG", "EEG", "EMG",
    "EOG", "EPS", "ES", "FID", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LS", "M3D", "MG",
    "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "PA", "PLAN", "POS", "PR", "PT",
    "PX", "REG", "RESP", "RF", "RTDOSE", "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT",
    "RWV", "SEG", "SM", "SMR", "SR", "SRF", "STAIN", "TEXTUREMAP", "TG", "US", "VA", "XA", "XAPROTOCOL", "XC",
))
# fmt: on

set_up_pydicom()


def read_dicom(data: bytes, sha256: str, limits: Limits) -> Radiograph:
    parsed = parse(data, limits.max_file_mb * 1_000_000)
    dataset = parsed.dataset
    study, patient = _study_of(dataset, sha256), identity.patient_of(dataset)
    with belonging_to(study, patient):
        _check_kind(parsed)
        layout = layout_of(dataset, limits.max_megapixels)
        codes = decode(parsed, layout, limits.max_megapixels)
        stored = fingerprint.of_pixels(codes, layout)  # before the codes make room for what is displayed
        presentation = present(codes, layout, dataset, lossy=is_lossy(parsed.syntax))
    radiograph = Radiograph(
        pixels=presentation.apply(codes),
        format="DICOM",
        study=study,
        patient=patient,
        spacing=geometry.spacing(dataset),
        laterality=geometry.laterality(dataset),
        column_zero_side=geometry.side_at_column_zero(dataset),
        details={
            "transfer_syntax": UID(parsed.syntax).name,
            "bits": f"{layout.bits_stored} of {layout.bits_allocated}{' signed' if layout.signed else ''}",
            "photometric": layout.photometric,
            **presentation.details,
            **device.details(dataset),
        },
    )
    seen = fingerprint.of_display(stored, presentation.table, layout)
    return replace(radiograph, fingerprint=Fingerprint(stored, seen, fingerprint.of_header(dataset, radiograph)))


def identify(start: bytes, sha256: str) -> tuple[Study, Patient]:
    """Study and patient from the start of a file; the pixels are not decoded."""
    dataset = parse(start, len(start)).dataset
    return identity.study_of(dataset, sha256), identity.patient_of(dataset)


def _study_of(dataset: Dataset, sha256: str) -> Study:
    """The study of an object. Only a radiograph names knees to be graded; any other object names none."""
    study = identity.study_of(dataset, sha256)
    return study if _other_kind(dataset) else replace(study, knees_named=geometry.named_knees(dataset))


def _check_kind(parsed: Parsed) -> None:
    """Rejects anything but a single radiograph with readable pixels; more specific reasons come first."""
    dataset = parsed.dataset
    if is_own(dataset):
        raise InputRejected("own_result")
    sop_class = identity.sop_class(dataset)
    if sop_class == _DICOMDIR or "DirectoryRecordSequence" in dataset:
        raise InputRejected("dicomdir")
    if parsed.pixels is None:
        raise _without_pixels(parsed, sop_class)
    if (elements.whole(dataset, "NumberOfFrames") or 1) > 1:
        raise InputRejected("multi_frame")
    if kind := _other_kind(dataset):
        raise InputRejected("unsupported_modality", kind)
    check_syntax(parsed.syntax)


def _other_kind(dataset: Dataset) -> str:
    """The kind of an object that is known to be no radiograph."""
    modality = elements.word(dataset, "Modality")
    if modality in _OTHER_MODALITIES:
        return f"modality {modality}"
    sop_class = identity.sop_class(dataset)
    registered = UID(sop_class)
    return registered.name if sop_class not in _RADIOGRAPHS and registered.type == "SOP Class" else ""


def _without_pixels(parsed: Parsed, sop_class: str) -> InputRejected:
    """The error for a file without pixels: truncated, encrypted, or another kind of object."""
    dataset = parsed.dataset
    if parsed.cut:
        return InputRejected("truncated", "within the header")
    if "EncryptedAttributesSequence" in dataset:  # PS3.15 E.1.1
        return InputRejected("encrypted", "the attributes are encrypted and there are no pixels")
    if sop_class in _RADIOGRAPHS and not _describes_pixels(dataset):
        return InputRejected("truncated", "a radiograph that ends before its pixels are described")
    return InputRejected("no_pixels")


def _describes_pixels(dataset: Dataset) -> bool:
    """Whether the header reaches the pixel description: elements are in ascending order (PS3.5 7.1)."""
    return "PixelRepresentation" in dataset
