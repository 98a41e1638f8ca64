"""Simulated knees: the answers of a release, and the grades of readers who use the scale differently."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from koa_worker.calibration.fit import ReadKnees
from koa_worker.knee.grading.site import SiteScale

Simulate = Callable[..., ReadKnees]


@pytest.fixture
def simulate() -> Simulate:
    def simulated(site: SiteScale, count: int, seed: int = 0) -> ReadKnees:
        rng = np.random.default_rng(seed)
        severity = rng.normal(0, 2.5, count)
        tails = 1 / (
            1 + np.exp(-(severity[:, None] - np.array([-1.0, 0.0, 1.5, 3.0]) + rng.normal(0, 0.3, (count, 1))))
        )
        steps = np.hstack([np.ones((count, 1)), tails, np.zeros((count, 1))])
        said = steps[:, :-1] - steps[:, 1:]
        likely = site.apply(said)
        kl = (rng.random((count, 1)) > np.cumsum(likely, axis=1)[:, :-1]).sum(axis=1)
        return ReadKnees(said, kl, np.array([str(knee // 2) for knee in range(count)]))

    return simulated
