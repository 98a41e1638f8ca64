"""The layer that recognises images that are not knees: views, members, file."""

import numpy as np
import pytest

from koa_worker.knee.grading.explain import FeatureMap, Head
from koa_worker.knee.grading.familiar import KINDS, Familiar, Kind

CHANNELS = len(KINDS)
HEAD = Head(np.zeros((CHANNELS, 1), np.float32), np.zeros(1, np.float32), np.zeros((1, 5), np.float32), np.zeros(5))


def layer(*scales: float) -> Familiar:
    """Members of which each takes channel n for kind n."""
    weights = np.stack([np.eye(CHANNELS, dtype=np.float32) * scale for scale in scales])
    return Familiar(weights, np.zeros((len(scales), CHANNELS), np.float32), sure=-2, doubtful=0, strange=1)


def seen(kind: Kind, *, mirrored: bool = False, strength: float = 9.0) -> FeatureMap:
    features = np.zeros((7, 7, CHANNELS), np.float32)
    features[..., KINDS.index(kind)] = strength
    return FeatureMap(features, HEAD, mirrored)


def test_a_knee_is_familiar_and_anything_else_is_not() -> None:
    assert layer(5).look((seen(Kind.KNEE),)).strangeness < -10
    found = layer(5).look((seen(Kind.IMPLANT),))
    assert found.strangeness > 10
    assert found.kind is Kind.IMPLANT


def test_a_mirrored_view_lies_on_its_other_side() -> None:
    both = (seen(Kind.QUARTER), seen(Kind.THREE_QUARTERS, mirrored=True))
    assert layer(5).look(both).kind is Kind.QUARTER
    assert layer(5).look((seen(Kind.HALF, mirrored=True),)).kind is Kind.HALF


def test_members_are_asked_in_turn() -> None:
    maps = (seen(Kind.KNEE), seen(Kind.KNEE), seen(Kind.OTHER), seen(Kind.OTHER))
    assert layer(9, 1).look(maps).strangeness < 0 < layer(1, 9).look(maps).strangeness


def test_the_file_gives_it_back_and_has_the_same_bytes_each_time() -> None:
    made = layer(2, 3)
    again = Familiar.from_npz(made.as_npz())
    assert made.as_npz() == again.as_npz()
    assert np.array_equal(again.weights, made.weights)
    assert (again.sure, again.doubtful, again.strange) == (-2, 0, 1)


def test_a_file_for_other_kinds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = layer(1).as_npz()
    monkeypatch.setattr("koa_worker.knee.grading.familiar.KINDS", KINDS[:-1])
    with pytest.raises(ValueError, match="other kinds"):
        Familiar.from_npz(content)
