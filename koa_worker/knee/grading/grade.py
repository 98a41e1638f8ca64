"""Grades a prepared crop: each member of the release predicts several views of it, and the predictions are averaged.

LiteRT runs on one thread; a process grades one crop at a time. There is no fallback: without a complete, unchanged
release nothing is graded.
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from koa_worker import __version__
from koa_worker.errors import SetupError
from koa_worker.knee.grading.explain import FeatureMap, FeatureMaps, Head, Singles
from koa_worker.knee.grading.familiar import Familiar, Impression
from koa_worker.knee.grading.prepare import SIZE, Picture
from koa_worker.knee.grading.release import Member, Release, Review, model_folder
from koa_worker.knee.grading.review import of_probabilities, of_votes, together
from koa_worker.knee.grading.site import SiteScale
from koa_worker.knee.grading.views import Part, View
from koa_worker.knee.joint_space.tilt import tilt
from koa_worker.values import GRADES, Grade, GradedBy, Probabilities

__all__ = ["Grader", "combine", "judge", "model_folder", "on_scale"]

Floats = NDArray[np.float64]

_SCALE = (np.arange(256, dtype=np.float32) / 127.5 - 1.0).astype(np.float32)  # gray level → model input


class Grader:
    """A loaded release."""

    def __init__(self, release: Release, nets: tuple[_Net, ...], review: Review, site: SiteScale | None = None) -> None:
        self.name = release.manifest.label
        self.digest = release.digest
        self._nets = nets
        self._views = _parsed(release.manifest.views)
        self._gate_views = _parsed(release.manifest.gate_views)
        self._temperature = release.manifest.temperature
        self._review = review
        self._site = site
        self.familiar = _familiar(release)

    @property
    def graded_by(self) -> GradedBy:
        """The release and program version that are stored with each result."""
        return GradedBy(self.name, self.digest, __version__, self._site.digest if self._site else "")

    @classmethod
    def load(cls, folder: Path, review_confidence: float = 0.0, site: str = "") -> Grader:
        """Loads, checks and warms up the release in `folder`; `review_confidence` 0 keeps the release's threshold.

        `site` is the path of a site's scale, if there is one.
        """
        release = Release.open(folder)
        scale = SiteScale.load(Path(site), release.digest) if site else None
        nets = tuple(_Net.load(release, member) for member in release.manifest.members)
        return cls(release, nets, release.review(review_confidence), scale)

    def grade(self, crop: Picture) -> tuple[Grade, FeatureMaps]:
        """The common grade of all members for a prepared crop, and the feature maps for its heatmap."""
        logits, maps = self.look(crop)
        votes = logits.argmax(axis=-1)
        probabilities = combine(logits, self._temperature)
        return judge(probabilities, votes, self._review, self.name, self._site), maps

    def impression(self, crop: Picture, maps: FeatureMaps) -> Impression | None:
        """The gate's answer from the maps of the grade, or from views of its own for an unfamiliar knee."""
        if self.familiar is None:
            return None
        return self.familiar.look(maps if self.is_familiar_at_once(maps) else self.look_again(crop))

    def is_familiar_at_once(self, maps: FeatureMaps) -> bool:
        """Whether the gate needs no other views than those of the grade.

        Most knees are familiar in one look. By one look alone the gate would refuse native knees of other hospitals,
        and pass implants, that it judges rightly by two.
        """
        if self.familiar is None or self._gate_views == self._views:
            return True
        return self.familiar.look(maps).strangeness <= self.familiar.sure

    def look_again(self, crop: Picture) -> FeatureMaps:
        """The feature maps of each member's view for the gate."""
        return self._seen(crop, self._gate_views)[1]

    def features(self, crop: Picture) -> tuple[Singles, ...]:
        """Each member's feature map of the crop as it is."""
        picture = _to_input(crop)
        return tuple(net.run(picture)[1] for net in self._nets)

    def look(self, crop: Picture) -> tuple[Singles, FeatureMaps]:
        """The logits of each member's view of the crop (members × views, 5), and its feature map."""
        return self._seen(crop, self._views)

    def _seen(self, crop: Picture, views: tuple[View, ...]) -> tuple[Singles, FeatureMaps]:
        angle = tilt(crop) if any(view.levelled for view in views) else 0.0
        pictures = [(view, _to_input(view.show(crop, angle))) for view in views]
        logits, maps = [], []
        for net in self._nets:
            for view, picture in pictures:
                answer, features = net.run(picture)
                logits.append(answer)
                turned = angle if view.levelled else 0.0
                maps.append(FeatureMap(features, net.head, view.mirrored, view.shown(net.part), turned))
        return np.stack(logits), tuple(maps)


def _parsed(names: tuple[str, ...]) -> tuple[View, ...]:
    return tuple(View.parse(name) for name in names)


def _familiar(release: Release) -> Familiar | None:
    """The layer of the release that recognises images that are not knees; an old release has none."""
    gate = release.manifest.gate
    if gate is None:
        return None
    content = release.read(gate.file, gate.sha256)
    try:
        familiar = Familiar.from_npz(content)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
        raise SetupError("model_altered", f"{gate.file} is not a gate that this program can use") from fault
    if len(familiar.weights) != len(release.manifest.members):
        raise SetupError("model_altered", f"{gate.file} was fitted to other members")
    return familiar


def _to_input(crop: NDArray[Any]) -> Singles:
    """One image as model input: (1, 224, 224, 3) in -1…1."""
    return np.asarray(cv2.cvtColor(cv2.LUT(crop, _SCALE), cv2.COLOR_GRAY2RGB), np.float32)[None]


def combine(logits: NDArray[np.floating], temperature: float) -> Floats:
    """The mean of the predictions' probabilities: logits (…, predictions, 5) → (…, 5). Calibration uses it too."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    odds = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: Floats = (odds / odds.sum(axis=-1, keepdims=True)).mean(axis=-2)
    return probabilities


def judge(
    probabilities: Floats, votes: NDArray[np.intp], review: Review, model: str, site: SiteScale | None = None
) -> Grade:
    """The grade from the probabilities, with its confidence and the reasons for a review.

    `votes` are the grades of all predictions. They are compared with the release's own grade, on any scale.
    """
    kl = int(probabilities.argmax())
    said = _as_tuple(probabilities)
    grade = Grade(
        kl=kl,
        probabilities=said,
        confidence=said[kl],
        oa_probability=sum(said[2:]),
        agreement=float((votes == kl).mean()) if len(votes) > 1 else None,
        review_reasons=of_votes(kl, votes, review),
        model=model,
    )
    return on_scale(grade, site, review)


def on_scale(grade: Grade, site: SiteScale | None, review: Review) -> Grade:
    """The same answers of the release on a site's scale, or on its own; the reasons for a review are updated.

    The model is not run again, so that a whole archive gets a new scale in minutes.
    """
    probabilities = np.array(grade.by_release)
    if site is not None:
        probabilities = site.apply(probabilities)
    kl = int(probabilities.argmax())
    said = _as_tuple(probabilities)
    return replace(
        grade,
        kl=kl,
        probabilities=said,
        confidence=said[kl],
        oa_probability=sum(said[2:]),
        review_reasons=together(grade.review_reasons, of_probabilities(kl, probabilities, review)),
        release_probabilities=grade.by_release if site else None,
        site=site.digest if site else "",
    )


def _as_tuple(probabilities: Floats) -> Probabilities:
    p0, p1, p2, p3, p4 = (float(p) for p in probabilities)
    return p0, p1, p2, p3, p4


@dataclass(frozen=True, slots=True, eq=False)
class _Net:
    """One member, loaded into LiteRT."""

    interpreter: Interpreter
    head: Head
    part: Part  # the part of its input image that the member sees
    image: int  # tensor numbers
    logits: int
    features: int

    @classmethod
    def load(cls, release: Release, member: Member) -> _Net:
        content = release.read(member.file, member.sha256)
        head = release.read(member.head, member.head_sha256)
        try:
            net = cls._build(content, Head.from_npz(head), member.part)
            net.run(np.zeros((1, SIZE, SIZE, 3), np.float32))  # the first run allocates and is slow
        except (ValueError, RuntimeError, KeyError, zipfile.BadZipFile, StopIteration) as fault:
            detail = f"{member.file} with {member.head} is not a model that this program can run"
            raise SetupError("model_altered", detail) from fault
        return net

    @classmethod
    def _build(cls, content: bytes, head: Head, part: Part) -> _Net:
        with _muted():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
        outputs = {tuple(tensor["shape"]): tensor["index"] for tensor in interpreter.get_output_details()}
        channels = head.w1.shape[0]
        features = next(index for shape, index in outputs.items() if len(shape) == 4 and shape[-1] == channels)
        logits = outputs[1, len(GRADES)]
        return cls(interpreter, head, part, interpreter.get_input_details()[0]["index"], logits, features)

    def run(self, image: Singles) -> tuple[Singles, Singles]:
        """The logits (5) and the feature map (rows, columns, channels) of one image."""
        self.interpreter.set_tensor(self.image, image)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.logits)[0], self.interpreter.get_tensor(self.features)[0]


@contextmanager
def _muted() -> Iterator[None]:
    """Hides LiteRT's greeting on stderr, which no setting turns off; its errors are exceptions."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
