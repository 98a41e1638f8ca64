"""The outlines keep their promises: widths to the hundredth of a millimetre, bones on their sides."""

import numpy as np
import pytest

from koa_worker.synthetic import KneeSpec, anatomy, random_knee
from koa_worker.values import Side


@pytest.mark.parametrize("medial", [0.5, 1.0, 2.5, 4.6, 8.0])
@pytest.mark.parametrize("lateral", [0.5, 5.6, 8.0])
@pytest.mark.parametrize("severity", [0.0, 4.0])
def test_joint_spaces_have_the_wanted_width(medial: float, lateral: float, severity: float) -> None:
    knee = KneeSpec(Side.LEFT, severity, medial_mm=medial, lateral_mm=lateral, seed=int(medial * 10))
    shape = anatomy.build(knee)
    assert shape.medial.min_mm == pytest.approx(medial, abs=0.02)
    assert shape.lateral.min_mm == pytest.approx(lateral, abs=0.02)
    for part in (shape.medial, shape.lateral):
        assert part.mean_mm >= part.min_mm
        apart = np.linalg.norm(part.femoral[:, None] - part.tibial[None], axis=2)
        assert apart.min() == pytest.approx(part.min_mm, abs=1e-6)
        assert np.all(part.femoral[:, 1] < part.tibial[:, 1])  # the femur is above the tibia


def test_margins_run_from_the_midline_outwards_on_their_own_side() -> None:
    shape = anatomy.build(KneeSpec(Side.RIGHT))
    assert np.all(shape.lateral.tibial[:, 0] > 0)
    assert np.all(shape.medial.tibial[:, 0] < 0)
    assert np.all(np.diff(np.abs(shape.medial.tibial[:, 0])) > 0)


def test_plateau_is_as_wide_as_asked_and_grows_spurs_only_with_wear() -> None:
    widths = {}
    for severity in (0.0, 4.0):
        tibia = anatomy.build(KneeSpec(Side.LEFT, severity, plateau_mm=80)).tibia
        near = tibia[np.abs(tibia[:, 1]) < 8]
        widths[severity] = np.ptp(near[:, 0])
    assert widths[0.0] == pytest.approx(80, rel=0.015)
    assert widths[4.0] > widths[0.0] + 4


def test_worse_knees_are_narrower_on_average() -> None:
    rng = np.random.default_rng(1)
    many = {grade: [random_knee(rng, Side.LEFT, severity=grade) for _ in range(60)] for grade in (0.0, 4.0)}
    means = {g: float(np.mean([min(k.medial_mm, k.lateral_mm) for k in knees])) for g, knees in many.items()}
    assert means[4.0] < means[0.0] - 2
