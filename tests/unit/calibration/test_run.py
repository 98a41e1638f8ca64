"""The written files: a scale that the worker accepts, with its page; none if the release is as good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from koa_worker.calibration.collect import Ceiling, Collected, ReadKnee
from koa_worker.calibration.crops import write_crops
from koa_worker.calibration.fit import ReadKnees
from koa_worker.calibration.run import calibrate
from koa_worker.errors import SetupError
from koa_worker.knee.grading.site import SiteScale
from koa_worker.store.encoding.pictures import encode_crop
from koa_worker.values import Grade, GradedBy
from koa_worker.watch.agreement import Estimate
from training.data.layouts import collect

BY = GradedBy("net-v1", "ab" * 32, "1.0")
OTHERS = SiteScale(1.0, (-2.0, -2.0, -2.0, -2.0))


def collected(knees: ReadKnees, crop: bytes = b"") -> Collected:
    found = Collected()
    for number, (said, kl, subject) in enumerate(zip(knees.probabilities, knees.kl, knees.subjects, strict=True)):
        grade = Grade(int(said.argmax()), tuple(said.tolist()), 0.5, 0.5, 1.0, (), "net-v1")
        found.knees.append(ReadKnee(str(number), f"Doe^{subject}", int(kl), grade, f"line {number + 2}", crop))
    return found


def test_a_scale_is_written_with_its_page_and_can_be_used(simulate: Any, tmp_path: Path) -> None:
    given = collected(simulate(OTHERS, 60))
    given.notes.append("Line 9 has no grade.")
    given.ceiling = Ceiling(2, 40, Estimate(0.7, 0.6, 0.8), Estimate(0.85, 0.8, 0.9))
    done = calibrate(given, BY, tmp_path / "site.json", "grades file")
    assert sorted(path.name for path in done.written) == ["site.json", "site.md", "site.svg"]
    scale = SiteScale.load(tmp_path / "site.json", BY.digest)
    assert (scale.slope, scale.shifts) == (done.judgement.site.slope, done.judgement.site.shifts)
    content = json.loads((tmp_path / "site.json").read_text())
    assert content["fitted"] | {"knees": 60, "subjects": 30, "readers": 2} == content["fitted"]
    assert sum(content["seen"]["readers"]) == sum(content["seen"]["site"]) == 60
    page = (tmp_path / "site.md").read_text()
    for words in ("Line 9 has no grade.", scale.digest[:12], "2 readers agree", "site.svg", "Research use only"):
        assert words in page
    drawn = ET.parse(tmp_path / "site.svg").getroot()
    texts = ["".join(part.itertext()) for part in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Release", "Site's scale, unseen knees", "Reliability of P(KL ≥ 2)", "Agreement (kappa)"} <= set(texts)
    for path in done.written:
        assert "Doe" not in path.read_text()


def test_nothing_is_written_where_the_release_is_as_good(simulate: Any, tmp_path: Path) -> None:
    knees = simulate(SiteScale(1.0, (0.0, 0.0, 0.0, 0.0)), 60, seed=1)
    done = calibrate(collected(knees), BY, tmp_path / "site.json", "readings")
    assert not done.judgement.gain.is_one
    assert done.written == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "code"), [(0, "too_few_grades"), (29, "too_few_grades")])
def test_too_few_knees_are_refused(simulate: Any, tmp_path: Path, count: int, code: str) -> None:
    with pytest.raises(SetupError, match=f"{count} of 30") as fault:
        calibrate(collected(simulate(OTHERS, 40)[np.arange(count)]), BY, tmp_path / "site.json", "readings")
    assert fault.value.code == code


def test_grades_of_one_kind_or_one_subject_are_refused(simulate: Any, tmp_path: Path) -> None:
    knees = simulate(OTHERS, 40)
    same = ReadKnees(knees.probabilities, np.full(40, 2), knees.subjects)
    alone = ReadKnees(knees.probabilities, knees.kl, np.full(40, "p"))
    for given in (same, alone):
        with pytest.raises(SetupError) as fault:
            calibrate(collected(given), BY, tmp_path / "site.json", "readings")
        assert fault.value.code == "grades_unusable"


def test_training_takes_the_crops_and_no_subject_judges_its_own_training(simulate: Any, tmp_path: Path) -> None:
    knees = collected(simulate(OTHERS, 40)).knees
    pictures = [ReadKnee(k.key, k.subject, k.kl, k.grade, k.where, picture(n)) for n, k in enumerate(knees)]
    crops, train, val = write_crops(pictures, tmp_path / "crops")
    every, learnt, judged = (collect([path]) for path in (crops, train, val))
    assert [item.grade for item in every.items] == [knee.kl for knee in knees]
    assert len(learnt.items) + len(judged.items) == 40
    assert not set(learnt.subjects) & set(judged.subjects)
    assert {item.split for item in every.items} == {"train", "val"}
    assert "Doe" not in crops.read_text()
    assert (tmp_path / "crops").stat().st_mode & 0o077 == 0
    assert crops.stat().st_mode & 0o077 == 0


def picture(number: int) -> bytes:
    return encode_crop(np.random.default_rng(number).integers(0, 256, (224, 224), np.uint8))
