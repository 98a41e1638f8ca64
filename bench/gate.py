"""`python -m bench.gate DATA [WORD]`: the shares of knees, implants, other parts and images that the gate refuses.

Each file goes through the whole worker; DATA has the layout of the development data. With a word, only the sets whose
name begins with it. The layer was fitted only to `train` and to images made from it. The limits of metal and the kinds
of made images were chosen with the implants and the knees of other hospitals in view; the validation crops, and the
metal drawn over them and on radiographs, were not used for any choice.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pydicom
import sklearn
from rich.console import Console
from rich.table import Table

from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from koa_worker.synthetic import ImplantKind, draw, random_spec, with_implant
from koa_worker.values import Arrival, Completed, Failed, ReviewCode
from training.releasing.nonknees.implants import over

PICTURES = (".png", ".jpg", ".dcm")
PLATES = 40  # drawn, with metal
EVERY = 5  # of the validation crops, for metal over them
OF_THE_GATE = {
    ReviewCode.NOT_CHECKED,
    ReviewCode.UNUSUAL,
    ReviewCode.CUT_OFF,
    ReviewCode.TURNED,
    ReviewCode.POSSIBLE_METAL,
    ReviewCode.LIKE_IMPLANT,
}
STEPS = (0.3, 0.5, 0.7)  # sizes of the squares that are cut from images


@dataclass(slots=True)
class Tally:
    """The outcomes of the files of one set."""

    files: int = 0
    graded: list[str] = field(default_factory=list)
    partly: int = 0  # of the graded, those with a knee that was refused
    review: int = 0  # graded files for which the gate asks for a review
    knees: int = 0  # graded
    codes: Counter[str] = field(default_factory=Counter)  # of files
    refused: Counter[str] = field(default_factory=Counter)  # of knees beside a graded one
    cost: list[tuple[float, float]] = field(default_factory=list)  # of a graded knee: ms of CPU for gate and measuring

    @property
    def turned_away(self) -> int:
        return self.files - len(self.graded)


def tally(pipeline: Pipeline, files: Iterator[Path]) -> Tally:
    found = Tally()
    for path in files:
        data = path.read_bytes()
        outcome = pipeline.process(Arrival(path, hashlib.sha256(data).hexdigest(), len(data), path.name))
        found.files += 1
        if isinstance(outcome, Completed):
            found.graded.append(path.name)
            found.partly += bool(outcome.refused)
            found.knees += len(outcome.knees)
            found.refused.update(knee.code for knee in outcome.refused)
            knees = len(outcome.knees) + len(outcome.refused)
            found.cost.append((outcome.cpu_ms["gate"] / knees, outcome.cpu_ms["measure"] / len(outcome.knees)))
            codes = {reason.code for knee in outcome.knees for reason in knee.grade.review_reasons}
            found.review += not codes.isdisjoint(OF_THE_GATE)
        else:
            found.codes[outcome.code if not isinstance(outcome, Failed) else f"failed: {outcome.code}"] += 1
    return found


def without_body_part(sources: Iterator[Path], folder: Path) -> Iterator[Path]:
    for source in sources:
        dataset = pydicom.dcmread(source)
        for keyword in ("BodyPartExamined", "ViewPosition", "StudyDescription", "SeriesDescription", "ProtocolName"):
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.save_as(folder / source.name)
        yield folder / source.name


def pictures(folder: Path) -> Iterator[Path]:
    """Photographs, logos and other modalities from libraries: whole, in gray, and gray squares of them."""
    chance = np.random.default_rng(0)
    for root in (sklearn, mpl, pydicom):
        for path in sorted(Path(str(root.__file__)).parent.rglob("*")):
            if path.suffix not in PICTURES or "tests" in path.parts or "backends" in str(path):
                continue
            yield path
            gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.suffix != ".dcm" else None
            if gray is None or min(gray.shape) < 200:
                continue
            for number, share in enumerate((1.0, *STEPS)):
                edge = int(min(gray.shape) * share)
                top, left = (int(chance.integers(length - edge + 1)) for length in gray.shape)
                part = gray if share == 1 else gray[top : top + edge, left : left + edge]
                yield _written(folder / f"{path.stem}-{number}.png", part)


def documents(folder: Path) -> Iterator[Path]:
    """Pages, a window with a form, slopes, noise and nearly nothing."""
    chance = np.random.default_rng(0)
    across, down = np.meshgrid(np.linspace(0, 1, 900), np.linspace(0, 1, 1200))
    for number in range(10):
        page = np.full((1200, 900), 245, np.uint8)
        scale = 0.5 + 0.15 * number
        for line in range(int(40 / scale)):
            words = "".join(chance.choice(list("aeinrst lomdu   "), 60))
            cv2.putText(page, words, (40, 60 + int(line * 30 * scale)), number % 3, scale, 20, 1 + number // 4)
        yield _written(folder / f"page{number}.png", page if number % 2 else 255 - page)
        form = np.full((700, 1000), 210, np.uint8)
        for _ in range(6 + number):
            x, y = int(chance.integers(0, 900)), int(chance.integers(0, 600))
            cv2.rectangle(form, (x, y), (x + 200, y + 60), int(chance.integers(0, 255)), -1 if number % 2 else 2)
            cv2.putText(form, "Patient list", (x + 5, y + 30), 0, 0.7, 10, 1)
        yield _written(folder / f"form{number}.png", form)
        slope = across * chance.normal() + down * chance.normal() + 0.3 * np.sin(number * (across + down * 3))
        yield _written(
            folder / f"slope{number}.png", cv2.normalize(slope, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        )  # type: ignore[call-overload]
        noise = chance.normal(128, 40, (500, 500)).clip(0, 255).astype(np.uint8)
        yield _written(folder / f"noise{number}.png", cv2.GaussianBlur(noise, (0, 0), 0.4 + 2 * number))


def drawn_metal(folder: Path) -> Iterator[Path]:
    """Drawn plates with metal of every kind over their first joint; the other knee, if there is one, is native."""
    for number in range(PLATES):
        plate = draw(random_spec(2000 + number, longest=900))
        metal = with_implant(plate, plate.truths[0], list(ImplantKind)[number % len(ImplantKind)])
        yield _written(folder / f"metal{number}.png", metal.pixels)


def metal_over(sources: Iterator[Path], folder: Path) -> Iterator[Path]:
    """Metal as many consoles show it over validation crops, which neither the limits nor the layer were fitted to."""
    for number, source in enumerate(list(sources)[::EVERY]):
        raw = np.asarray(cv2.imread(str(source), cv2.IMREAD_GRAYSCALE), np.uint8)
        yield _written(folder / f"over{number}.png", over(raw, np.random.default_rng(number))[0])


def turned(sources: Iterator[Path], folder: Path, quarters: int) -> Iterator[Path]:
    for source in sources:
        yield _written(folder / f"{source.stem}.png", np.rot90(cv2.imread(str(source), 0), quarters))


def _written(path: Path, picture: object) -> Path:
    cv2.imwrite(str(path), np.ascontiguousarray(picture))  # type: ignore[call-overload]
    return path


def sets(data: Path, folder: Path) -> dict[str, Callable[[], Iterator[Path]]]:
    def below(pattern: str) -> Iterator[Path]:
        yield from sorted(data.glob(pattern))

    return {
        "knees: plates": lambda: below("plates/*"),
        "knees: hospital": lambda: below("hospital/*/*"),
        **{f"knees: val, KL {kl}": lambda kl=kl: below(f"oai-kl-224/val/{kl}/*") for kl in range(5)},  # type: ignore[misc]
        "knees: raw val": lambda: below("oai-raw-224/val/*/*"),
        "knees: plates-hospital2": lambda: below("plates-hospital2/*"),
        "plates upside-down": lambda: turned(below("plates/*"), folder, 2),
        "plates on their side": lambda: turned(below("plates/*"), folder, 1),
        "implants": lambda: below("ood/prosthesis/*"),
        "metal on drawn plates": lambda: drawn_metal(folder),
        "metal over val crops": lambda: metal_over(below("oai-raw-224/val/*/*"), folder),
        "hips, ankles": lambda: below("dicom/*"),
        "hips, ankles, header silent": lambda: without_body_part(below("dicom/*"), folder),
        "pictures": lambda: pictures(folder),
        "documents": lambda: documents(folder),
    }


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    asked.add_argument("data", type=Path, help="folder of the data for development")
    asked.add_argument("wanted", nargs="?", default="", help="only the sets whose name begins so")
    given = asked.parse_args()
    pipeline = Pipeline.load(Config())
    table = Table(
        "set", "files", "turned away", "graded in part", "knees graded", "gate asks for review", "codes", "beside"
    )
    last = ""
    cost: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        for title, files in sets(given.data, Path(name)).items():
            if not title.startswith(given.wanted):
                continue
            found = tally(pipeline, files())
            cost += found.cost
            codes = ", ".join(f"{code} {count}" for code, count in found.codes.most_common())
            beside = ", ".join(f"{code} {count}" for code, count in found.refused.most_common())
            counts = (found.files, found.turned_away, found.partly, found.knees, found.review)
            table.add_row(title, *map(str, counts), codes, beside)
            if not title.startswith("knees"):
                last += f"{title}: graded {', '.join(found.graded) or 'none'}\n"
    if cost:
        gate, measuring = np.median(cost, axis=0)
        both = np.median(np.sum(cost, axis=1))
        last += f"ms of CPU a graded knee, median: gate {gate:.2f}, joint space {measuring:.2f}, together {both:.2f}\n"
    Console(width=180).print(table, last)


if __name__ == "__main__":
    main()
