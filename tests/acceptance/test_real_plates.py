"""The two real half plates and their side-by-side composition: how many knees, which, and where."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.intake import digest
from koa_worker.knee.finding.roi import find_knees
from koa_worker.read import read
from koa_worker.synthetic import KneeSpec, Plate, PlateSpec
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Box, KneeRoi, Side


@dataclass(frozen=True)
class Eye:
    """A person's measurements of a radiograph: the joint's centre and the width of the tibial plateau, in pixels."""

    x: int
    y: int
    plateau: int
    side: Side

    def box(self, shift: int = 0) -> Box:
        edge = round(1.2 * self.plateau)
        return Box(self.x + shift - edge // 2, self.y - edge // 2, edge, edge)


KL1 = Eye(865, 1265, 470, Side.RIGHT)
KL3 = Eye(750, 1245, 575, Side.LEFT)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def half(shared: Path, name: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(shared / "plates" / name), cv2.IMREAD_GRAYSCALE), np.uint8)


def composition(shared: Path) -> tuple[NDArray[np.uint8], int]:
    """As the PACS shows it, the patient's right on the left; and how far the second half is shifted."""
    right, left = half(shared, "kl1.jpg"), half(shared, "kl3.jpg")
    high = max(right.shape[0], left.shape[0])
    padded = [np.pad(part, ((0, high - part.shape[0]), (0, 0))) for part in (right, left)]
    return np.hstack(padded), right.shape[1]


def find(path: Path) -> tuple[KneeRoi, ...]:
    return find_knees(read(Arrival(path, digest(path), path.stat().st_size, path.name), Limits()))


def as_plate(pixels: NDArray[np.uint8], *sides: Side) -> Plate:
    spec = PlateSpec(*pixels.shape, spacing_mm=0.15, knees=tuple(KneeSpec(side) for side in sides))
    return Plate(pixels.astype(np.uint16) * 257, (), 0.15, spec)


@pytest.mark.parametrize(("name", "eye"), [("kl1.jpg", KL1), ("kl3.jpg", KL3)])
def test_a_half_plate(shared: Path, name: str, eye: Eye) -> None:
    (knee,) = find(shared / "plates" / name)
    assert overlap(knee.box, eye.box()) >= 0.7
    assert knee.side is Side.UNKNOWN  # a bare picture does not say


def test_the_composition_as_a_picture(shared: Path, tmp_path: Path) -> None:
    pixels, shift = composition(shared)
    cv2.imwrite(str(tmp_path / "both.png"), pixels)
    first, second = find(tmp_path / "both.png")
    assert overlap(first.box, KL1.box()) >= 0.7
    assert overlap(second.box, KL3.box(shift)) >= 0.7


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("syntax", "bits"),
    [
        ("explicit", 10),
        ("implicit", 12),
        ("explicit", 14),
        ("big-endian", 16),
        ("jpeg-lossless", 12),
        ("jpeg-ls", 16),
        ("jpeg-2000", 12),
    ],
)
def test_the_composition_as_dicom(shared: Path, tmp_path: Path, photometric: str, syntax: str, bits: int) -> None:
    pixels, shift = composition(shared)
    path = tmp_path / "both.dcm"
    # Nothing but the view says which leg is which: the display convention has to do.
    plate = as_plate(pixels, Side.RIGHT, Side.LEFT)
    write_dicom(
        path, plate, syntax=syntax, bits_stored=bits, photometric=photometric, laterality="", orientation="", view="PA"
    )
    first, second = find(path)
    assert (first.side, second.side) == (Side.RIGHT, Side.LEFT)
    assert overlap(first.box, KL1.box()) >= 0.7
    assert overlap(second.box, KL3.box(shift)) >= 0.7


def test_another_hospitals_strips(shared: Path) -> None:
    """One knee on the narrow ones, two on the wide ones."""
    frames = sorted((shared / "hospital").rglob("*.png"))
    right = 0
    for frame in frames:
        picture = cv2.imread(str(frame), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        expected = 2 if picture.shape[1] > 500 else 1
        with contextlib.suppress(InputRejected):
            right += len(find(frame)) == expected
    assert len(frames) == 38
    assert right >= 36
