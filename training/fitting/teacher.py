"""A release as teacher: what its members make of each training crop, for a student to learn beside the labels.

One label cannot say on which knees readers would differ; a finished ensemble's doubt can.
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
    """Its probabilities [n, 5], asked once a run: a run that is resumed finds them in its folder."""
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
