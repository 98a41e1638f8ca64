"""Metal is told from bone by an edge that is steep all round, and by its evenness, whatever the exposure."""

import cv2
import numpy as np
import pytest

from koa_worker.knee.grading.metal import evidence_that_counts, find_metal, metal_outline
from koa_worker.knee.grading.prepare import SIZE, Picture, crop, equalize, resize
from koa_worker.synthetic import ImplantKind, draw, random_spec, with_implant
from koa_worker.values import Box

SEEDS = range(6)


def joints(seed: int, kind: ImplantKind | None = None) -> list[Picture]:
    plate = draw(random_spec(seed, longest=700))
    for knee in plate.truths if kind else ():
        plate = with_implant(plate, knee, kind)
    return [resize(crop(plate.pixels, knee.box)) for knee in plate.truths]


def exposed(joint: Picture, gamma: float, gain: float, offset: float) -> Picture:
    """As another console would show it."""
    levels = (joint / 255.0) ** gamma * gain + offset
    return np.asarray(np.clip(levels * 255, 0, 255), np.uint8)


@pytest.mark.parametrize("seed", SEEDS)
def test_bone_is_no_metal(seed: int) -> None:
    for joint in joints(seed):
        assert not find_metal(joint).suspected
        assert not find_metal(equalize(joint), equalized=True).clear


@pytest.mark.parametrize("equalized", [False, True])
@pytest.mark.parametrize("strangeness", [-np.inf, -3.0, 0.5, 4.0])
@pytest.mark.parametrize("kind", [None, ImplantKind.TOTAL])
def test_what_is_left_out_would_have_changed_nothing(
    kind: ImplantKind | None, strangeness: float, equalized: bool
) -> None:
    least = evidence_that_counts(strangeness, equalized=equalized)
    for joint in joints(1, kind) + joints(2, kind):
        every, most = find_metal(joint, equalized=equalized), find_metal(joint, equalized=equalized, least=least)
        if every.evidence >= least:
            assert every == most
        else:
            assert most.evidence < least
            assert not every.clear
            assert not every.suspected
            assert not every.is_metal_beside(strangeness)


@pytest.mark.parametrize("kind", list(ImplantKind))
def test_every_kind_of_metal_is_metal(kind: ImplantKind) -> None:
    found = [find_metal(joint) for seed in SEEDS for joint in joints(seed, kind)]
    assert all(metal.suspected for metal in found)
    assert np.mean([metal.clear for metal in found]) > 0.8


@pytest.mark.parametrize("gamma", [0.6, 1.0, 1.6])
@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (0.6, 0.3), (1.0, 0.0)])
def test_exposure_neither_makes_metal_nor_hides_it(gamma: float, gain: float, offset: float) -> None:
    assert not any(find_metal(exposed(joint, gamma, gain, offset)).clear for joint in joints(1))
    assert all(find_metal(exposed(joint, gamma, gain, offset)).suspected for joint in joints(1, ImplantKind.TOTAL))


@pytest.mark.parametrize("white", [70, 80, 90])
def test_bone_that_is_exposed_to_white_is_none(white: int) -> None:
    for seed in SEEDS:
        for joint in joints(seed):
            bright = exposed(joint, 1.0, 255 / np.percentile(joint, white), 0.0)
            assert not find_metal(bright).clear


@pytest.mark.parametrize("white", [70, 80, 90])
def test_a_prosthesis_that_is_exposed_to_white_is_still_seen(white: int) -> None:
    for joint in joints(1, ImplantKind.TOTAL):
        assert find_metal(exposed(joint, 1.0, 255 / np.percentile(joint, white), 0.0)).suspected


def test_a_lead_letter_in_the_corner_is_none() -> None:
    (joint, *_) = joints(0)
    cv2.putText(joint, "L", (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 4)
    assert not find_metal(joint).suspected


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_crop_is_none(level: int) -> None:
    assert not find_metal(np.full((SIZE, SIZE), level, np.uint8)).suspected


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_outline_runs_around_the_metal_in_pixels_of_the_frame(bits: int) -> None:
    plate = draw(random_spec(2, longest=700))
    knee = plate.truths[0]
    native, metal = ((one.pixels >> (16 - bits)) for one in (plate, with_implant(plate, knee)))
    assert metal_outline(native, knee.box) == ()
    line = np.array(metal_outline(metal, knee.box))
    middle = line.mean(axis=0)
    assert np.abs(middle - knee.centre).max() < 0.4 * knee.plateau_px
    inside = cv2.fillPoly(np.zeros(metal.shape, np.uint8), [line.round().astype(np.int32)], (1,)) > 0
    assert np.median(metal[inside]) > 0.95 * metal.max()


def test_a_box_without_metal_has_no_outline() -> None:
    assert metal_outline(np.full((300, 300), 90, np.uint8), Box(20, 20, 200, 200)) == ()
