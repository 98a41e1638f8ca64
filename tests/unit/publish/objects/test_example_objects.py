"""The objects in reports/objects/ are of every kind that is sent, and of the present release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.sr.coding import Code

from bench.example_objects import NAMES, WHO
from koa_worker import __version__
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.publish.objects import codes
from koa_worker.publish.objects.result import CHOSEN

FOLDER = Path(__file__).parents[4] / "reports/objects"


def _object(modality: str) -> Dataset:
    return pydicom.dcmread(FOLDER / NAMES[modality])


def _walk(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _walk(child)


def test_there_is_one_object_of_each_kind_and_no_other_file() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(NAMES.values())
    assert len(NAMES) == len(CHOSEN)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000


@pytest.mark.parametrize("modality", NAMES)
def test_an_object_is_of_the_present_program_and_release(modality: str) -> None:
    release, found = Release.open(model_folder()), _object(modality)
    assert found.Modality == modality
    assert str(found.PatientName) == WHO.name
    assert list(found.SoftwareVersions) == [__version__, release.manifest.label]
    assert found.ContentQualification == "RESEARCH"


def test_the_report_has_a_region_a_grade_and_widths_for_each_knee() -> None:
    report = hd.sr.srread(FOLDER / NAMES["SR"])
    groups = report.content.get_planar_roi_measurement_groups()
    assert [codes.GRADE in {one.name for one in group.get_qualitative_evaluations()} for group in groups].count(
        True
    ) == 2
    digest = Release.open(model_folder()).digest
    assert any(digest in str(item.get("TextValue", "")) for item in _walk(report))
    widths = [item for item in _walk(report) if item.ValueType == "NUM" and _name(item) in codes.WIDTHS.values()]
    assert len(widths) == 4


def _name(item: Dataset) -> Code:
    concept = item.ConceptNameCodeSequence[0]
    return Code(concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning)


def test_the_presentation_state_has_its_layers_on_the_image_of_the_report() -> None:
    state, report = _object("PR"), _object("SR")
    layers = {item.GraphicLayer for item in state.GraphicLayerSequence}
    assert {"KOA BOXES", "KOA MARGINS", "KOA NARROWEST", "KOA LABELS"} <= layers
    (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
    (named,) = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in _walk(report)
        if item.ValueType == "IMAGE"
        and item.ReferencedSOPSequence[0].ReferencedSOPClassUID == image.ReferencedSOPClassUID
    }
    assert image.ReferencedSOPInstanceUID == named


def test_the_capture_is_a_picture_and_the_document_a_pdf() -> None:
    capture = _object("OT")
    (frame,) = generate_frames(capture.PixelData, number_of_frames=1)
    picture = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (capture.Rows, capture.Columns, 3)
    assert _object("DOC").EncapsulatedDocument.startswith(b"%PDF-")
