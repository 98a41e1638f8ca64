"""Makes one Dataset of folders and tables of graded knees; unusable files are listed and left out.

A folder holds one sub-folder for each grade (`2`, `Grade_2`, `2Minimal`) or pictures whose own names end in the grade
(`NormalG0 (1).png`), with or without `train`, `val`, `test` above. A table is a CSV with the columns path and grade
(or kl), and if known subject, split and preparation.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.prepare import prepare
from koa_worker.values import GRADES

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
# A copy or a subject that is in two splits stays in the split that measures, not in the one for training.
PRECEDENCE = ("test", "val", "train", "")

Picture = NDArray[np.uint8]


class Preparation(StrEnum):
    """The preparation that a source's crops have had already."""

    RAW = "raw"
    EQUALIZED = "equalized"
    LOOK = "look"  # each crop is tested


@dataclass(frozen=True, slots=True)
class Source:
    """A folder or a CSV, and how its crops were prepared."""

    path: Path
    preparation: Preparation = Preparation.LOOK

    @classmethod
    def parse(cls, text: str) -> Source:
        """`raw:FOLDER`, `equalized:FOLDER` or just `FOLDER`."""
        word, colon, rest = text.partition(":")
        if colon and word in set(Preparation):
            return cls(Path(rest), Preparation(word))
        return cls(Path(text))


@dataclass(frozen=True, slots=True)
class Item:
    """One graded knee crop."""

    path: Path
    grade: int
    subject: str
    preparation: Preparation
    split: str  # "train", "val", "test", or "" if the source does not give it
    digest: str = ""  # of the stored pixels, not of the file

    @property
    def equalized(self) -> bool | None:
        """Whether the source says that the crop is equalised; None: the crop has to be tested."""
        return None if self.preparation is Preparation.LOOK else self.preparation is Preparation.EQUALIZED


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that is not used, with the reason: unreadable, unlabelled, duplicate, contradiction or cross_split."""

    path: Path
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """All usable crops, in a fixed order, and those that were left out."""

    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...] = ()

    def of(self, split: str) -> Dataset:
        return Dataset(tuple(item for item in self.items if item.split == split))

    @property
    def grades(self) -> NDArray[np.int64]:
        return np.array([item.grade for item in self.items], dtype=np.int64)

    @property
    def subjects(self) -> list[str]:
        return [item.subject for item in self.items]

    @property
    def digest(self) -> str:
        """One hash of pixels, grades and splits, which shows whether two runs had the same data."""
        lines = sorted(f"{item.digest} {item.grade} {item.subject} {item.split}" for item in self.items)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def collect(sources: Iterable[Source | Path | str]) -> Dataset:
    """All knees of the sources; images are read once to find unreadable ones and duplicates."""
    found: list[Item] = []
    left_out: list[LeftOut] = []
    for source in map(_as_source, sources):
        for item in _listed(source):
            if isinstance(item, LeftOut):
                left_out.append(item)
            elif (pixels := _decode(item.path)) is None:
                left_out.append(LeftOut(item.path, "unreadable"))
            else:
                found.append(replace(item, digest=_digest(pixels)))
    kept, twins = _without_duplicates(found)
    kept, crossing = _without_crossing(kept)
    return Dataset(tuple(kept), (*left_out, *twins, *crossing))


def picture(item: Item) -> Picture:
    """The crop as the network gets it: 224×224, 8 bit, equalised."""
    pixels = _decode(item.path)
    if pixels is None:
        raise OSError(f"{item.path} can no longer be read")
    return prepare(pixels, equalized=item.equalized)


def pictures(items: Iterable[Item]) -> Picture:
    """All crops as one array [n, 224, 224]."""
    return np.stack([picture(item) for item in items])


def grade_of(path: Path, root: Path) -> int | None:
    """The grade in the names of the folders below the root, the nearest first, or in the image's own name."""
    for folder in reversed(path.relative_to(root).parts[:-1]):
        if (grade := _grade_in_folder(folder)) is not None:
            return grade
    match = re.search(r"(?:g|grade|kl)[ _-]?([0-4])(?!\d)", path.stem, re.IGNORECASE)
    return int(match[1]) if match else None


def subject_of(name: str) -> str:
    """The subject that a file's name stands for: the name without its side, so that both knees go together."""
    stem = Path(name).stem
    return re.sub(r"(?<=[\d _-])[ _-]?(left|right|l|r)$", "", stem, flags=re.IGNORECASE)


def _as_source(source: Source | Path | str) -> Source:
    if isinstance(source, Source):
        return source
    return Source.parse(source) if isinstance(source, str) else Source(source)


def _listed(source: Source) -> Iterator[Item | LeftOut]:
    if source.path.is_file():
        return _from_table(source)
    if not source.path.is_dir():
        raise FileNotFoundError(f"{source.path} is neither a folder nor a CSV file")
    return _from_folder(source)


def _from_folder(source: Source) -> Iterator[Item | LeftOut]:
    for path in sorted(source.path.rglob("*")):
        if path.suffix.lower() not in PICTURES or not path.is_file():
            continue
        grade = grade_of(path, source.path)
        if grade is None:
            yield LeftOut(path, "unlabelled")
        else:
            folders = (part.lower() for part in path.relative_to(source.path).parts[:-1])
            split = next((SPLITS[folder] for folder in folders if folder in SPLITS), "")
            yield Item(path, grade, subject_of(path.name), source.preparation, split)


def _from_table(source: Source) -> Iterator[Item | LeftOut]:
    with source.path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        names = table.fieldnames or ()
        named = "kl" if "kl" in names and "grade" not in names else "grade"  # `koa-worker calibrate` calls it kl
        if missing := {"path", named} - set(names):
            raise ValueError(f"{source.path} has no column {' and no column '.join(sorted(missing))}")
        for row in table:
            path = source.path.parent / row["path"]  # an absolute path is not changed
            grade = (row[named] or "").strip()
            if grade not in {"0", "1", "2", "3", "4"}:
                yield LeftOut(path, "unlabelled", f"grade {grade!r}")
                continue
            preparation = Preparation(row.get("preparation") or source.preparation)
            split = SPLITS.get((row.get("split") or "").strip().lower(), "")
            yield Item(path, int(grade), row.get("subject") or subject_of(path.name), preparation, split)


def _grade_in_folder(name: str) -> int | None:
    match = re.fullmatch(r"(?:.*\D)?([0-4])", name) or re.match(r"([0-4])[ _-]?[A-Za-z]", name)
    return int(match[1]) if match else None


def _decode(path: Path) -> NDArray[np.generic] | None:
    """The stored gray pixels, 8 or 16 bit, or None."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    if data.size == 0:
        return None
    pixels = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    return None if pixels is None or pixels.dtype not in (np.uint8, np.uint16) else np.asarray(pixels)


def _digest(pixels: NDArray[np.generic]) -> str:
    return hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode() + pixels.tobytes()).hexdigest()


def _without_duplicates(items: list[Item]) -> tuple[list[Item], list[LeftOut]]:
    """Keeps one of equal images, and none if their grades differ, because the right grade is unknown."""
    twins: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        twins[item.digest].append(item)
    kept: set[Path] = set()
    left_out: list[LeftOut] = []
    for group in twins.values():
        first, *others = sorted(group, key=lambda item: PRECEDENCE.index(item.split))
        if len({item.grade for item in group}) > 1:
            left_out += [LeftOut(item.path, "contradiction", "equal pictures, different grades") for item in group]
            continue
        kept.add(first.path)
        left_out += [LeftOut(item.path, "duplicate", f"of {first.path}") for item in others]
    return [item for item in items if item.path in kept], left_out


def _without_crossing(items: list[Item]) -> tuple[list[Item], list[LeftOut]]:
    """A subject belongs to one split: if the sources have it in two, it stays in the one that measures."""
    splits: dict[str, set[str]] = defaultdict(set)
    for item in items:
        splits[item.subject].add(item.split)
    home = {subject: min(names, key=PRECEDENCE.index) for subject, names in splits.items()}
    kept = [item for item in items if item.split == home[item.subject]]
    crossing = [
        LeftOut(item.path, "cross_split", f"its subject is in {home[item.subject]} too")
        for item in items
        if item.split != home[item.subject]
    ]
    return kept, crossing


def summary(dataset: Dataset) -> str:
    """A few lines for a person: the numbers by grade and split, and the images that were left out."""
    counts = Counter((item.split or "no split", item.grade) for item in dataset.items)
    lines = [
        f"{split}: " + ", ".join(f"KL{grade} {counts[split, grade]}" for grade in GRADES)
        for split in sorted({split for split, _ in counts})
    ]
    reasons = Counter(item.reason for item in dataset.left_out)
    return "\n".join(lines + [f"left out, {reason}: {count}" for reason, count in sorted(reasons.items())])
