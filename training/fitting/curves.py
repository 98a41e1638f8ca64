"""The figures of a run so far: a table of its epochs, and their curves as an image."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from koa_worker.values import GRADES
from koa_worker.watch.agreement import kappa_or_nan

from ..measuring.figures import accuracy, auc, confusion, recall


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """One epoch: the loss in training, and the figures of the averaged weights on the validation split."""

    epoch: int
    phase: str
    size: int
    seconds: float
    loss: float
    val_loss: float
    accuracy: float
    kappa: float
    auc: float  # of KL ≥ 2
    recall_0: float
    recall_1: float
    recall_2: float
    recall_3: float
    recall_4: float

    @property
    def score(self) -> float:
        """The score by which the best epoch is chosen."""
        return float(np.nanmean([self.accuracy, self.kappa, self.auc]))

    def __str__(self) -> str:
        recalls = " ".join(f"{value:.2f}" for value in (getattr(self, f"recall_{grade}") for grade in GRADES))
        return (
            f"epoch {self.epoch:3d} {self.phase} {self.size}  {self.seconds:5.0f} s  loss {self.loss:.3f}  "
            f"val loss {self.val_loss:.3f}  accuracy {self.accuracy:.3f}  kappa {self.kappa:.3f}  "
            f"AUC {self.auc:.3f}  recall {recalls}"
        )


def measure(probabilities: NDArray[np.float64], grades: NDArray[np.int64]) -> dict[str, float]:
    """The figures of an epoch from the validation split; undefined ones are nan."""
    said, each_once = probabilities.argmax(axis=1), np.ones((1, len(grades)))
    cells = confusion(each_once, grades, said)
    return {
        "val_loss": float(-np.log(probabilities[np.arange(len(grades)), grades] + 1e-9).mean()),
        "accuracy": float(accuracy(cells)[0]),
        "kappa": float(kappa_or_nan(cells)[0]),
        "auc": float(auc(each_once, probabilities[:, 2:].sum(axis=1), grades >= 2)[0]),
    } | {f"recall_{grade}": float(value) for grade, value in zip(GRADES, recall(cells)[0], strict=True)}


def write(rows: Sequence[EpochFigures], folder: Path) -> None:
    """`epochs.csv` and `curves.png`, written again after each epoch."""
    with (folder / "epochs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [column.name for column in fields(EpochFigures)])
        table.writeheader()
        table.writerows(asdict(row) for row in rows)
    _draw(rows, folder / "curves.png")


def _draw(rows: Sequence[EpochFigures], path: Path) -> None:
    panels = (("loss", ("loss", "val_loss")), ("accuracy", ("accuracy",)), ("quadratic kappa", ("kappa",)))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(10, 3.2), layout="constrained")
        for place, (title, names) in zip(figure.subplots(1, len(panels)), panels, strict=True):
            for name in names:
                place.plot([row.epoch for row in rows], [getattr(row, name) for row in rows], marker=".", label=name)
            place.set(title=title, xlabel="epoch")
            place.grid(alpha=0.3)
            place.legend()
        figure.savefig(path, dpi=110)
