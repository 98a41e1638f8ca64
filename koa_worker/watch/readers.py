"""Agreement for a publication: each pair of graders on the knees that both graded, blind and other readings apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from koa_worker.watch.agreement import Estimate, agreement_of_pairs


@dataclass(frozen=True, slots=True)
class Reading:
    """The grade that one reader gave one knee."""

    knee: int
    grader: str
    kl: int
    blind: bool | None = None  # None: nobody knows


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two graders agree."""

    one: str
    other: str
    blind: bool | None  # both had not seen the model's grade; None: not known of one of them
    knees: int
    subjects: int
    exact: Estimate
    within_one: float
    kappa: Estimate  # with quadratic weights


def agree(
    readings: Iterable[Reading], models: Mapping[str, Mapping[int, int]], subjects: Mapping[int, str]
) -> list[PairAgreement]:
    """Per two readers, and per reader and model (name → knee → grade). Knees without a subject are left out."""
    by_knee: defaultdict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.knee in subjects:
            by_knee[reading.knee].append(reading)
    pairs: defaultdict[tuple[int, str, str, bool | None], list[tuple[int, int, str]]] = defaultdict(list)
    for knee, said in by_knee.items():
        subject = subjects[knee]
        for one, other in combinations(sorted(said, key=lambda reading: reading.grader), 2):
            pairs[0, one.grader, other.grader, _both_blind(one, other)].append((one.kl, other.kl, subject))
        for order, (model, graded) in enumerate(models.items(), start=1):
            for one in said if knee in graded else ():
                pairs[order, one.grader, model, one.blind].append((one.kl, graded[knee], subject))
    names = sorted(pairs, key=lambda key: (*key[:3], str(key[3])))
    return [_measured(key[1], key[2], key[3], pairs[key]) for key in names]


def _both_blind(one: Reading, other: Reading) -> bool | None:
    if one.blind is None or other.blind is None:
        return None
    return one.blind and other.blind


def _measured(one: str, other: str, blind: bool | None, found: list[tuple[int, int, str]]) -> PairAgreement:  # noqa: FBT001
    grades = np.array([pair[:2] for pair in found], dtype=np.int64)
    subjects = np.array([pair[2] for pair in found], dtype=np.str_)
    exact, kappa = agreement_of_pairs(grades, subjects)
    near = float((np.abs(grades[:, 0] - grades[:, 1]) <= 1).mean())
    return PairAgreement(one, other, blind, len(found), len(np.unique(subjects)), exact, near, kappa)
