"""Synthetic radiographs match their specification, are reproducible, and their truth matches the pixels."""

from dataclasses import replace

import numpy as np
import pytest

from koa_worker.synthetic import Collimation, KneeSpec, PlateSpec, crop, draw, random_spec
from koa_worker.values import Side

CLEAN = PlateSpec(
    480, 400, 0.35, (KneeSpec(Side.LEFT, seed=4),), photons=1e9, scatter=0.0, flatten=0.0, sharpen=0.0, letters=False
)


def test_same_specification_same_pixels() -> None:
    spec = random_spec(5, longest=300)
    assert spec == random_spec(5, longest=300)
    assert np.array_equal(draw(spec).pixels, draw(spec).pixels)
    assert not np.array_equal(draw(spec).pixels, draw(replace(spec, seed=spec.seed + 1)).pixels)


def test_a_plate_has_its_size_and_uses_its_scale() -> None:
    plate = draw(CLEAN)
    assert plate.pixels.shape == (480, 400)
    assert plate.pixels.dtype == np.uint16
    assert plate.pixels.min() < 3000
    assert plate.pixels.max() > 55000


@pytest.mark.parametrize("tilt", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_margins_lie_where_the_density_rises(side: Side, tilt: float) -> None:
    knee = KneeSpec(side, medial_mm=4.0, lateral_mm=6.0, tilt_deg=tilt, seed=9)
    plate = draw(replace(CLEAN, height=500, width=500, spacing_mm=0.2, knees=(knee,), blur_mm=0.1))
    pixels = plate.pixels.astype(float)
    for space in (plate.truths[0].medial, plate.truths[0].lateral):
        for margin, way in ((space.femoral, 1), (space.tibial, -1)):  # way: towards the gap
            off = []
            for x, y in margin[20:140:10]:
                column, row = round(x), round(y)
                slope = np.diff(pixels[row - 6 : row + 7, column]) * way
                off.append((row - 6 + int(slope.argmin()) + 0.5 - y) * way)
            assert abs(float(np.median(off))) < 1.0, (side, way, off)


def test_fibula_lies_on_the_outer_side() -> None:
    for side, outer in ((Side.LEFT, 1), (Side.RIGHT, -1)):
        plate = draw(replace(CLEAN, knees=(KneeSpec(side, seed=4),)))
        truth = plate.truths[0]
        x, y = (int(c) for c in truth.centre)
        row = plate.pixels[int(y + 0.75 * truth.plateau_px)].astype(float)
        reach = int(0.44 * truth.plateau_px)
        assert row[x + outer * reach] > row[x - outer * reach] + 1500


def test_box_is_a_square_of_the_plateau_around_the_joint() -> None:
    truth = draw(CLEAN).truths[0]
    assert truth.plateau_px == pytest.approx(76 / 0.35)
    assert truth.box.width == truth.box.height == round(1.2 * 76 / 0.35)
    assert truth.box.x + truth.box.width / 2 == pytest.approx(truth.centre[0] + 0.5, abs=1)
    assert truth.box.y + truth.box.height / 2 == pytest.approx(truth.centre[1] + 0.5, abs=1)


def test_knees_come_in_picture_order() -> None:
    knees = (KneeSpec(Side.LEFT, centre=(0.75, 0.5)), KneeSpec(Side.RIGHT, centre=(0.25, 0.5)))
    plate = draw(PlateSpec(260, 400, 0.9, knees))
    assert [truth.side for truth in plate.truths] == [Side.RIGHT, Side.LEFT]


def test_a_crop_is_its_own_box() -> None:
    plate = crop(KneeSpec(Side.RIGHT, severity=3.0), seed=2)
    box = plate.truths[0].box
    assert plate.pixels.shape == (224, 224)
    assert (abs(box.x), abs(box.y), box.width) == (0, 0, 224)


def test_shutter_blanks_and_lead_whitens() -> None:
    dark = draw(replace(CLEAN, collimation=Collimation.SHUTTER, collimation_deg=2.0, seed=3)).pixels
    white = draw(replace(CLEAN, collimation=Collimation.LEAD, collimation_deg=2.0, seed=3)).pixels
    hidden = dark == 0
    assert 0.005 < hidden.mean() < 0.3
    assert np.median(white[hidden]) > 60000


def test_markers_show() -> None:
    plain = draw(CLEAN).pixels.astype(int)
    lettered = draw(replace(CLEAN, letters=True)).pixels.astype(int)
    assert np.mean(np.abs(lettered - plain) > 8000) > 0.0005
    boxed = draw(replace(CLEAN, boxes=2)).pixels
    assert np.mean(boxed == 0) > 0.003


@pytest.mark.parametrize("changed", [{"height": 10}, {"knees": ()}, {"spacing_mm": 0.0}])
def test_what_cannot_be_drawn_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a plate needs"):
        replace(CLEAN, **changed)  # type: ignore[arg-type]


def test_random_plates_cover_the_variety() -> None:
    specs = [random_spec(seed, longest=800) for seed in range(120)]
    assert {len(spec.knees) for spec in specs} == {1, 2}
    assert {spec.collimation for spec in specs} == set(Collimation)
    assert {knee.side for spec in specs for knee in spec.knees} == {Side.LEFT, Side.RIGHT}
    assert {round(knee.severity) for spec in specs for knee in spec.knees} == {0, 1, 2, 3, 4}
    assert any(spec.beads for spec in specs)
    assert any(spec.boxes for spec in specs)
    assert all(max(spec.height, spec.width) == 800 for spec in specs)
    assert min(spec.height / spec.width for spec in specs) < 0.4
    assert max(spec.height / spec.width for spec in specs) > 1.4
    for spec in specs:
        assert [k.side for k in spec.knees if len(spec.knees) == 2] in ([], [Side.RIGHT, Side.LEFT])
