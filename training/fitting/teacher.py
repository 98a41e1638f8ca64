"""A release as teacher: its answers for each training crop, which a student learns together with the labels.

A single label does not show on which knees readers would differ; the uncertainty of a finished ensemble does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from koa_worker.knee.grading.grade import Grader

ANSWERS = "teacher.npz"


def answers(teacher: Path, pictures: NDArray[np.uint8], folder: Path, console: Console) -> NDArray[np.float32]:
    """The teacher's probabilities [n, 5], computed once: a resumed run finds them in its folder."""
    grader = Grader.load(teacher)
    path = folder / ANSWERS
    if path.exists():
        with np.load(path) as kept:
            if kept["digest"] == grader.digest and len(kept["answers"]) == len(pictures):
                return np.asarray(kept["answers"], np.float32)
    asked = track(pictures, "asking the teacher", console=console)
    found = np.array([grader.grade(picture)[0].probabilities for picture in asked], np.float32)
    part = path.with_name("part-" + path.name)
    np.savez(part, answers=found, digest=grader.digest)
    part.replace(path)
    return found
