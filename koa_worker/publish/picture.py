"""The report as one picture for the viewer: the frame with its boxes, each knee with its heatmap, grade and notice."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker import RESEARCH_NOTICE
from koa_worker.publish.result import ImageResult, KneeResult
from koa_worker.values import GRADE_WORDS, Side

Canvas = NDArray[np.uint8]  # RGB

EDGE = 336  # of a knee's pictures: one and a half times the net's own grid
_GAP, _LINE = 24, 34
_FRAME_HEIGHT, _FRAME_WIDTH = 900, 1000
_WORDS_WIDTH = 430
_WHITE, _QUIET, _SIGNAL = (255, 255, 255), (170, 170, 170), (255, 196, 64)
_FONT = cv2.FONT_HERSHEY_SIMPLEX  # ASCII only, as are our words here
_LETTERS = {Side.RIGHT: "R", Side.LEFT: "L", Side.UNKNOWN: ""}


def draw(result: ImageResult) -> Canvas:
    """Bright words on black, as viewers show radiographs; it names nobody."""
    frame = _frame(result)
    rows = [_knee(number, knee) for number, knee in enumerate(result.knees, start=1)]
    height = max(frame.shape[0], len(rows) * (EDGE + _GAP) - _GAP)
    width = frame.shape[1] + 2 * (EDGE + _GAP) + _GAP + _WORDS_WIDTH
    canvas = np.zeros((height + 2 * _GAP + 3 * _LINE, width + 2 * _GAP, 3), np.uint8)
    _paste(canvas, frame, _GAP, _GAP)
    for index, row in enumerate(rows):
        _paste(canvas, row, _GAP + frame.shape[1] + _GAP, _GAP + index * (EDGE + _GAP))
    base = height + _GAP + _LINE + 8
    _write(canvas, RESEARCH_NOTICE, (_GAP, base), 0.9, _SIGNAL)
    maker = result.maker
    made = f"koa-worker {maker.software}, model {maker.model}, manifest SHA-256 {maker.digest[:12]}"
    _write(canvas, made, (_GAP, base + _LINE), 0.6, _QUIET)
    return canvas


def _frame(result: ImageResult) -> Canvas:
    """The whole radiograph with a numbered box around each knee."""
    small = np.asarray(cv2.imdecode(np.frombuffer(result.frame_jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    scale = min(_FRAME_HEIGHT / result.rows, _FRAME_WIDTH / result.columns)
    size = (max(1, round(result.columns * scale)), max(1, round(result.rows * scale)))
    canvas: Canvas = np.asarray(cv2.cvtColor(cv2.resize(small, size), cv2.COLOR_GRAY2RGB), np.uint8)
    for number, knee in enumerate(result.knees, start=1):
        box = knee.roi.box
        left, top = round(box.x * scale), round(box.y * scale)
        right, bottom = round((box.x + box.width) * scale) - 1, round((box.y + box.height) * scale) - 1
        cv2.rectangle(canvas, (left, top), (right, bottom), _WHITE, 2)
        _write(canvas, f"{number} {_LETTERS[knee.roi.side]}", (max(left, 0) + 8, max(top, 0) + 30), 0.9, _WHITE)
    return canvas


def _knee(number: int, knee: KneeResult) -> Canvas:
    canvas = np.zeros((EDGE, 2 * (EDGE + _GAP) + _WORDS_WIDTH, 3), np.uint8)
    _paste(canvas, _enlarge(np.dstack([knee.crop] * 3)), 0, 0)
    _paste(canvas, _enlarge(knee.overlay), EDGE + _GAP, 0)
    for index, (words, size, ink) in enumerate(_words(number, knee)):
        _write(canvas, words, (2 * (EDGE + _GAP), _LINE * (index + 1)), size, ink)
    return canvas


def _words(number: int, knee: KneeResult) -> list[tuple[str, float, tuple[int, int, int]]]:
    grade = knee.grade
    side = "side unknown" if knee.roi.side is Side.UNKNOWN else knee.roi.side
    lines = [
        (f"{number}  Knee, {side}", 0.9, _WHITE),
        (f"KL {grade.kl}, {GRADE_WORDS[grade.kl]}", 1.1, _WHITE),
        (f"Confidence {_percent(grade.confidence)}", 0.7, _WHITE),
        (f"P(KL 2 or more) {_percent(grade.oa_probability)}", 0.7, _WHITE),
        ("  ".join(f"{kl}: {_percent(share)}" for kl, share in enumerate(grade.probabilities)), 0.5, _QUIET),
    ]
    lines += [(f"Joint space {width.compartment} {width.mm:.1f} mm", 0.7, _WHITE) for width in knee.widths]
    if grade.needs_review:
        lines.append(("Review: unsure", 0.8, _SIGNAL))
    return lines


def _percent(share: float) -> str:
    """Never 0 % and never 100 %: a net is not that sure."""
    if share < 0.005:
        return "<1%"
    return ">99%" if share >= 0.995 else f"{share * 100:.0f}%"


def _enlarge(picture: NDArray[np.uint8]) -> Canvas:
    return np.asarray(cv2.resize(picture, (EDGE, EDGE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _paste(canvas: Canvas, picture: Canvas, x: int, y: int) -> None:
    canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture


def _write(canvas: Canvas, words: str, at: tuple[int, int], size: float, ink: tuple[int, int, int]) -> None:
    """With a dark edge, so that it is read on any radiograph."""
    cv2.putText(canvas, words, at, _FONT, size, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.putText(canvas, words, at, _FONT, size, ink, 2, cv2.LINE_AA)
