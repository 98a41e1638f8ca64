"""The result of a measuring process: one JSON object on stdout.

Its times are processor times, so that they do not include other programs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    start_s: float  # until the first result that it could give
    per_knee_ms: float
    peak_mb: float
    stages_ms: dict[str, float]


def print_result(start_s: float, per_knee_ms: float, stages_ms: dict[str, float] | None = None) -> None:
    print(json.dumps(asdict(Measured(start_s, per_knee_ms, peak_mb(), stages_ms or {}))))


def peak_mb() -> float:
    """The peak memory of this program; rusage would include that of the program that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def read_result(text: str) -> Measured:
    return Measured(**json.loads(text.splitlines()[-1]))
