"""Several models on the same knees in one table: releases, single members, and networks that `fit` has saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from koa_worker.knee.grading.grade import Grader, combine
from koa_worker.knee.grading.release import Release
from koa_worker.values import GRADES

from ..data.crops import Crop, as_input
from .figures import Figures, Floats, measure
from .words import OVERALL_WORDS


@dataclass(frozen=True, slots=True)
class ModelFigures:
    name: str
    figures: Figures


def compare(models: Sequence[Path], crops: Sequence[Crop], *, members: bool = False) -> list[ModelFigures]:
    """A row for each model; with `members` also one for each member of a release."""
    truth = np.array([crop.kl for crop in crops], dtype=np.int64)
    subjects = [crop.subject for crop in crops]
    return [
        ModelFigures(name, measure(probabilities, truth, subjects))
        for model in models
        for name, probabilities in _answers(model, crops, members=members)
    ]


def as_list(rows: Sequence[ModelFigures]) -> list[dict[str, Any]]:
    return [{"model": row.name, **row.figures.as_dict()} for row in rows]


def as_table(rows: Sequence[ModelFigures]) -> Table:
    """A table with one column for each model."""
    table = Table(title=f"{rows[0].figures.knees} knees of {rows[0].figures.subjects} subjects")
    table.add_column("figure")
    for row in rows:
        table.add_column(row.name, justify="right")
    for name, words in OVERALL_WORDS.items():
        table.add_row(words, *(str(row.figures.overall[name]) for row in rows))
    for grade in GRADES:
        table.add_row(f"recall of {grade}", *(str(row.figures.by_grade["recall"][grade]) for row in rows))
    return table


def _answers(model: Path, crops: Sequence[Crop], *, members: bool) -> Iterator[tuple[str, Floats]]:
    if model.suffix == ".keras":
        yield model.stem, _keras_answers(model, crops)
        return
    manifest = Release.open(model).manifest
    grader = Grader.load(model)
    logits = np.stack([grader.look(crop.picture)[0] for crop in crops])
    yield manifest.label, combine(logits, manifest.temperature)
    if members:
        views = len(manifest.views)
        for number, member in enumerate(manifest.members):
            part = logits[:, number * views : (number + 1) * views]
            yield f"{manifest.label}, {member.file} alone", combine(part, manifest.temperature)


def _keras_answers(path: Path, crops: Sequence[Crop]) -> Floats:
    """A Keras network's probabilities: the mean of the plain and mirrored view as in a release, not calibrated."""
    from ..network import networks  # noqa: PLC0415 - a comparison of releases needs no Keras

    net = networks.load_own(path)
    images = as_input(crops)
    views = [np.asarray(net.predict(view, batch_size=32, verbose=0)) for view in (images, images[:, :, ::-1])]
    return combine(np.stack(views, axis=1), 1.0)
