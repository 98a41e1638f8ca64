"""The image for --debug-roi: the frame with the measurements on it, its density profiles, and the decision."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.joint import Joint
from koa_worker.knee.finding.roi import Trace
from koa_worker.values import KneeRoi, Points, Radiograph

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]  # blue, green, red

ENLARGED = 2  # of the working copy
PANEL = 150  # pixels for a profile
LINE = 18  # pixels for a line of text
MARGIN = 8
CANDIDATES = 8  # drawn: the best ones

WHITE: Colour = (235, 235, 235)
GRAY: Colour = (130, 130, 130)
GREEN: Colour = (90, 220, 90)
RED: Colour = (70, 70, 240)
YELLOW: Colour = (60, 220, 240)
BLUE: Colour = (230, 150, 60)


def draw(radiograph: Radiograph, trace: Trace, metal: Sequence[Points] = ()) -> Picture:
    """Draws the frame, row profiles on its right, column profiles below it, and the decision with its reason.

    `metal` are outlines of what looks like metal, in pixels of the frame.
    """
    frame = _frame(trace)
    for outline in metal:
        line = (np.array(outline) * trace.densities.scale * ENLARGED).round().astype(np.int32)
        cv2.polylines(frame, [line], isClosed=True, color=RED, thickness=2, lineType=cv2.LINE_AA)
    height, width = frame.shape[:2]
    lines = _words(radiograph, trace)
    if metal:
        lines.append((f"{len(metal)} bright and even with a sharp edge, as metal is (red outline)", RED))
    sheet = np.zeros((height + PANEL + LINE * len(lines) + 3 * MARGIN, max(width + PANEL + MARGIN, 760), 3), np.uint8)
    sheet[:height, :width] = frame
    densities = trace.densities
    bone = densities.image > densities.bone_above
    across = _panel(densities.columns, bone.mean(axis=0), width)
    sheet[height + MARGIN : height + MARGIN + PANEL, :width] = across
    down = _panel(densities.rows, bone.mean(axis=1), height)
    sheet[:height, width + MARGIN : width + MARGIN + PANEL] = np.rot90(down, k=-1)
    for number, (text, colour) in enumerate(lines):
        _write(sheet, text, (MARGIN, height + PANEL + 2 * MARGIN + LINE * (number + 1) - 5), colour)
    return sheet


def _frame(trace: Trace) -> Picture:
    densities = trace.densities
    gray = np.clip(densities.image * 230, 0, 255).astype(np.uint8)
    large = cv2.resize(gray, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    picture = np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    mask = cv2.resize(densities.tissue.astype(np.uint8), None, fx=ENLARGED, fy=ENLARGED)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, BLUE, 1)
    for joint in trace.candidates[:CANDIDATES]:
        _joint_line(picture, joint.scaled(ENLARGED), GRAY)
    factor = densities.scale * ENLARGED
    for joint in trace.joints:
        _joint_line(picture, joint.scaled(factor), YELLOW)
    for number, roi in enumerate(trace.rois, start=1):
        _box(picture, roi, number, factor, RED if trace.fault else GREEN)
    for number, roi in enumerate(trace.without_knee, start=len(trace.rois) + 1):
        _box(picture, roi, number, factor, RED)
    return picture


def _joint_line(picture: Picture, joint: Joint, colour: Colour) -> None:
    """The plateau's width where the joint line is."""
    left, right, row = round(joint.x - joint.plateau / 2), round(joint.x + joint.plateau / 2), round(joint.y)
    cv2.line(picture, (left, row), (right, row), colour, 1)
    for end in (left, right):
        cv2.line(picture, (end, row - 4), (end, row + 4), colour, 1)


def _box(picture: Picture, roi: KneeRoi, number: int, factor: float, colour: Colour) -> None:
    box = roi.box
    left, top = round(box.x * factor), round(box.y * factor)
    right, bottom = round((box.x + box.width) * factor) - 1, round((box.y + box.height) * factor) - 1
    cv2.rectangle(picture, (left, top), (right, bottom), colour, 2)
    _write(picture, f"{number} {roi.side.value}", (max(left, 0) + 5, max(top, 0) + LINE), colour)


def _panel(tissue: NDArray[np.float64], bone: NDArray[np.float64], length: int) -> Picture:
    """Two profiles from left to right, 0 at the bottom and 1 at the top: the share of tissue, the share of bone."""
    panel = np.zeros((PANEL, length, 3), np.uint8)
    panel[:] = (28, 28, 28)
    for profile, colour in ((tissue, BLUE), (bone, WHITE)):
        columns = (np.arange(len(profile)) + 0.5) * length / len(profile)
        heights = (1 - profile) * (PANEL - 3) + 1
        points = np.stack([columns, heights], axis=1).round().astype(np.int32)
        cv2.polylines(panel, [points], isClosed=False, color=colour, thickness=1, lineType=cv2.LINE_AA)
    return panel


def _words(radiograph: Radiograph, trace: Trace) -> list[tuple[str, Colour]]:
    height, width = radiograph.pixels.shape
    densities = trace.densities
    classes = f"air below {densities.air_below:.2f}, bone above {densities.bone_above:.2f}"
    lines = [
        (
            f"{width} x {height} px; contrast {densities.contrast:.2f}; {classes}; profiles: tissue blue, bone white",
            WHITE,
        ),
        (f"evidence of the best candidates (gray): {_scores(trace.candidates)}", WHITE),
    ]
    lines += [
        (_decision(number, joint, roi), GREEN)
        for number, (joint, roi) in enumerate(zip(trace.joints, trace.rois, strict=True), start=1)
    ]
    if trace.fault is not None:
        lines.append((f"rejected: {trace.fault.code}: {trace.fault.detail}", RED))
    return lines


def _decision(number: int, joint: Joint, roi: KneeRoi) -> str:
    box = roi.box
    where = (
        "the whole image: it is a crop already"
        if roi.whole_frame
        else f"box {box.x},{box.y} {box.width} x {box.height}"
    )
    return f"{number} {roi.side.value}: evidence {joint.score:.2f}, plateau {joint.plateau:.0f} px, {where}"


def _scores(candidates: tuple[Joint, ...]) -> str:
    return " ".join(f"{joint.score:.2f}" for joint in candidates[:CANDIDATES]) or "none"


def _write(picture: Picture, text: str, at: tuple[int, int], colour: Colour) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
