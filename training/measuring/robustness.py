"""The accuracy when a crop is cut, turned, exposed or stored in another way than the training data.

The changes are made to the equalised crop, because the reference data are equalised. For exposure this is harder than
in the worker, where equalisation comes after it and undoes much of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from rich.table import Table

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from ..data.crops import Crop
from .evaluate import grade_all
from .figures import Figures

Change = Callable[[Picture], Picture]

GRAIN = 10.0  # standard deviation in gray values
QUALITY = 50


@dataclass(frozen=True, slots=True)
class ChangeFigures:
    name: str
    figures: Figures
    drop: float  # accuracy lost compared with the unchanged crops


def _gray(values: object) -> Picture:
    return np.clip(np.rint(np.asarray(values, dtype=np.float64)), 0, 255).astype(np.uint8)


def move(scale: float = 1.0, right: float = 0.0, down: float = 0.0, degrees: float = 0.0) -> Change:
    """The crop from a box that is `scale` times as wide, shifted by shares of its width, or turned."""
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), degrees, 1 / scale)
    matrix[:, 2] += np.array([right, down]) * SIZE
    return lambda picture: _gray(
        cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def gamma(power: float) -> Change:
    table = _gray(255 * (np.arange(256) / 255) ** power)
    return lambda picture: table[picture]


def grain(deviation: float, seed: int = 0) -> Change:
    """Noise that differs between images but is the same in every run, because its seed depends on the image."""

    def add(picture: Picture) -> Picture:
        noise = np.random.default_rng((seed, int(picture.sum()))).normal(0, deviation, picture.shape)
        return _gray(picture + noise)

    return add


def jpeg(quality: int) -> Change:
    def store(picture: Picture) -> Picture:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return _gray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))

    return store


CHANGES: Mapping[str, Change] = {
    "box 10 % narrower": move(scale=0.9),
    "box 10 % wider": move(scale=1.1),
    "shifted 8 % right": move(right=0.08),
    "shifted 8 % left": move(right=-0.08),
    "shifted 8 % down": move(down=0.08),
    "shifted 8 % up": move(down=-0.08),
    "turned 10° left": move(degrees=10),
    "turned 10° right": move(degrees=-10),
    "gamma 0.7": gamma(0.7),
    "gamma 1.4": gamma(1.4),
    f"grain {GRAIN:.0f} gray values": grain(GRAIN),
    f"JPEG quality {QUALITY}": jpeg(QUALITY),
    "equalised twice": equalize,
}


def measure_all(grader: Grader, crops: list[Crop], *, quiet: bool = True) -> list[ChangeFigures]:
    """The unchanged crops first, then each change separately."""
    clean = grade_all(grader, crops, quiet=quiet).figures()
    rows = [ChangeFigures("clean", clean, 0.0)]
    for name, change in CHANGES.items():
        figures = grade_all(grader, crops, change, quiet=quiet).figures()
        rows.append(ChangeFigures(name, figures, clean.overall["accuracy"].value - figures.overall["accuracy"].value))
    return rows


def as_list(rows: list[ChangeFigures]) -> list[dict[str, Any]]:
    """The output of `--json`, which is also in the manifest."""
    kept = ("accuracy", "quadratic_kappa", "kl2_auc")
    return [
        {
            "name": row.name,
            **{name: row.figures.overall[name].as_dict() for name in kept},
            "drop": round(row.drop, 4),
        }
        for row in rows
    ]


def as_table(rows: list[ChangeFigures]) -> Table:
    table = Table(title=f"{rows[0].figures.knees} knees of {rows[0].figures.subjects} subjects")
    for heading in ("change", "accuracy", "quadratic kappa", "KL ≥ 2 AUC", "accuracy lost"):
        table.add_column(heading, justify="left" if heading == "change" else "right")
    for row in rows:
        cells = [str(row.figures.overall[name]) for name in ("accuracy", "quadratic_kappa", "kl2_auc")]
        table.add_row(row.name, *cells, f"{row.drop:+.3f}")
    return table
