"""Reports to test with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from koa_worker.report.content import StudyReport
from koa_worker.values import Patient, Side, Study
from tests.unit.report.drawn import PATIENT, REASONS, draw_image, grade_of, report_of
from tests.unit.report.layouts import every_layout


def bilateral(patient: Patient = PATIENT) -> StudyReport:
    knees = {Side.RIGHT: grade_of(2), Side.LEFT: grade_of(1, *REASONS)}
    return report_of(draw_image("3f2a91bc0d", knees), patient=patient)


@pytest.fixture(scope="session")
def make_bilateral() -> Callable[..., StudyReport]:
    """One radiograph with both knees; the second one is flagged."""
    cached = bilateral()

    def make(patient: Patient = PATIENT) -> StudyReport:
        return dataclasses.replace(cached, patient=patient)

    return make


@pytest.fixture(scope="session")
def make_study() -> Callable[..., StudyReport]:
    """Any number of radiographs: with both knees, or single ones of the right and left in turn."""

    def make(count: int, *, single: bool = False, side: Side | None = None, rejected=(), size=(700, 900)):
        images = []
        for number in range(count):
            grade = grade_of(number % 5)
            turn = side or (Side.LEFT, Side.RIGHT)[number % 2]
            both = not single and side is None
            knees = {Side.RIGHT: grade, Side.LEFT: grade_of(4 - number % 5)} if both else {turn: grade}
            images.append(draw_image(f"{number:08x}", knees, size=size))
        return report_of(*images, rejected=rejected)

    return make


@pytest.fixture(scope="session")
def make_plain() -> Callable[..., StudyReport]:
    """A PNG crop that says nothing of itself."""
    study = Study("2.25.123456789012345678901234567890", "2.25.1")

    def make() -> StudyReport:
        knees = [(Side.UNKNOWN, grade_of(3))]
        image = draw_image("dd" * 16, knees, study=study, size=(224, 224), file_format="PNG", spacing=None, whole=True)
        return report_of(image, patient=Patient(), study=study)

    return make


@pytest.fixture(scope="session")
def layouts() -> dict[str, StudyReport]:
    """Reports of all shapes, by what is special in each."""
    return every_layout()
