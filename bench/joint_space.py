"""Accuracy and speed of the joint space measurement: `python -m bench.joint_space [SHARED_DATA_FOLDER]`.

Without the folder only synthetic radiographs are measured. With it also the validation crops: they have no pixel size,
so that widths are shares of the tibial width; the smaller compartment of a knee is compared with its grade.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.errors import InputRejected
from koa_worker.knee.finding.roi import find_knees
from koa_worker.knee.joint_space.measure import measure
from koa_worker.synthetic import Collimation, Plate, PlateSpec, draw, random_knee, random_spec
from koa_worker.values import (
    GRADES,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Radiograph,
    Side,
    Spacing,
    SpacingSource,
    Study,
)

NAMES = (CompartmentName.MEDIAL, CompartmentName.LATERAL)
FIELD_MM = 150
TIBIA_MM = 75  # an adult's tibial plateau, on average


def plate(rng: np.random.Generator) -> Plate:
    """One knee with widths from 0.5 to 8 mm, tilted, in any exposure and grain."""
    medial, lateral = rng.uniform(0.5, 8, 2)
    severity = float(np.clip(np.interp(min(medial, lateral), [0.5, 1.5, 3, 4.5], [4, 3, 2, 0]), 0, 4))
    middle = (rng.uniform(0.46, 0.54), rng.uniform(0.46, 0.54))
    knee = random_knee(rng, Side.RIGHT if rng.random() < 0.5 else Side.LEFT, severity=severity, centre=middle)
    spacing = float(rng.choice([0.1, 0.143, 0.175, 0.2]))
    edge = round(FIELD_MM / spacing)
    spec = replace(random_spec(rng), height=edge, width=edge, spacing_mm=spacing, letters=False, beads=False, boxes=0)
    knee = replace(knee, medial_mm=medial, lateral_mm=lateral)
    return draw(replace(spec, knees=(knee,), collimation=Collimation.NONE))


def measured(drawn: Plate, bits: int = 16) -> JointSpace:
    spacing = Spacing(drawn.spacing_mm, drawn.spacing_mm, SpacingSource.DETECTOR)
    pixels = drawn.pixels >> (16 - bits)
    frame = Radiograph(pixels, "DICOM", Study("1", "2"), spacing=spacing, column_zero_side="R")
    truth = drawn.truths[0]
    return measure(frame, KneeRoi(truth.box, truth.side))


def accuracy(count: int) -> None:
    rng = np.random.default_rng(5)
    least, mean, seen = [], [], 0
    for _ in range(count):
        drawn = plate(rng)
        found, truth = measured(drawn), drawn.truths[0]
        for name, known in zip(NAMES, (truth.medial, truth.lateral), strict=True):
            width, average = found.width(name, "min_mm"), found.width(name, "mean_mm")
            seen += 1
            if width is not None and average is not None:
                least.append(width - known.min_mm)
                mean.append(average - known.mean_mm)
    for label, errors in (("least width", least), ("mean width", mean)):
        away = np.abs(errors)
        print(
            f"drawn, {label}: {len(away)} of {seen} compartments measured, error median {np.median(away):.3f} mm, "
            f"95 % {np.quantile(away, 0.95):.3f} mm, most {away.max():.3f} mm, bias {np.mean(errors):+.3f} mm"
        )


def repeatability(count: int) -> None:
    """The repeatability of every knee with shifts below a pixel, small rotations, other grain, and fewer bits."""
    rng = np.random.default_rng(6)
    spreads = []
    for _ in range(count):
        first = plate(rng).spec
        knee, widths = first.knees[0], []
        for number in range(6):
            middle = tuple(at + rng.uniform(-1, 1) / first.width for at in knee.centre)
            moved = replace(knee, centre=(middle[0], middle[1]), tilt_deg=knee.tilt_deg + rng.uniform(-2, 2))
            again = measured(draw(replace(first, knees=(moved,), seed=number)), bits=(16, 12, 10, 8)[number % 4])
            widths.append([again.width(name, "min_mm") for name in NAMES])
        spreads.append(np.nanstd(np.array(widths, dtype=float), axis=0))
    rms = np.sqrt(np.nanmean(np.square(spreads)))
    print(
        f"drawn again, shifted, turned, 8 to 16 bits: SD median {np.nanmedian(spreads):.3f} mm, "
        f"95 % {np.nanquantile(spreads, 0.95):.3f} mm, root mean square {rms:.3f} mm"
    )


def exposed(pixels: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """The image in another exposure: contrast, brightness and curve as consoles vary them."""
    most = float(np.iinfo(pixels.dtype).max)
    share = np.clip(pixels / most * rng.uniform(0.75, 1.2) + rng.uniform(-0.03, 0.03), 0, 1)
    return np.asarray(np.round(share ** rng.uniform(0.8, 1.25) * most), pixels.dtype)


def limit_of_change(data: Path | None, count: int) -> None:
    """1.96 × √2 × SD of repeated measurements of a width: a smaller difference of two exams is no change."""
    rng = np.random.default_rng(8)
    spreads = [_drawn_again(plate(rng).spec, rng) for _ in range(count)]
    _print_limit("drawn, shifted, turned by 2°, other grain and exposure, 8 to 16 bits", np.concatenate(spreads))
    if data is None:
        return
    every = [pixels for _, pixels in crops(data)]
    chosen = rng.choice(len(every), min(4 * count, len(every)), replace=False)
    shares = np.concatenate([_crop_again(every[number], rng) for number in chosen])
    known = shares[~np.isnan(shares)]
    print(f"validation crops again, {len(known)} compartments: {np.median(known):.3%} of the tibial width (median SD)")
    _print_limit(f"validation crops, shifted, turned by 2°, exposed, at {TIBIA_MM} mm tibial width", shares * TIBIA_MM)


def _drawn_again(first: PlateSpec, rng: np.random.Generator, times: int = 6) -> NDArray[np.float64]:
    """The standard deviation of the least width of each compartment."""
    knee, widths = first.knees[0], []
    for number in range(times):
        middle = tuple(at + rng.uniform(-3, 3) / first.width for at in knee.centre)
        moved = replace(knee, centre=(middle[0], middle[1]), tilt_deg=knee.tilt_deg + rng.uniform(-2, 2))
        drawn = draw(replace(first, knees=(moved,), seed=number))
        again = measured(replace(drawn, pixels=exposed(drawn.pixels, rng)), bits=(16, 12, 10, 8)[number % 4])
        widths.append([again.width(name, "min_mm") for name in NAMES])
    return _spread(widths)


def _crop_again(pixels: NDArray[np.uint8], rng: np.random.Generator, times: int = 6) -> NDArray[np.float64]:
    """The same for a real crop, as shares of the tibial width."""
    height, width = pixels.shape
    widths: list[list[float | None]] = []
    for _ in range(times):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-2, 2), 1.0)
        turn[:, 2] += rng.uniform(-1.5, 1.5, 2)
        moved = cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        frame = Radiograph(exposed(np.asarray(moved, np.uint8), rng), "PNG", Study("1", "2"))
        try:
            found = measure(frame, find_knees(frame)[0])
        except InputRejected:
            continue
        widths.append([part.min_ratio for part in found.compartments])
    return _spread(widths)


def _spread(widths: list[list[float | None]]) -> NDArray[np.float64]:
    """The standard deviation of each compartment; NaN where fewer than three measurements succeeded."""
    columns = [[width for width in column if width is not None] for column in zip(*widths, strict=True)]
    return np.array([np.std(column, ddof=1) if len(column) > 2 else np.nan for column in columns], np.float64)


def _print_limit(what: str, spreads: NDArray[np.float64]) -> None:
    known = spreads[~np.isnan(spreads)]
    rms = float(np.sqrt(np.mean(np.square(known))))
    ends = f"SD median {np.median(known):.3f}, 95 % {np.quantile(known, 0.95):.3f}, root mean square {rms:.3f} mm"
    print(f"{what}: {ends}; limit of change {1.96 * np.sqrt(2) * rms:.3f} mm")


def real(data: Path) -> None:
    grades, widths, spent = [], [], []
    for kl, pixels in crops(data):
        frame = Radiograph(pixels, "PNG", Study("1", "2"))
        try:
            roi = find_knees(frame)[0]
        except InputRejected:
            grades.append(kl)
            widths.append(np.nan)
            continue
        start = time.process_time()
        found = measure(frame, roi)
        spent.append((time.process_time() - start) * 1e3)
        both = [part.min_ratio for part in found.compartments if part.min_ratio is not None]
        grades.append(kl)
        widths.append(min(both) if len(both) == 2 else np.nan)
    every, grade = np.array(widths), np.array(grades)
    clear = ~np.isnan(every)
    width, kl = every[clear], grade[clear]
    print(f"validation crops: both compartments measured in {clear.mean():.1%} of {len(every)}")
    print(f"  by grade {' '.join(f'{clear[grade == one].mean():.1%}' for one in GRADES)}")
    print(f"  least width, median by grade, % of the tibial width: {by_grade(width, kl)}")
    rho = np.corrcoef(ranks(width), ranks(kl.astype(float)))[0, 1]
    print(f"  smaller compartment: Spearman with the grade {rho:.3f}, AUC for KL 3 and more {auc(-width, kl >= 3):.4f}")
    print(f"  were widths alike in KL 0 to 2 and perfect in 3 and 4, Spearman would be {if_alike(kl):.3f}")
    print(f"  {np.median(spent):.2f} ms of CPU a knee (median)")


def crops(data: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for kl in GRADES:
        for path in sorted((data / f"oai-kl-224/val/{kl}").glob("*.jpg")):
            yield kl, np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def by_grade(width: NDArray[np.float64], grade: NDArray[np.int64]) -> str:
    return " ".join(f"{np.median(width[grade == kl]) * 100:.2f}" for kl in GRADES if (grade == kl).any())


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ranks from 1; equal values share the middle of their places."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which], np.float64)


def if_alike(grade: NDArray[np.int64]) -> float:
    """Spearman's ρ with the grade for a width that separates KL 3 and KL 4 perfectly, but not 0, 1 and 2.

    Grades 0 to 2 are distinguished by osteophytes: by definition their joint space is not narrowed, or not certainly.
    """
    expected, among = ranks(-np.maximum(grade, 2).astype(float)), ranks(grade.astype(float))
    shared = float(np.mean((expected - expected.mean()) * (among - among.mean())))
    return shared / float(among.std() * np.arange(len(grade)).std())


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    count = int(positive.sum())
    above = float(ranks(score)[positive].sum()) - count * (count + 1) / 2
    return above / (count * int((~positive).sum()))


def speed() -> None:
    drawn = plate(np.random.default_rng(7))
    spent = []
    for _ in range(30):
        start = time.process_time()
        measured(drawn)
        spent.append((time.process_time() - start) * 1e3)
    print(f"cost on a plate: {np.median(spent):.2f} ms of CPU a knee, least {min(spent):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--plates", type=int, default=60)
    settings = parser.parse_args()
    cv2.setNumThreads(1)
    speed()
    accuracy(settings.plates)
    repeatability(max(1, settings.plates // 6))
    limit_of_change(settings.data, settings.plates)
    if settings.data is not None:
        real(settings.data)


if __name__ == "__main__":
    main()
