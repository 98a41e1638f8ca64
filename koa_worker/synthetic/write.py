"""Writes radiographs as PNG and as DX or CR objects, which say that they are synthetic."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from koa_worker.synthetic.codecs import SYNTAXES, Pixels, put_pixels
from koa_worker.synthetic.truth import Plate
from koa_worker.values import Side

NOTE = "SYNTHETIC radiograph, drawn by koa-worker; shows no patient"
_KINDS = {
    "DX": uid.DigitalXRayImageStorageForPresentation,
    "CR": uid.ComputedRadiographyImageStorage,
}
_MAGNIFICATION = 1.1  # of the detector's picture over the patient's plane, where both spacings are given


@dataclass(frozen=True, slots=True)
class Person:
    """An invented patient."""

    name: str = "SYNTHETIC^Sample"
    id: str = "SYN-0001"
    birth_date: str = "19600101"
    sex: str = "O"


def write_png(path: Path, plate: Plate, bits: Literal[8, 16] = 8) -> None:
    """An 8 or 16 bit grayscale PNG with a comment that it is synthetic."""
    pixels: Pixels = (plate.pixels >> 8).astype(np.uint8) if bits == 8 else plate.pixels
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise ValueError("the picture could not be encoded as PNG")
    chunk = b"tEXtComment\0" + NOTE.encode("ascii")
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    head = 33  # the signature and IHDR, after which any chunk may come
    encoded = data.tobytes()
    path.write_bytes(encoded[:head] + text + encoded[head:])


def write_dicom(
    path: Path,
    plate: Plate,
    *,
    syntax: str = "explicit",
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    bits_stored: int | None = None,
    modality: Literal["DX", "CR"] = "DX",
    patient: Person | None = None,
    study_uid: str | None = None,
    study_date: str = "20240229",
    charset: str = "ISO_IR 192",
    view: str = "PA",
    laterality: str | None = None,
    orientation: str | None = None,
    spacing: Literal["calibrated", "detector", "none"] = "calibrated",
    part10: bool = True,
) -> None:
    """Write the plate as a DICOM object.

    `laterality` and `orientation` come from the plate where they are None; "" leaves them out. `part10=False` leaves
    preamble and file meta group out, as some archives do (implicit VR only).
    """
    coded = SYNTAXES[syntax]
    bits = coded.usual_bits if bits_stored is None else bits_stored
    if bits not in coded.bits:
        raise ValueError(f"{syntax} can't be written with {bits} bits here, only {coded.bits}")
    digest = hashlib.sha256(plate.pixels.tobytes() + f"{syntax} {photometric} {bits} {modality} {view}".encode())
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
    _say_who(dataset, patient or Person(), study_uid or _uid("study", str(plate.spec)), study_date)
    _say_what(dataset, modality, digest.hexdigest())
    _say_where(dataset, plate, view, laterality, orientation)
    _say_spacing(dataset, plate.spacing_mm, spacing)
    _say_pixels(dataset, plate.pixels.shape, photometric, bits)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = coded.uid if coded.uid != uid.RLELossless else uid.ExplicitVRLittleEndian
    put_pixels(dataset, stored(plate.pixels, bits, inverted=photometric == "MONOCHROME1"), coded, bits)
    _save(dataset, path, part10=part10)


def stored(pixels: NDArray[np.uint16], bits: int, *, inverted: bool = False) -> Pixels:
    """The pixels with this number of bits, as an object stores them."""
    values = pixels >> (16 - bits)
    if inverted:
        values = (2**bits - 1) - values
    return values.astype(np.uint8) if bits <= 8 else values.astype(np.uint16)


def _save(dataset: Dataset, path: Path, *, part10: bool) -> None:
    if part10:
        dataset.save_as(path, enforce_file_format=True)
        return
    if dataset.file_meta.TransferSyntaxUID != uid.ImplicitVRLittleEndian:
        raise ValueError("without a file meta group only implicit VR can be told")
    del dataset.file_meta
    dataset.save_as(path, implicit_vr=True, little_endian=True)


def _uid(*parts: str) -> str:
    return str(uid.generate_uid(prefix="2.25.", entropy_srcs=list(parts)))


def _say_who(dataset: Dataset, patient: Person, study_uid: str, study_date: str) -> None:
    dataset.PatientName = patient.name
    dataset.PatientID = patient.id
    dataset.PatientBirthDate = patient.birth_date
    dataset.PatientSex = patient.sex
    dataset.StudyInstanceUID = study_uid
    dataset.SeriesInstanceUID = _uid("series", study_uid)
    dataset.StudyID = "1"
    dataset.AccessionNumber = "SYN" + study_uid[-8:]
    dataset.ReferringPhysicianName = ""
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = study_date
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "101500"
    dataset.StudyDescription = "Knee, synthetic"
    dataset.SeriesDescription = "SYNTHETIC knee radiograph"


def _say_what(dataset: Dataset, modality: Literal["DX", "CR"], digest: str) -> None:
    dataset.SOPClassUID = _KINDS[modality]
    dataset.SOPInstanceUID = _uid("instance", digest)
    dataset.Modality = modality
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.Manufacturer = "koa-worker"
    dataset.ManufacturerModelName = "synthetic"
    dataset.ImageComments = NOTE
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.BodyPartExamined = "KNEE"
    dataset.BurnedInAnnotation = "NO"
    if modality == "DX":
        dataset.PresentationIntentType = "FOR PRESENTATION"
        dataset.PixelIntensityRelationship = "LOG"
        dataset.DetectorType = ""
        dataset.AcquisitionContextSequence = []
        dataset.AnatomicRegionSequence = [_code("72696002", "SCT", "Knee")]


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _laterality(plate: Plate) -> str:
    sides = {truth.side for truth in plate.truths}
    return "B" if len(sides) > 1 else ("L" if Side.LEFT in sides else "R")


def _say_where(dataset: Dataset, plate: Plate, view: str, laterality: str | None, orientation: str | None) -> None:
    # Laterality of the series (CR) knows no B: it is left out where both are on the frame (PS3.3 C.7.3.1).
    found = _laterality(plate) if laterality is None else laterality
    if dataset.Modality == "DX" and found:
        dataset.ImageLaterality = found
    elif found in ("L", "R"):
        dataset.Laterality = found
    dataset.ViewPosition = view
    rows = "L\\F" if orientation is None else orientation  # drawn as if the viewer faced the patient
    if rows:
        dataset.PatientOrientation = rows.split("\\")
    if dataset.Modality == "DX" and view in ("AP", "PA"):
        meanings = {"AP": ("399348003", "antero-posterior"), "PA": ("272479007", "postero-anterior")}
        dataset.ViewCodeSequence = [_code(meanings[view][0], "SCT", meanings[view][1])]
        dataset.ViewCodeSequence[0].ViewModifierCodeSequence = []


def _say_spacing(dataset: Dataset, spacing_mm: float, kind: Literal["calibrated", "detector", "none"]) -> None:
    """The plate's millimetres are the patient's; "detector" says the same number without that claim."""
    if kind == "none":
        return
    at_detector = spacing_mm * (_MAGNIFICATION if kind == "calibrated" else 1)
    dataset.ImagerPixelSpacing = [round(at_detector, 6)] * 2
    if kind == "calibrated":
        dataset.PixelSpacing = [round(spacing_mm, 6)] * 2
        dataset.PixelSpacingCalibrationType = "GEOMETRY"
        dataset.PixelSpacingCalibrationDescription = "known from the drawing"
        dataset.EstimatedRadiographicMagnificationFactor = _MAGNIFICATION


def _say_pixels(dataset: Dataset, shape: tuple[int, ...], photometric: str, bits: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns = shape
    dataset.BitsAllocated = 8 if bits <= 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (bits - 1), 2**bits
    dataset.LossyImageCompression = "00"
    if dataset.Modality == "DX":
        dataset.PixelIntensityRelationshipSign = -1 if photometric == "MONOCHROME1" else 1
