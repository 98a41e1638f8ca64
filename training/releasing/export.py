"""Makes a release from trained Keras networks: LiteRT members, head weights, calibration, figures, model card.

The export checks itself and leaves no files if a check fails: each member must give the same answers as its Keras
network, and all choices and measurements use the worker's own grader.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from koa_worker.knee.grading.explain import Head
from koa_worker.knee.grading.grade import Grader, combine, judge
from koa_worker.knee.grading.prepare import Picture
from koa_worker.knee.grading.release import MANIFEST, Release, Review

from ..data.crops import Crop, as_input
from ..fitting import runfile
from ..measuring.confidence import Coverage, choose_review, find_temperature, prior_bias
from ..measuring.evaluate import Graded
from ..measuring.figures import Floats
from ..network import networks
from ..network.litert import shift
from ..network.to_litert import Precision, as_npz, convert, halved
from . import card, cost, gate

SAMPLED = 200  # number of crops that float16 and int8 are fitted to
CHECKED = 200  # number of images on which member and Keras network are compared
CLOSE = 1e-3  # in probability, for members that compute in floats
SAME = 0.98  # share of equal grades, for int8
MEMBER = ".tflite"  # a member of another release, where others are networks that `fit` has saved

Say = Callable[[str], None]


class ExportFailed(Exception):
    """A member does not give its Keras network's answers, cannot be taken over, or costs too much."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """The difference between a member and its Keras network, on the same crops."""

    images: int
    largest: float  # difference of any probability
    mean: float  # of the largest difference per image
    same_grade: float

    def holds(self, precision: Precision) -> bool:
        return self.same_grade >= SAME if precision is Precision.INT8 else self.largest <= CLOSE


@dataclass(frozen=True, slots=True)
class Plan:
    """The networks to export, and the settings of the release."""

    nets: tuple[Path, ...]
    folder: Path
    precision: Precision = Precision.FLOAT16
    prior: float = 0.0  # see `prior_bias`; 0 leaves the logits as trained
    views: tuple[str, ...] = ("plain", "mirrored")
    most_looks: float = cost.ALLOWED  # highest cost of a knee, in passes of a plain network

    @property
    def name(self) -> str:
        return self.folder.name.rpartition("-v")[0]

    @property
    def version(self) -> int:
        return int(self.folder.name.rpartition("-v")[2])


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """The training crops: float16, int8 and the gate are fitted to them."""

    crops: Sequence[Crop] = ()
    non_knees: Sequence[Picture] = ()  # for the gate, in addition to those that are made from the crops


def export(plan: Plan, validation: Sequence[Crop], training: Training, say: Say) -> Graded:
    """Makes the whole release in a temporary folder, which gets its name when all checks have passed."""
    partial = plan.folder.with_name(f".{plan.folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        graded = _fill(plan, partial, validation, training, say)
        shutil.rmtree(plan.folder, ignore_errors=True)
        partial.rename(plan.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return graded


def _fill(plan: Plan, folder: Path, validation: Sequence[Crop], training: Training, say: Say) -> Graded:
    made = [
        _member(plan, folder, number, validation=validation, training=training, say=say)
        for number in range(1, len(plan.nets) + 1)
    ]
    members, agreements, runs = ([one[place] for one in made] for place in range(3))
    manifest: dict[str, Any] = {
        "name": plan.name,
        "version": plan.version,
        "members": members,
        "input": {"size": 224, "scale": "-1..1", "equalized": True},
        "views": list(plan.views),
        "temperature": 1.0,
        "review": Review(confidence=0.0, agreement=0.0).model_dump(),
        "metrics": {},
        "trained": {
            "precision": plan.precision.value,
            "agreement_with_keras": agreements,
            "runs": runs,
        },
    }
    _write_manifest(folder, manifest)
    _check_cost("The grade of a knee", cost.measure_looks(Grader.load(folder), validation[0].picture).grade, plan, say)
    if training.crops:
        fitted = gate.fit_gate(folder, training.crops, training.non_knees, say)
        manifest["gate"] = gate.write_gate(folder, fitted, plan.views)
        _write_manifest(folder, manifest)
    graded, review = _calibrate(folder, manifest, validation, plan.prior)
    spent = _cost(folder, validation)
    _check_cost("A knee", spent["looks"], plan, say)
    figures = graded.figures()
    manifest["metrics"] = {"validation": figures.as_dict(), "review": review.as_dict()}
    manifest["metrics"]["cost"] = spent | {"allowed": plan.most_looks}
    _write_manifest(folder, manifest)
    write_card(folder)
    return graded


def _cost(folder: Path, validation: Sequence[Crop]) -> dict[str, float]:
    """What a knee costs on average, with the gate's own views of those that are not familiar in the grade's."""
    grader = Grader.load(folder)
    looks = cost.measure_looks(grader, validation[0].picture)
    again = cost.seen_again(grader, [crop.picture for crop in validation])
    return {"looks": round(looks.grade + again * looks.again, 2), "seen_again": round(again, 4), **asdict(looks)}


def _check_cost(what: str, looks: float, plan: Plan, say: Say) -> None:
    sentence = f"{what} costs {looks} looks of one plain net; {plan.most_looks} are allowed"
    if looks > plan.most_looks:
        raise ExportFailed(sentence)
    say(f"{sentence}.")


def _member(
    plan: Plan, folder: Path, number: int, *, validation: Sequence[Crop], training: Training, say: Say
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """One member's entry in the manifest, its difference from its Keras network, and its run."""
    path = plan.nets[number - 1]
    if path.suffix == MEMBER:
        return _taken_over(plan, folder, number)
    net = networks.load_own(path)
    samples = spread(training.crops, SAMPLED)
    content, head = convert(net, plan.precision, as_input(samples) if samples else None)
    member: dict[str, Any] = _write_member(folder, number, content, as_npz(head)) | {"sees": networks.sees(net)}
    agreement = compare(net, member, folder, spread(validation, CHECKED))
    say(f"{path}: {agreement.largest:.1e} at most from Keras, same grade {agreement.same_grade:.1%}")
    if not agreement.holds(plan.precision):
        asked = f"the same grade on {SAME:.0%}" if plan.precision is Precision.INT8 else f"at most {CLOSE}"
        remedy = "" if plan.precision is Precision.FLOAT32 else "; --precision float32 keeps the net as it was trained"
        raise ExportFailed(
            f"{path} as {plan.precision}: up to {agreement.largest:.1e} from Keras in probability, same grade on"
            f" {agreement.same_grade:.1%} of {agreement.images} crops; {asked} is demanded{remedy}"
        )
    return member, asdict(agreement), runfile.published(path)


def _taken_over(plan: Plan, folder: Path, number: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The same for a member of another release, which is copied bit for bit with its entry in that release."""
    path = plan.nets[number - 1]
    release = Release.open(path.parent)
    trained = release.manifest.trained
    place = next((i for i, one in enumerate(release.manifest.members) if one.file == path.name), None)
    if place is None or trained.get("precision") != plan.precision.value:
        raise ExportFailed(f"{path} is no member of a release in {plan.precision.value} that this program made")
    old = release.manifest.members[place]
    content, head = release.read(old.file, old.sha256), release.read(old.head, old.head_sha256)
    run = dict(trained["runs"][place]) | {"from": f"{release.manifest.label}, member {place + 1}"}
    if bias := trained.get("logit_bias"):
        run["added"] = bias["added"]
    member = _write_member(folder, number, content, head) | {"sees": list(old.sees)}
    return member, trained["agreement_with_keras"][place], run


def write_card(folder: Path) -> None:
    """Writes MODEL_CARD.md from the manifest."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / "MODEL_CARD.md").write_text(card.write(manifest), encoding="utf-8")


def add_metrics(folder: Path, found: dict[str, Any]) -> None:
    """Adds measurements to a finished release: to its manifest and its card."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["metrics"] |= found
    _write_manifest(folder, manifest)
    write_card(folder)


def _write_member(folder: Path, number: int, net: bytes, head: bytes) -> dict[str, str]:
    """Writes the member's two files; gives its entry in the manifest."""
    file, head_file = f"member{number}.tflite", f"head{number}.npz"
    (folder / file).write_bytes(net)
    (folder / head_file).write_bytes(head)
    return {"file": file, "sha256": _sha256(net), "head": head_file, "head_sha256": _sha256(head)}


def compare(net: Any, member: dict[str, Any], folder: Path, crops: Sequence[Crop]) -> Deviation:
    """Compares the Keras network with the member, as the worker runs it, on the same crops."""
    alone = {"name": "member", "version": 0, "members": [member], "views": ["plain"], "temperature": 1.0}
    alone |= {"input": {"size": 224, "scale": "-1..1", "equalized": True}, "review": {"confidence": 0, "agreement": 0}}
    _write_manifest(folder, alone)
    grader = Grader.load(folder)
    said = combine(np.stack([grader.look(crop.picture)[0] for crop in crops]), 1.0)
    logits = np.asarray(net.predict(as_input(crops), batch_size=32, verbose=0))
    expected = combine(logits[:, None], 1.0)
    far = np.abs(said - expected).max(axis=1)
    same = float((said.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return Deviation(len(crops), float(far.max()), float(far.mean()), same)


def _calibrate(
    folder: Path, manifest: dict[str, Any], validation: Sequence[Crop], prior: float
) -> tuple[Graded, Coverage]:
    """Adds bias, temperature and review thresholds to the release; gives its answers for the validation knees."""
    grader = Grader.load(folder)
    logits = np.stack([grader.look(crop.picture)[0] for crop in validation]).astype(np.float64)
    truth = np.array([crop.kl for crop in validation], dtype=np.int64)
    subjects = tuple(crop.subject for crop in validation)
    if prior:
        bias = prior_bias(truth, prior)
        _shift_members(folder, manifest, bias)
        logits = logits + bias
        manifest["trained"]["logit_bias"] = {"prior": prior, "added": bias.tolist()}
    manifest["temperature"] = find_temperature(logits, truth, combine)
    free = _judged(logits, truth, subjects, manifest)
    confidence = np.array([grade.confidence for grade in free.grades])
    agreement = np.array([1.0 if grade.agreement is None else grade.agreement for grade in free.grades])
    doubtful = np.array([grade.needs_review for grade in free.grades])
    review = choose_review(confidence, agreement, free.right, doubtful)
    manifest["review"] |= {"confidence": review.confidence, "agreement": review.agreement}
    return _judged(logits, truth, subjects, manifest), review


def _shift_members(folder: Path, manifest: dict[str, Any], bias: Floats) -> None:
    """Adds the bias to each member and its head, and their new hashes to the manifest."""
    for number, member in enumerate(manifest["members"], start=1):
        head = Head.from_npz((folder / member["head"]).read_bytes())
        moved = replace(head, b2=(head.b2 + bias).astype(np.float32))
        if manifest["trained"]["precision"] == Precision.FLOAT16:
            moved = halved(moved)
        content = shift((folder / member["file"]).read_bytes(), bias)
        member.update(_write_member(folder, number, content, as_npz(moved)))
    _write_manifest(folder, manifest)


def _judged(logits: Floats, truth: Any, subjects: tuple[str, ...], manifest: dict[str, Any]) -> Graded:
    """The worker's judgement of these logits with this manifest."""
    review = Review.model_validate(manifest["review"])
    label = f"{manifest['name']}-v{manifest['version']}"
    probabilities = combine(logits, manifest["temperature"])
    votes = logits.argmax(axis=-1)
    grades = tuple(judge(one, vote, review, label) for one, vote in zip(probabilities, votes, strict=True))
    return Graded(grades, truth, subjects)


def spread(crops: Sequence[Crop], count: int) -> list[Crop]:
    """This number of crops, evenly over the whole list, so that every grade is among them."""
    if not crops:
        return []
    places = np.unique(np.linspace(0, len(crops) - 1, min(count, len(crops))).astype(int))
    return [crops[place] for place in places]


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
