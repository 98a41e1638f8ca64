"""Helpers for tests of several kinds: ports, a clock, waiting for a condition, and a graded file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from koa_worker.values import (
    Arrival,
    Box,
    Compartment,
    CompartmentName,
    Completed,
    Grade,
    GradedKnee,
    Heatmap,
    JointSpace,
    KneeRoi,
    Patient,
    Radiograph,
    RefusedKnee,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
    Study,
)

_LISTENING = range(10_000, 32_000)  # Linux gives outgoing connections ports from 32768 on
PATIENCE = 60.0  # seconds for a condition on a busy machine; a quiet one needs a fraction of one

T = TypeVar("T")
Shares = tuple[float, float, float, float, float]


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Several of them, no two alike, and none that the kernel may soon give to somebody's outgoing connection."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(_LISTENING)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


IRREGULAR = ("pipe", "socket", "device", "folder")


def irregular(path: Path, kind: str) -> Path:
    """An object with the name of a file that is not a regular file."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as line:
                line.bind(os.fspath(path))
        case "device":
            try:
                os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero, which never ends
            except PermissionError:
                pytest.skip("only root can make a device")
        case "folder":
            path.mkdir()
    return path


class Clock:
    """Shows the true time until `now` is set, and then that."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return datetime.now(UTC) if self.now is None else self.now


def until(
    condition: Callable[[], T],
    seconds: float = PATIENCE,
    *,
    pause: float = 0.05,
    process: subprocess.Popen[str] | None = None,
) -> T:
    """Waits for a condition while the process that must make it true runs."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, f"the process ended: {process.communicate()}"
        assert time.monotonic() < give_up, "what had to happen did not"
        time.sleep(pause)
    return found


STUDY = Study("1.2", "1.2.3", view="PA")
NOBODY = Patient()
MARGIN = ((1.0, 2.0), (3.0, 4.0))


def joint_space() -> JointSpace:
    """A clear medial compartment, and a lateral one whose margins are not; every number is exact in binary."""
    lateral = Compartment(CompartmentName.LATERAL, False, None, None, None, None, MARGIN, MARGIN)
    medial = Compartment(CompartmentName.MEDIAL, True, 0.0625, 0.125, 4.5, 5.25, MARGIN, MARGIN[::-1])
    return JointSpace((lateral, medial), SpacingSource.DETECTOR, 75.5)


def grade(
    kl: int,
    shares: Shares | None = None,
    *,
    agreement: float | None = 1.0,
    reasons: tuple[ReviewReason, ...] = (),
    model: str = "net-v1",
) -> Grade:
    """Without shares, the grade has 0.6 and each other one 0.1."""
    given = tuple(shares or (0.6 if one == kl else 0.1 for one in range(5)))
    p0, p1, p2, p3, p4 = given
    return Grade(kl, (p0, p1, p2, p3, p4), max(given), p2 + p3 + p4, agreement, reasons, model)


def knee(
    graded: Grade,
    roi: KneeRoi | None = None,
    *,
    space: JointSpace | None = None,
    crop: NDArray[np.uint8] | None = None,
) -> GradedKnee:
    """Without a crop, with noise that the grade decides."""
    noise = np.random.default_rng(graded.kl)
    pixels = noise.integers(0, 256, (224, 224), np.uint8) if crop is None else crop
    heat = Heatmap(noise.random((7, 7), np.float32), graded.kl)
    return GradedKnee(roi or KneeRoi(Box(1, 2, 90, 90), Side.LEFT), pixels, graded, heat, space)


def completed(
    arrival: Arrival,
    *knees: GradedKnee,
    study: Study = STUDY,
    patient: Patient = NOBODY,
    pixels: NDArray[np.uint8] | NDArray[np.uint16] | None = None,
    spacing: Spacing | None = None,
    refused: tuple[RefusedKnee, ...] = (),
    timings_ms: dict[str, float] | None = None,
) -> Completed:
    """A graded file; without pixels given, all of them are 0."""
    shown = np.zeros((400, 600), np.uint16) if pixels is None else pixels
    radiograph = Radiograph(shown, "DICOM", study, patient, spacing, details={"bits": "12"})
    return Completed(arrival, radiograph, knees, timings_ms or {}, refused)


def arrival(content: str = "a", name: str = "Ivanov^Ivan.dcm") -> Arrival:
    """The arrival of a file with a hash of this content."""
    return Arrival(Path("claimed"), hashlib.sha256(content.encode()).hexdigest(), len(content), name)
