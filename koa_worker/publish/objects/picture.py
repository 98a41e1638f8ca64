"""The results as one image for the viewer: the frame with its boxes, each knee with heatmap and grade, the notice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker import RESEARCH_NOTICE
from koa_worker.languages import say
from koa_worker.publish.objects.result import ImageResult, KneeResult
from koa_worker.report import words
from koa_worker.values import GRADE_WORDS, GRADES, Grade, Side

Canvas = NDArray[np.uint8]  # RGB
_Ink = tuple[int, int, int]

EDGE = 448  # pixels, of a knee's images: twice the input size of the model
_MARGIN, _GAP = 32, 28
_TITLE = 44  # above each image
_FRAME_HEIGHT, _FRAME_WIDTH = 960, 900
_WORDS_WIDTH = 600
_FOOT = 128
_WHITE, _QUIET, _SIGNAL, _BAR = (255, 255, 255), (185, 185, 185), (255, 196, 64), (96, 165, 220)
# Heights of letters, relative to the font's own. Viewers show the image at about half its size.
_LARGE, _PLAIN, _SMALL = 1.5, 1.0, 0.8
_FONT = cv2.FONT_HERSHEY_SIMPLEX  # this font has ASCII characters only
_THICKNESS = 2  # of its strokes
_SMALL_LINES, _DROP = 4, 33  # lines of text between the grade and its bars


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of words beside a knee, and its distance from the line above."""

    text: str
    size: float
    ink: _Ink
    drop: int


def draw(result: ImageResult) -> Canvas:
    """Draws bright words on black, as viewers show radiographs. The image contains no patient data."""
    frame = _frame(result)
    rows = [_knee(number, knee) for number, knee in enumerate(result.knees, start=1)]
    left = _MARGIN + frame.shape[1] + 2 * _GAP
    height = max(_TITLE + frame.shape[0], sum(row.shape[0] for row in rows) + _GAP * (len(rows) - 1))
    width = left + 2 * (EDGE + _GAP) + _WORDS_WIDTH + _MARGIN
    canvas = np.zeros((_MARGIN + height + _FOOT, width, 3), np.uint8)
    _write(canvas, "Radiograph, reduced", (_MARGIN, _MARGIN + _TITLE - 16), _SMALL, _QUIET)
    _paste(canvas, frame, _MARGIN, _MARGIN + _TITLE)
    top = _MARGIN
    for row in rows:
        _paste(canvas, row, left, top)
        top += row.shape[0] + _GAP
    foot = _MARGIN + height + 56
    _write(canvas, RESEARCH_NOTICE, (_MARGIN, foot), 1.2, _SIGNAL)
    graded_by = result.graded_by
    made = f"koa-worker {graded_by.software}, model {graded_by.model}, manifest SHA-256 {graded_by.digest[:12]}"
    made += f", site scale {graded_by.site[:12]}" if graded_by.site else ""
    _write(canvas, f"Graded by artificial intelligence: {made}", (_MARGIN, foot + 42), _SMALL, _QUIET)
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
        cv2.rectangle(canvas, (left, top), (right, bottom), (0, 0, 0), 5)
        cv2.rectangle(canvas, (left, top), (right, bottom), _WHITE, 2)
        _label(canvas, f"{number} {knee.roi.side.letter}".strip(), (max(left, 0), max(top, 0)))
    return canvas


def _label(canvas: Canvas, text: str, at: tuple[int, int]) -> None:
    """White on black, because bone is as bright as the letters."""
    (wide, high), below = cv2.getTextSize(text, _FONT, _PLAIN, _THICKNESS)
    corner = (at[0] + wide + 20, at[1] + high + below + 20)
    cv2.rectangle(canvas, at, corner, (0, 0, 0), cv2.FILLED)
    _write(canvas, text, (at[0] + 10, at[1] + high + 12), _PLAIN, _WHITE)


def _knee(number: int, knee: KneeResult) -> Canvas:
    """The crop, the crop with its heatmap, and the findings beside them."""
    canvas = np.zeros((_TITLE + EDGE, 2 * (EDGE + _GAP) + _WORDS_WIDTH, 3), np.uint8)
    pictures = (("As graded", np.dstack([knee.crop] * 3)), ("Where the model looked", knee.overlay))
    for index, (title, picture) in enumerate(pictures):
        x = index * (EDGE + _GAP)
        _write(canvas, f"{number}  {title}", (x, _TITLE - 16), _SMALL, _QUIET)
        _paste(canvas, _enlarge(picture), x, _TITLE)
    x, y = 2 * (EDGE + _GAP), 0
    for line in _lines(number, knee):
        y += line.drop
        _write(canvas, line.text, (x, y), line.size, line.ink)
    _bars(canvas, knee, x, _TITLE + EDGE - len(GRADES) * 34)
    return canvas


def _lines(number: int, knee: KneeResult) -> list[_Line]:
    grade = knee.grade
    side = "side unknown" if knee.roi.side is Side.UNKNOWN else knee.roi.side
    lines = [
        _Line(f"{number}  Knee, {side}", _PLAIN, _WHITE, _TITLE + 24),
        _Line(f"KL {grade.kl}, {GRADE_WORDS[grade.kl]}", _LARGE, _WHITE, 58),
        _Line(f"{say('table.oa')} {words.percent(grade.oa_probability)}".replace("–", "-"), _SMALL, _WHITE, 46),
    ]
    space = _wrap(f"Joint space {words.joint_space(knee.joint_space)}") if knee.joint_space else []
    lines += [_Line(line, _SMALL, _SIGNAL, _DROP) for line in _review(grade, _SMALL_LINES - len(space))]
    return lines + [_Line(line, _SMALL, _WHITE, _DROP) for line in space]


def _review(grade: Grade, most: int) -> list[str]:
    """The reasons for a review of the knee, as many as there is space for."""
    for shown in range(len(grade.review_reasons), 0, -1):
        lines = _wrap(words.reviews_in_short(grade.review_reasons, shown))
        if len(lines) <= most or shown == 1:
            return lines
    return []


def _wrap(text: str) -> list[str]:
    """Lines that are no wider than the space beside the pictures."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer) <= _WORDS_WIDTH:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width(text: str) -> int:
    return cv2.getTextSize(_plain(text), _FONT, _SMALL, _THICKNESS)[0][0]


def _bars(canvas: Canvas, knee: KneeResult, x: int, top: int) -> None:
    """Draws the probability of each grade; the given grade is bright."""
    longest = _WORDS_WIDTH - 230
    for kl, share in enumerate(knee.grade.probabilities):
        y = top + kl * 34
        ink = _WHITE if kl == knee.grade.kl else _QUIET
        _write(canvas, f"KL {kl}", (x, y + 22), _SMALL, ink)
        cv2.rectangle(canvas, (x + 90, y + 3), (x + 90 + longest, y + 23), (48, 48, 48), cv2.FILLED)
        cv2.rectangle(canvas, (x + 90, y + 3), (x + 90 + round(longest * share), y + 23), _BAR, cv2.FILLED)
        _write(canvas, words.percent(share), (x + 110 + longest, y + 22), _SMALL, ink)


def _enlarge(picture: NDArray[np.uint8]) -> Canvas:
    return np.asarray(cv2.resize(picture, (EDGE, EDGE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _paste(canvas: Canvas, picture: Canvas, x: int, y: int) -> None:
    canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture


def _write(canvas: Canvas, text: str, at: tuple[int, int], size: float, ink: _Ink) -> None:
    """Writes text with a dark edge, so that it is readable on any radiograph."""
    cv2.putText(canvas, _plain(text), at, _FONT, size, (0, 0, 0), 6, cv2.LINE_AA)
    cv2.putText(canvas, _plain(text), at, _FONT, size, ink, _THICKNESS, cv2.LINE_AA)


def _plain(text: str) -> str:
    """The text in the font's characters, which have no non-breaking space."""
    return text.replace("\u00a0", " ")
