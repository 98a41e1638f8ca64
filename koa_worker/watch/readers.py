"""Agreement for a publication: each pair of graders on the knees that both graded; blind readings are kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy is loaded only for comparisons
    from koa_worker.watch.agreement import Estimate

EVERYBODY = "all readers"
_Key = tuple[str, str, bool | None]  # two graders, and whether both were blind
_Pairs = list[tuple[int, int, str]]  # for each knee both grades and the subject


@dataclass(frozen=True, slots=True)
class Reading:
    """The grade that one reader gave one knee."""

    knee: int
    grader: str
    kl: int
    blind: bool | None = None  # None: unknown


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two graders agree."""

    one: str
    other: str
    blind: bool | None  # both readers had not seen the model's grade; None: unknown for one of them
    knees: int
    subjects: int
    exact: Estimate
    within_one: float
    kappa: Estimate | None  # with quadratic weights; None if it is not defined, for example if all grades are the same
    matrix: tuple[tuple[int, ...], ...]  # knees by the grade of the one (row) and of the other (column)


def agree(
    readings: Iterable[Reading],
    models: Mapping[str, Mapping[int, int]],
    subjects: Mapping[int, str],
    *,
    everybody: bool = False,
) -> list[PairAgreement]:
    """For each two readers, and each reader and model (name → knee → grade). Knees without a subject are left out.

    With `everybody`, several readers are also taken together and compared with each model, before each of them.
    """
    by_knee: defaultdict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.knee in subjects:
            by_knee[reading.knee].append(reading)
    between, with_model = defaultdict[_Key, _Pairs](list), defaultdict[_Key, _Pairs](list)
    for knee, said in by_knee.items():
        subject = subjects[knee]
        for one, other in combinations(sorted(said, key=lambda reading: reading.grader), 2):
            between[one.grader, other.grader, _both_blind(one, other)].append((one.kl, other.kl, subject))
        for model, graded in models.items():
            for one in said if knee in graded else ():
                with_model[one.grader, model, one.blind].append((one.kl, graded[knee], subject))
    found = [_measured(key, between[key]) for key in sorted(between, key=_in_order)]
    for model in models:
        of_model = {key: pairs for key, pairs in with_model.items() if key[1] == model}
        found += _of_everybody(of_model) if everybody else ()
        found += [_measured(key, of_model[key]) for key in sorted(of_model, key=_in_order)]
    return found


def _in_order(key: _Key) -> tuple[str, str, str]:
    return key[0], key[1], str(key[2])


def _of_everybody(of_model: Mapping[_Key, _Pairs]) -> Iterator[PairAgreement]:
    for blind in (True, False, None):
        each = {key: pairs for key, pairs in of_model.items() if key[2] is blind}
        if len(each) > 1:
            model = next(iter(each))[1]
            yield _measured((EVERYBODY, model, blind), [pair for pairs in each.values() for pair in pairs])


def _both_blind(one: Reading, other: Reading) -> bool | None:
    if one.blind is None or other.blind is None:
        return None
    return one.blind and other.blind


def _measured(key: _Key, found: _Pairs) -> PairAgreement:
    import numpy as np  # noqa: PLC0415

    from koa_worker.watch.agreement import agreement_of_pairs, confusion  # noqa: PLC0415

    grades = np.array([pair[:2] for pair in found], dtype=np.int64)
    subjects = np.array([pair[2] for pair in found], dtype=np.str_)
    exact, kappa = agreement_of_pairs(grades, subjects)
    near = float((np.abs(grades[:, 0] - grades[:, 1]) <= 1).mean())
    matrix = tuple(tuple(map(int, row)) for row in confusion(grades[:, 0], grades[:, 1]))
    return PairAgreement(*key, len(found), len(np.unique(subjects)), exact, near, kappa, matrix)
