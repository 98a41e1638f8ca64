"""The joint space: drawn widths are measured correctly; nothing is reported that cannot be seen or known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from koa_worker.knee.joint_space.measure import measure
from koa_worker.synthetic import KneeSpec, Plate, PlateSpec, draw
from koa_worker.values import (
    Box,
    CompartmentName,
    GrayImage,
    JointSpace,
    KneeRoi,
    Radiograph,
    Side,
    Spacing,
    SpacingSource,
    Study,
)

MEDIAL, LATERAL = CompartmentName.MEDIAL, CompartmentName.LATERAL
SPACING = 0.15


def plate(knee: KneeSpec, **changes: float) -> Plate:
    edge = round(150 / SPACING)
    return draw(PlateSpec(edge, edge, SPACING, (knee,), letters=False, **{"seed": 5, **changes}))  # type: ignore[arg-type]


def measured(drawn: Plate, pixels: GrayImage | None = None, *, column_zero_side: str = "R") -> JointSpace:
    truth = drawn.truths[0]
    spacing = Spacing(SPACING, SPACING, SpacingSource.DETECTOR)
    shown = drawn.pixels if pixels is None else pixels
    frame = Radiograph(shown, "DICOM", Study("1", "2"), spacing=spacing, column_zero_side=column_zero_side)
    return measure(frame, KneeRoi(truth.box, truth.side))


def test_widths_come_out_as_they_were_drawn() -> None:
    errors = []
    for number, (medial, lateral) in enumerate([(0.5, 5.0), (1.2, 6.5), (2.0, 3.0), (4.6, 5.6), (6.0, 8.0)]):
        knee = KneeSpec(
            (Side.LEFT, Side.RIGHT)[number % 2], 4 - number, medial, lateral, tilt_deg=number * 3 - 6, seed=number
        )
        drawn = plate(knee, photons=(3_000, 20_000)[number % 2], gamma=0.8 + 0.1 * number, contrast=0.75)
        found, truth = measured(drawn), drawn.truths[0]
        for name, known in ((MEDIAL, truth.medial), (LATERAL, truth.lateral)):
            part = found.find(name)
            assert part is not None
            assert part.min_mm is not None
            assert part.mean_mm == pytest.approx(known.mean_mm, abs=0.5)
            errors.append(abs(part.min_mm - known.min_mm))
    assert np.median(errors) <= 0.15
    assert max(errors) <= 0.5


def test_the_same_knee_gives_the_same_width_shifted_turned_and_in_fewer_bits() -> None:
    knee = KneeSpec(Side.LEFT, 2.0, 2.4, 5.0, seed=3)
    found = []
    for number in range(5):
        moved = replace(knee, centre=(0.5 + 0.0007 * number, 0.5 - 0.0011 * number), tilt_deg=0.8 * number - 1.6)
        drawn = plate(moved, seed=5 + number)
        found.append([measured(drawn, drawn.pixels >> bits).width(MEDIAL, "min_mm") for bits in (0, 4, 6)])
    assert np.std(np.array(found, float)) <= 0.1


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_speck_at_the_margin_makes_no_narrow_place(seed: int) -> None:
    """A calcification of 1.6 mm, half of it in the joint space: the bone's margin runs on behind it."""
    drawn = plate(KneeSpec(Side.LEFT, 0.5, 4.0, 5.5, seed=seed))
    femoral = drawn.truths[0].medial.femoral
    for place in (0.35, 0.5, 0.65):
        x, y = femoral[round(place * len(femoral))]
        specked = drawn.pixels.copy()
        cv2.circle(specked, (round(x), round(y)), round(0.8 / SPACING), 60_000, -1, cv2.LINE_AA)
        assert measured(drawn, specked).width(MEDIAL, "min_mm") == pytest.approx(4.0, abs=0.2)


def test_margins_lie_where_they_were_drawn() -> None:
    drawn = plate(KneeSpec(Side.RIGHT, 1.0, 3.5, 4.5, seed=8))
    part = measured(drawn).find(MEDIAL)
    assert part is not None
    for line, known in ((part.femoral, drawn.truths[0].medial.femoral), (part.tibial, drawn.truths[0].medial.tibial)):
        order = np.argsort(known[:, 0])
        inside = [(x, y) for x, y in line if known[:, 0].min() <= x <= known[:, 0].max()]
        away = [y - np.interp(x, known[order, 0], known[order, 1]) for x, y in inside]
        assert len(inside) > 30
        assert np.median(np.abs(away)) * SPACING < 0.15


def test_a_picture_without_a_pixel_size_gets_shares_and_no_millimetres() -> None:
    drawn = plate(KneeSpec(Side.LEFT, seed=2))
    frame = Radiograph(drawn.pixels, "PNG", Study("1", "2"))
    found = measure(frame, KneeRoi(drawn.truths[0].box, Side.UNKNOWN))
    assert found.calibration is SpacingSource.NONE
    for part in found.compartments:
        assert (part.min_mm, part.mean_mm) == (None, None)
        assert part.min_ratio is not None
        assert 0.02 < part.min_ratio < 0.12


@pytest.mark.parametrize(
    ("side", "column_zero_side", "names"),
    [
        (Side.RIGHT, "R", ("lateral", "medial")),
        (Side.LEFT, "R", ("medial", "lateral")),
        (Side.RIGHT, "L", ("medial", "lateral")),
        (Side.LEFT, "L", ("lateral", "medial")),
        (Side.UNKNOWN, "R", ("picture_left", "picture_right")),
        (Side.LEFT, "", ("picture_left", "picture_right")),
    ],
)
def test_compartments_are_named_only_where_side_and_display_are_known(
    side: Side, column_zero_side: str, names: tuple[str, str]
) -> None:
    drawn = plate(KneeSpec(Side.LEFT, seed=2))
    frame = Radiograph(drawn.pixels, "PNG", Study("1", "2"), column_zero_side=column_zero_side)
    found = measure(frame, KneeRoi(drawn.truths[0].box, side))
    assert tuple(part.name for part in found.compartments) == names


def test_a_negative_is_measured_like_its_positive() -> None:
    drawn = plate(KneeSpec(Side.LEFT, 3.0, 2.0, 5.0, seed=4))
    box = drawn.truths[0].box
    pixels = drawn.pixels[box.y : box.y + box.height, box.x : box.x + box.width]
    found = []
    for shown in (pixels, 65535 - pixels):
        frame = Radiograph(shown, "PNG", Study("1", "2"))
        found.append(measure(frame, KneeRoi(Box(0, 0, box.width, box.height), Side.UNKNOWN, whole_frame=True)))
    assert [part.min_ratio for part in found[0].compartments] == [
        pytest.approx(part.min_ratio, abs=1e-4) for part in found[1].compartments
    ]


@pytest.mark.parametrize("seed", range(3))
def test_bone_on_bone_is_next_to_nothing_and_not_unclear(seed: int) -> None:
    found = measured(plate(KneeSpec(Side.RIGHT, 4.0, 0.0, 5.0, seed=seed), seed=seed))
    for name, known, within in ((MEDIAL, 0.0, 0.6), (LATERAL, 5.0, 0.5)):
        assert found.width(name, "min_mm") == pytest.approx(known, abs=within)


def test_nothing_is_said_where_there_are_no_margins() -> None:
    noise = np.random.default_rng(1).normal(128, 20, (400, 400)).clip(0, 255).astype(np.uint8)
    shaft = np.tile(np.interp(np.arange(400), [0, 120, 200, 280, 399], [20, 60, 200, 60, 20]), (400, 1)).astype(
        np.uint8
    )
    for pixels in (noise, shaft, np.zeros((400, 400), np.uint16)):
        frame = Radiograph(pixels, "PNG", Study("1", "2"), spacing=Spacing(0.2, 0.2, SpacingSource.CALIBRATED))
        for part in measure(frame, KneeRoi(Box(-10, 0, 400, 400), Side.UNKNOWN)).compartments:
            assert not part.clear
            assert (part.min_mm, part.mean_mm, part.min_ratio, part.mean_ratio) == (None,) * 4


def test_a_crop_of_224_pixels_is_enough() -> None:
    knee = KneeSpec(Side.LEFT, 2.0, 2.5, 5.5, seed=6)
    spec = PlateSpec(224, 224, 1.2 * knee.plateau_mm / 224, (knee,), seed=1, letters=False, photons=120_000)
    drawn = draw(spec)
    spacing = Spacing(spec.spacing_mm, spec.spacing_mm, SpacingSource.CALIBRATED)
    frame = Radiograph((drawn.pixels >> 8).astype(np.uint8), "PNG", Study("1", "2"), spacing=spacing)
    found = measure(frame, KneeRoi(Box(0, 0, 224, 224), Side.LEFT, whole_frame=True))
    left, right = (part.min_mm for part in found.compartments)
    assert left == pytest.approx(2.5, abs=0.5)
    assert right == pytest.approx(5.5, abs=0.5)


def test_real_joint_spaces_are_narrower_in_worn_knees(shared: Path) -> None:
    """Validation crops: most are measured, bone on bone too, and the least width tells moderate from none.

    It is here for a fault that hits many knees, such as a compartment no longer found or closed ones given up; how good
    the measurement is, `bench.joint_space` says. Other processors round another way when they decode and resize, which
    tips single knees at the edge of what is clear: of the 27 of grade 4, 23 are measured and two more may be missing.
    """
    least: dict[int, list[float]] = {}
    for kl in (0, 3, 4):
        paths = sorted((shared / f"oai-kl-224/val/{kl}").glob("*.jpg"))[:30]
        least[kl] = []
        for path in paths:
            pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
            roi = KneeRoi(Box(0, 0, 224, 224), Side.UNKNOWN, whole_frame=True)
            parts = measure(Radiograph(pixels, "JPEG", Study("1", "2")), roi).compartments
            widths = [part.min_ratio for part in parts if part.min_ratio is not None]
            if len(widths) == 2:
                least[kl].append(min(widths))
        assert len(least[kl]) >= len(paths) * (3 / 4 if kl == 4 else 14 / 15)
    assert np.mean(np.array(least[0])[:, None] > np.array(least[3])) > 0.85
    assert np.median(least[4]) < 0.015
