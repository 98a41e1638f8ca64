"""Accuracy and speed of finding knees: `python -m bench.roi [SHARED_DATA_FOLDER] [--synthetic N]` prints the tables.

Without the folder only synthetic radiographs are measured. The truth of the real ones was read by eye (README.md of the
data folder); they are also measured turned, scaled, cropped, mirrored, re-exposed, grained, with black boxes and
collimation borders. Crops of mild and severe knees set into radiographs of another hospital show the loss by severity,
with the release of the configuration as judge (`bench/set_in.py`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench import set_in
from koa_worker.config import Config
from koa_worker.knee.finding.roi import overlap, trace
from koa_worker.pipeline import Pipeline
from koa_worker.synthetic import draw, random_spec
from koa_worker.values import Box, GrayImage, Radiograph, Study

Truth = tuple[float, float, float]  # middle of the joint, plateau
EYE_READ: dict[str, Truth] = {"kl1": (865, 1265, 470), "kl3": (750, 1245, 575)}


class Table:
    """IoU of every true knee with the nearest found one, whether their number was right, and the time."""

    def __init__(self, name: str) -> None:
        self.name, self.shares, self.counts, self.spent_ms = name, list[float](), list[bool](), list[float]()

    def add(self, pixels: GrayImage, boxes: list[Box]) -> None:
        frame = Radiograph(pixels, "PNG", Study("1", "2"))
        start = time.perf_counter()
        seen = trace(frame)
        self.spent_ms.append((time.perf_counter() - start) * 1e3)
        rois = () if seen.fault else seen.rois
        self.counts.append(len(rois) == len(boxes))
        self.shares += [max((overlap(box, roi.box) for roi in rois), default=0.0) for box in boxes]

    def show(self) -> None:
        shares = np.array(self.shares)
        at_least = "  ".join(f">={limit} {np.mean(shares >= limit):6.1%}" for limit in (0.7, 0.8, 0.85))
        print(
            f"{self.name:28} frames {len(self.counts):4}  count right {np.mean(self.counts):6.1%}  "
            f"IoU min {shares.min():.2f} median {np.median(shares):.2f}  {at_least}  ms {np.median(self.spent_ms):5.1f}"
        )


def box_of(truth: Truth) -> Box:
    x, y, plateau = truth
    side = round(1.2 * plateau)
    return Box(round(x - side / 2), round(y - side / 2), side, side)


def gray(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def real_plates(data: Path) -> list[tuple[NDArray[np.uint8], list[Truth]]]:
    """Each plate and both side by side, as a bilateral one is shown."""
    first, second = (gray(data / f"plates/{name}.jpg") for name in EYE_READ)
    one, (x, y, plateau) = EYE_READ["kl1"], EYE_READ["kl3"]
    both = np.hstack([first, second])
    return [(first, [one]), (second, [(x, y, plateau)]), (both, [one, (x + first.shape[1], y, plateau)])]


def changed(pixels: NDArray[np.uint8], truths: list[Truth], rng: np.random.Generator) -> tuple[GrayImage, list[Truth]]:
    """Another framing, exposure and console of the same knees, the truth carried along."""
    moved, truths = _reframed(*_turned(pixels, truths, rng), rng)
    light = (moved / 255) ** rng.uniform(0.5, 2.0) * rng.uniform(0.5, 1.0) + rng.uniform(0, 0.25)
    light += rng.normal(0, rng.uniform(0, 0.03), light.shape)
    _furnish(light, truths, rng)
    light = light.clip(0, 1)
    if rng.random() < 0.3:
        return (light * (2 ** int(rng.integers(10, 17)) - 1)).astype(np.uint16), truths
    return (light * 255).astype(np.uint8), truths


def _turned(
    pixels: NDArray[np.uint8], truths: list[Truth], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Truth]]:
    height, width = pixels.shape
    if rng.random() < 0.5:
        pixels, truths = pixels[:, ::-1], [(width - 1 - x, y, plateau) for x, y, plateau in truths]
    scale = rng.uniform(0.4, 1.1)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-8, 8), scale)
    matrix = matrix + np.array([[0, 0, (scale - 1) * width / 2], [0, 0, (scale - 1) * height / 2]])
    size = round(width * scale), round(height * scale)
    turned = cv2.warpAffine(np.ascontiguousarray(pixels), matrix, size, borderMode=cv2.BORDER_REPLICATE)
    points = [(*(matrix @ (x, y, 1)), plateau * scale) for x, y, plateau in truths]
    return np.asarray(turned, dtype=np.uint8), [(float(x), float(y), float(plateau)) for x, y, plateau in points]


def _reframed(
    pixels: NDArray[np.uint8], truths: list[Truth], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Truth]]:
    """Cut anywhere outside the knees' boxes."""
    height, width = pixels.shape
    boxes = [box_of(truth) for truth in truths]
    left = int(rng.random() * max(0, min(box.x for box in boxes)))
    top = int(rng.random() * max(0, min(box.y for box in boxes)))
    right = width - int(rng.random() * max(0, width - max(box.x + box.width for box in boxes)))
    bottom = height - int(rng.random() * max(0, height - max(box.y + box.height for box in boxes)))
    return pixels[top:bottom, left:right], [(x - left, y - top, plateau) for x, y, plateau in truths]


def _furnish(light: NDArray[np.float64], truths: list[Truth], rng: np.random.Generator) -> None:
    """Black boxes, lead letters and collimation borders, none of them over a knee."""
    height, width = light.shape
    kept = np.zeros_like(light, dtype=bool)
    for box in map(box_of, truths):
        kept[max(0, box.y) : box.y + box.height, max(0, box.x) : box.x + box.width] = True
    covered = np.full_like(light, np.nan)
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform(0, 0.9) * width, rng.uniform(0, 0.95) * height
        across, down = rng.uniform(0.03, 0.25) * width, rng.uniform(0.02, 0.1) * height
        covered[int(y) : int(y + down), int(x) : int(x + across)] = rng.choice([0.0, 1.0])
    if rng.random() < 0.4:
        edges = (rng.uniform(0, 0.12, 4) * (height, height, width, width)).astype(int)
        border = np.ones_like(kept)
        border[edges[0] : height - edges[1], edges[2] : width - edges[3]] = False
        covered[border] = rng.choice([0.0, 0.03, 1.0])
    there = ~kept & np.isfinite(covered)
    light[there] = covered[there]


def tables(data: Path | None, synthetic: int, variants: int) -> Iterator[Table]:
    if data is not None:
        yield from _real(data, variants)
    drawn = Table("synthetic plates")
    for seed in range(synthetic):
        plate = draw(random_spec(seed, longest=1000))
        drawn.add(plate.pixels, [knee.box for knee in plate.truths])
    yield drawn


def _real(data: Path, variants: int) -> Iterator[Table]:
    plates, rng = real_plates(data), np.random.default_rng(7)
    for name, (pixels, truths) in zip(("plate kl1", "plate kl3", "both side by side"), plates, strict=True):
        table = Table(name)
        for _ in range(5):
            table.add(pixels, [box_of(truth) for truth in truths])
        yield table
    table = Table("the same, changed")
    for number in range(variants):
        frame, truths = changed(*plates[number % len(plates)], rng)
        table.add(frame, [box_of(truth) for truth in truths])
    yield table
    for folder in ("oai-raw-224", "oai-kl-224/val"):
        table = Table(f"{folder}: whole")
        for path in sorted((data / folder).rglob("*.[jp][pn]g")):
            table.add(gray(path), [Box(0, 0, 224, 224)])
        yield table
    right = [_count_is_right(gray(path)) for path in sorted((data / "hospital").glob("*/*.png"))]
    print(f"{'hospital strips':28} frames {len(right):4}  count right {sum(right)} of {len(right)}")


def _count_is_right(pixels: GrayImage) -> bool:
    seen = trace(Radiograph(pixels, "PNG", Study("1", "2")))
    return seen.fault is None and len(seen.rois) == (2 if pixels.shape[1] > 400 else 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--synthetic", type=int, default=500)
    parser.add_argument("--variants", type=int, default=300)
    parser.add_argument("--set-in", type=int, default=300, help="images of each kind with a knee set in")
    wanted = parser.parse_args()
    if wanted.data is not None and wanted.set_in:
        set_in.show_plates(wanted.data)
        grader = Pipeline.load(Config()).grader
        for judging in (False, True):
            set_in.show(wanted.data, grader, wanted.set_in, judging=judging)
    for table in tables(wanted.data, wanted.synthetic, wanted.variants):
        table.show()


if __name__ == "__main__":
    main()
