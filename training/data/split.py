"""Splits by subject, stratified and seeded; they are written to a table that can be used as a source."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from .layouts import Dataset, Item

COLUMNS = ("path", "grade", "subject", "split", "preparation")


class SubjectInTwoSplits(ValueError):
    """A subject in training must not be in validation."""


def complete(dataset: Dataset, *, share: float = 0.15, seed: int = 0) -> Dataset:
    """The dataset with every item in a split: the source's splits are kept; a missing `val` is taken from `train`."""
    items = tuple(item if item.split else replace(item, split="train") for item in dataset.items)
    if not any(item.split == "val" for item in items):
        chosen = _chosen_subjects((item for item in items if item.split == "train"), share, seed)
        items = tuple(
            replace(item, split="val") if item.split == "train" and item.subject in chosen else item for item in items
        )
    check(items)
    return Dataset(items, dataset.left_out)


def check(items: Iterable[Item]) -> None:
    """Raise SubjectInTwoSplits if there is one."""
    homes: dict[str, set[str]] = defaultdict(set)
    for item in items:
        homes[item.subject].add(item.split)
    torn = sorted(subject for subject, splits in homes.items() if len(splits) > 1)
    if torn:
        raise SubjectInTwoSplits(f"{len(torn)} subjects are in two splits, the first of them {torn[0]}")


def write(dataset: Dataset, path: Path) -> None:
    """The splits as a CSV that `--csv` takes."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for item in dataset.items:
            table.writerow([item.path.resolve(), item.grade, item.subject, item.split, item.preparation])


def _chosen_subjects(items: Iterable[Item], share: float, seed: int) -> set[str]:
    """About `share` of the subjects of each stratum, at least one if there are two."""
    chosen: set[str] = set()
    for subjects in _shuffled_strata(items, seed):
        wanted = round(share * len(subjects)) or int(len(subjects) > 1)
        chosen.update(subjects[:wanted])
    return chosen


def _shuffled_strata(items: Iterable[Item], seed: int) -> list[list[str]]:
    """The subjects by their worst knee's grade, each group in an order that only the seed decides."""
    worst: dict[str, int] = defaultdict(int)
    for item in items:
        worst[item.subject] = max(worst[item.subject], item.grade)
    strata: dict[int, list[str]] = defaultdict(list)
    for subject in sorted(worst):
        strata[worst[subject]].append(subject)
    chance = np.random.default_rng(seed)
    return [[str(subject) for subject in chance.permutation(strata[grade])] for grade in sorted(strata)]
