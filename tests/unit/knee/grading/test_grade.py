"""Grading with the shipped release: complete, averaged, calibrated, with the right reasons for a review."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from koa_worker.errors import SetupError
from koa_worker.knee.grading.explain import heatmap
from koa_worker.knee.grading.grade import Grader, combine, judge, model_folder
from koa_worker.knee.grading.prepare import Picture, prepare
from koa_worker.knee.grading.release import Manifest, Review
from koa_worker.knee.grading.views import View
from koa_worker.knee.joint_space.tilt import tilt
from koa_worker.values import ReviewCode, ReviewReason

Release = Callable[..., Path]
REVIEW = Review(confidence=0.5, agreement=0.75, borderline=0.1)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Makes a copy of the shipped release, its manifest changed at will."""

    def copy(**changes: object) -> Path:
        folder = tmp_path / "koa-v1"
        shutil.copytree(model_folder(), folder, dirs_exist_ok=True)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))
        return folder

    return copy


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader.load(model_folder())


def knee(seed: int = 0) -> Picture:
    rows, columns = np.mgrid[0:300, 0:300] / 300 - 0.5
    shaft = 190 * np.exp(-(((columns - 0.05) / 0.35) ** 4)) * (1 - 0.4 * np.exp(-((rows / 0.04) ** 2)))
    grain = np.random.default_rng(seed).normal(0, 2, (300, 300))
    return prepare(np.clip(20 + shaft + 20 * rows + grain, 0, 255).astype(np.uint8))


def members(folder: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((folder / "manifest.json").read_text())["members"]
    return found


def test_a_crop_is_graded(grader: Grader) -> None:
    grade, maps = grader.grade(knee())
    assert grade.kl == int(np.argmax(grade.probabilities))
    assert sum(grade.probabilities) == pytest.approx(1)
    assert grade.confidence == grade.probabilities[grade.kl]
    assert grade.oa_probability == pytest.approx(sum(grade.probabilities[2:]))
    assert grade.model == grader.name
    assert min(heatmap(maps, grade.kl).values.shape) >= 7


def test_the_same_crop_gets_the_same_answer(grader: Grader) -> None:
    first, _ = grader.grade(knee(1))
    grader.grade(knee(2))
    assert grader.grade(knee(1))[0] == first


@pytest.mark.parametrize(
    ("views", "apart"),
    [(["plain", "mirrored"], 1e-5), (["levelled-plain"], 0.05)],  # the second has learnt it, the first cannot differ
)
def test_a_left_and_a_right_knee_are_graded_alike(release: Release, views: list[str], apart: float) -> None:
    grader = Grader.load(release(views=views))
    plain, _ = grader.grade(knee())
    mirrored, _ = grader.grade(np.ascontiguousarray(knee()[:, ::-1]))
    assert mirrored.kl == plain.kl
    assert mirrored.probabilities == pytest.approx(plain.probabilities, abs=apart)


def test_the_head_beside_each_net_is_its_own(grader: Grader) -> None:
    logits, maps = grader.look(knee())
    for own, one in zip(logits, maps, strict=True):
        np.testing.assert_allclose(one.head.logits(one.features), own, atol=0.05)


def test_maps_outlive_the_next_crop(grader: Grader) -> None:
    _, maps = grader.grade(knee(1))
    before = maps[0].features.copy()
    grader.grade(knee(2))
    assert np.array_equal(maps[0].features, before)


def test_every_member_looks_at_every_view(release: Release) -> None:
    pair = members(release()) * 2
    grader = Grader.load(release(members=pair, views=["plain", "mirrored"], gate=None))  # it was fitted to one of each
    _, maps = grader.grade(knee())
    assert [one.mirrored for one in maps] == [False, True] * len(pair)


def test_a_view_from_nearer_is_the_crop_enlarged(release: Release) -> None:
    plain, nearer = (Grader.load(release(views=[view])) for view in ("plain", "plain@1.06"))
    logits, maps = nearer.look(knee())
    expected, _ = plain.look(View(scale=1.06).show(knee()))
    assert np.array_equal(logits, expected)
    manifest = Manifest.model_validate_json((model_folder() / "manifest.json").read_bytes())
    seen = [member.part for member in manifest.members]
    assert [one.part for one in maps] == [View(scale=1.06).shown(part) for part in seen]


def test_a_levelled_view_is_the_crop_turned_by_the_tilt_of_its_plateau(release: Release) -> None:
    plain, levelled = (Grader.load(release(views=[view])) for view in ("plain", "levelled-plain"))
    crop = knee()
    logits, maps = levelled.look(crop)
    expected, _ = plain.look(View(levelled=True).show(crop, tilt(crop)))
    assert tilt(crop) != 0
    assert np.array_equal(logits, expected)
    assert [one.turned for one in maps] == [tilt(crop)] * len(maps)
    assert np.array_equal(levelled.features(crop)[0], plain.look(crop)[1][0].features)  # the crop as it is


def test_the_gate_looks_again_at_what_is_not_familiar_at_once(release: Release) -> None:
    gate = json.loads((model_folder() / "manifest.json").read_text())["gate"]
    own, two = gate | {"views": ["plain", "mirrored"]}, ["plain", "mirrored"]
    grader = Grader.load(release(views=["levelled-plain"], gate=own))
    both = Grader.load(release(views=two, gate=gate | {"views": []}))
    strange = np.random.default_rng(0).integers(0, 256, (224, 224), np.uint8)
    _, maps = grader.look(strange)
    assert not grader.is_familiar_at_once(maps)
    assert grader.impression(strange, maps) == both.impression(strange, both.look(strange)[1])


def test_a_familiar_knee_is_not_looked_at_again(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = json.loads((model_folder() / "manifest.json").read_text())["gate"]
    grader = Grader.load(release(views=["levelled-plain"], gate=gate | {"views": ["plain", "mirrored"]}))
    assert grader.familiar is not None
    _, maps = grader.look(knee())
    least = grader.familiar.look(maps).strangeness
    monkeypatch.setattr(grader, "familiar", replace(grader.familiar, sure=least))
    assert grader.is_familiar_at_once(maps)
    assert grader.impression(knee(), maps) == grader.familiar.look(maps)
    monkeypatch.setattr(grader, "familiar", replace(grader.familiar, sure=least - 0.01))
    assert not grader.is_familiar_at_once(maps)
    assert grader.impression(knee(), maps) != grader.familiar.look(maps)


def test_temperature_makes_the_answer_less_sure(release: Release) -> None:
    sure, _ = Grader.load(release(temperature=0.5)).grade(knee())
    unsure, _ = Grader.load(release(temperature=4.0)).grade(knee())
    assert unsure.confidence < sure.confidence


def test_the_configured_confidence_goes_before_the_releases(release: Release) -> None:
    folder = release(review={"confidence": 0.0, "agreement": 0.0, "borderline": 0.0})
    kept, _ = Grader.load(folder).grade(knee())
    strict, _ = Grader.load(folder, review_confidence=1.0).grade(knee())
    assert ReviewCode.LOW_CONFIDENCE not in {reason.code for reason in kept.review_reasons}
    assert ReviewCode.LOW_CONFIDENCE in {reason.code for reason in strict.review_reasons}


def test_name_and_digest_stand_for_the_release(release: Release) -> None:
    folder = release(name="koa", version=7)
    grader = Grader.load(folder)
    assert grader.name == "koa-v7"
    assert grader.digest == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("key", ["file", "head"])
def test_a_missing_file_stops_the_worker(release: Release, key: str) -> None:
    folder = release()
    (folder / members(folder)[0][key]).unlink()
    with pytest.raises(SetupError) as fault:
        Grader.load(folder)
    assert fault.value.code == "model_missing"
    assert members(folder)[0][key] in fault.value.detail


@pytest.mark.parametrize("key", ["file", "head"])
def test_one_altered_bit_stops_the_worker(release: Release, key: str) -> None:
    folder = release()
    path = folder / members(folder)[0][key]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(SetupError) as fault:
        Grader.load(folder)
    assert fault.value.code == "model_altered"
    assert path.name in fault.value.detail


@pytest.mark.parametrize("key", ["file", "head"])
def test_a_file_that_is_no_net_stops_the_worker_even_with_its_hash(release: Release, key: str) -> None:
    folder = release()
    entry = members(folder)[0]
    content = b"not a net" * 99
    (folder / entry[key]).write_bytes(content)
    digest_key = "sha256" if key == "file" else "head_sha256"
    folder = replace_manifest(folder, entry | {digest_key: hashlib.sha256(content).hexdigest()})
    with pytest.raises(SetupError) as fault:
        Grader.load(folder)
    assert fault.value.code == "model_altered"


def test_a_head_of_another_size_stops_the_worker(release: Release) -> None:
    folder, stream = release(), io.BytesIO()
    entry = members(folder)[0]
    shapes = {"w1": (64, 8), "b1": (8,), "w2": (8, 5), "b2": (5,)}
    np.savez(stream, **{name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    (folder / entry["head"]).write_bytes(stream.getvalue())
    folder = replace_manifest(folder, entry | {"head_sha256": hashlib.sha256(stream.getvalue()).hexdigest()})
    with pytest.raises(SetupError, match="not a model"):
        Grader.load(folder)


def replace_manifest(folder: Path, member: dict[str, str]) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"members": [member]}))
    return folder


def test_loading_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    Grader.load(model_folder())
    assert capfd.readouterr() == ("", "")


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(-50, 50, width=32)), st.floats(0.1, 10))
def test_combined_probabilities_are_probabilities(logits: np.ndarray, temperature: float) -> None:
    made = combine(logits, temperature)
    assert made.shape == (3, 5)
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(axis=-1), 1)


def test_votes_are_averaged_as_probabilities() -> None:
    made = combine(np.log([[0.8, 0.1, 0.1 / 3, 0.1 / 3, 0.1 / 3], [0.2, 0.5, 0.1, 0.1, 0.1]]), 1.0)
    np.testing.assert_allclose(made, [0.5, 0.3, 0.2 / 3, 0.2 / 3, 0.2 / 3])


def judged(probabilities: list[float], votes: list[int]) -> tuple[ReviewReason, ...]:
    grade = judge(np.array(probabilities), np.array(votes), REVIEW, "koa-v1")
    assert grade.needs_review == bool(grade.review_reasons)
    return grade.review_reasons


def test_a_clear_case_needs_no_review() -> None:
    assert judged([0.01, 0.04, 0.10, 0.80, 0.05], [3, 3, 3, 3]) == ()


def test_low_confidence_is_a_reason() -> None:
    assert judged([0.45, 0.35, 0.1, 0.06, 0.04], [0, 0, 0, 0]) == (
        ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.45, REVIEW.confidence),
    )


def test_disagreement_is_a_reason() -> None:
    assert judged([0.6, 0.35, 0.05, 0, 0], [0, 0, 1, 1]) == (ReviewReason(ReviewCode.LOW_AGREEMENT, 2, 4),)


def test_opinions_two_grades_apart_are_a_reason() -> None:
    reasons = judged([0.7, 0.05, 0.2, 0.05, 0], [0, 0, 0, 2])
    assert reasons == (ReviewReason(ReviewCode.DISAGREEMENT, 0, 2),)


@pytest.mark.parametrize(
    "probabilities",
    [
        [0.05, 0.52, 0.38, 0.05, 0.0],  # near an even chance
        [0.0, 0.38, 0.30, 0.20, 0.12],  # KL 1 is likeliest, and yet KL 2 or more is likelier than not
    ],
)
def test_the_border_of_osteoarthritis_is_a_reason(probabilities: list[float]) -> None:
    assert ReviewCode.BORDERLINE in {reason.code for reason in judged(probabilities, [1, 1, 1, 1])}


def test_agreement_counts_the_votes_for_the_grade() -> None:
    assert judge(np.array([0.6, 0.4, 0, 0, 0]), np.array([0, 0, 0, 1]), REVIEW, "koa-v1").agreement == 0.75


def test_one_prediction_agrees_with_nothing() -> None:
    assert judge(np.array([0.6, 0.4, 0, 0, 0]), np.array([0]), REVIEW, "koa-v1").agreement is None
