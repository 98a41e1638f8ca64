"""A site's scale: its effect on probabilities, and the files that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from koa_worker.errors import SetupError
from koa_worker.knee.grading.grade import judge, on_scale
from koa_worker.knee.grading.release import Review
from koa_worker.knee.grading.site import KIND, ReleaseNamed, SiteFile, SiteScale, digest_of, to_text
from koa_worker.values import ReviewCode, ReviewReason

RELEASE = "ab" * 32
FILE = SiteFile(
    kind=KIND, format=1, release=ReleaseNamed(name="net-v1", digest=RELEASE), slope=0.7, shifts=(0.5, 0.25, -1.0, -1.0)
)
REVIEW = Review(confidence=0.5, agreement=0.6)
SHARES = arrays(np.float64, (6, 5), elements=st.one_of(st.just(0.0), st.floats(1e-9, 1.0))).filter(
    lambda rows: bool((rows.sum(axis=1) > 1e-3).all())
)
SHIFTS = st.lists(st.floats(-8, 8), min_size=4, max_size=4).map(lambda four: tuple(sorted(four, reverse=True)))


@given(SHARES, st.floats(0.05, 5), SHIFTS)
def test_probabilities_sum_to_one_and_the_order_of_knees_is_kept(rows: Any, slope: float, shifts: Any) -> None:
    said = rows / rows.sum(axis=1, keepdims=True)
    made = SiteScale(slope, shifts).apply(said)
    assert (made >= 0).all()
    np.testing.assert_allclose(made.sum(axis=1), 1)
    for kl in range(1, 5):
        before, after = (part[:, kl:].sum(axis=1) for part in (said, made))
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= -1e-9).all(), kl


def test_a_scale_that_changes_nothing_gives_the_same_probabilities() -> None:
    said = np.array([[0.1, 0.2, 0.3, 0.25, 0.15], [0.0, 0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(SiteScale(1.0, (0.0, 0.0, 0.0, 0.0)).apply(said), said, atol=2e-6)


def test_a_higher_shift_makes_higher_grades_more_likely() -> None:
    said = np.array([0.2, 0.2, 0.2, 0.2, 0.2])
    made = SiteScale(1.0, (1.0, 1.0, 1.0, 1.0)).apply(said)
    assert made[4] > 0.2 > made[0]


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text(to_text(FILE))
    scale = SiteScale.load(tmp_path / "site.json", RELEASE)
    assert (scale.slope, scale.shifts) == (FILE.slope, FILE.shifts)
    assert scale.digest == json.loads(to_text(FILE))["digest"]
    assert len(scale.digest) == 64


def changed(**said: Any) -> str:
    """With a digest that matches, as somebody would make it who knows how."""
    content = {name: value for name, value in json.loads(to_text(FILE)).items() if name != "digest"} | said
    return json.dumps(content | {"digest": digest_of(content)})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (to_text(FILE).replace("0.7", "0.8"), "site_altered"),
        (to_text(FILE).replace('"digest"', '"no_digest"'), "site_altered"),
        ("{}", "site_altered"),
        ("[1]", "site_altered"),
        ("not JSON", "site_altered"),
        (changed(shifts=[0.0, 0.5, 0.0, 0.0]), "site_altered"),
        (changed(slope=-1.0), "site_altered"),
        (changed(slope="steep"), "site_altered"),
        (changed(release={"name": "net-v2", "digest": "cd" * 32}), "site_other_release"),
        (None, "site_missing"),
    ],
)
def test_a_file_that_was_altered_or_is_of_another_release_is_refused(
    tmp_path: Path, text: str | None, code: str
) -> None:
    if text is not None:
        (tmp_path / "site.json").write_text(text)
    with pytest.raises(SetupError) as fault:
        SiteScale.load(tmp_path / "site.json", RELEASE)
    assert fault.value.code == code


SAID = np.array([0.05, 0.4, 0.41, 0.1, 0.04])
VOTES = np.array([2, 2, 1, 2])
LOWER = SiteScale(1.0, (-2.0, -2.0, -2.0, -2.0), "cd" * 32)


def test_a_grade_keeps_what_the_release_itself_says() -> None:
    plain, scaled = (judge(SAID, VOTES, REVIEW, "net-v1", site) for site in (None, LOWER))
    assert (plain.kl, plain.release_probabilities, plain.site) == (2, None, "")
    assert scaled.release_probabilities == plain.probabilities == plain.by_release == scaled.by_release
    assert (scaled.kl, scaled.release_kl, scaled.site) == (1, 2, LOWER.digest)
    assert scaled.confidence == scaled.probabilities[1]
    assert scaled.oa_probability == pytest.approx(sum(scaled.probabilities[2:]))
    assert scaled.agreement == plain.agreement == 0.75


def test_the_review_follows_the_probabilities_of_the_scale() -> None:
    plain, scaled = (judge(SAID, VOTES, REVIEW, "net-v1", site) for site in (None, LOWER))
    codes = [[reason.code for reason in grade.review_reasons] for grade in (plain, scaled)]
    assert codes == [[ReviewCode.LOW_CONFIDENCE, ReviewCode.BORDERLINE], []]


@given(arrays(np.float64, 5, elements=st.floats(0.01, 1)), st.lists(st.integers(0, 4), min_size=4, max_size=4))
def test_a_stored_grade_on_a_scale_is_the_one_that_grading_gives(said: Any, votes: list[int]) -> None:
    """And back: nothing but the stored grade is needed."""
    said = said / said.sum()
    plain, scaled = (judge(said, np.array(votes), REVIEW, "net-v1", site) for site in (None, LOWER))
    assert on_scale(plain, LOWER, REVIEW) == scaled
    assert on_scale(scaled, None, REVIEW) == plain


def test_reasons_of_the_frame_stay_in_their_places() -> None:
    before = (ReviewReason(ReviewCode.MINOR, 9.0, 18), ReviewReason(ReviewCode.OTHER_KNEE_NOT_FOUND))
    plain = judge(SAID, np.array([0, 2, 1, 3]), REVIEW, "net-v1")
    plain = replace(plain, review_reasons=(*before, *plain.review_reasons))
    assert on_scale(plain, None, REVIEW).review_reasons == plain.review_reasons
    assert [reason.code for reason in on_scale(plain, LOWER, REVIEW).review_reasons] == [
        ReviewCode.MINOR,
        ReviewCode.OTHER_KNEE_NOT_FOUND,
        ReviewCode.LOW_AGREEMENT,
        ReviewCode.DISAGREEMENT,
    ]
