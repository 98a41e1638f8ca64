"""Draws a radiograph: legs and other objects in one attenuation map, then the exposure and the console's image."""

from __future__ import annotations

import numpy as np

from koa_worker.synthetic import detector, markers
from koa_worker.synthetic.leg import add_leg
from koa_worker.synthetic.spec import KneeSpec, PlateSpec, crop_spec
from koa_worker.synthetic.truth import Plate


def draw(spec: PlateSpec) -> Plate:
    """Draws a radiograph; the same specification gives the same pixels."""
    rng = np.random.default_rng(spec.seed)
    attenuation = np.zeros((spec.height, spec.width), np.float32)
    truths = tuple(sorted((add_leg(attenuation, spec, k, rng) for k in spec.knees), key=lambda t: t.centre[0]))
    if spec.letters:
        markers.add_letters(attenuation, spec, truths, rng)
    if spec.beads:
        markers.add_beads(attenuation, spec, rng)
    field = markers.opening(spec, rng)
    pixels = detector.develop(detector.expose(attenuation, field, spec, rng), field, spec)
    markers.blacken(pixels, spec, field, rng)
    return Plate(pixels, truths, spec.spacing_mm, spec)


def crop(knee: KneeSpec, *, size: int = 224, seed: int = 0) -> Plate:
    """One knee framed like the training crops, before equalisation."""
    return draw(crop_spec(knee, size=size, seed=seed))
