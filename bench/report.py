"""What a measuring process hands back: one JSON object on stdout."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    start_s: float  # from the process's birth to the first result that it could give
    per_knee_ms: float
    peak_mb: float
    stages_ms: dict[str, float]


def print_result(start_s: float, per_knee_ms: float, stages_ms: dict[str, float] | None = None) -> None:
    print(json.dumps(asdict(Measured(start_s, per_knee_ms, peak_mb(), stages_ms or {}))))


def peak_mb() -> float:
    """The most memory that this program held; rusage would count what the one that started it held, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def read_result(text: str) -> Measured:
    return Measured(**json.loads(text.splitlines()[-1]))


def seconds_since_birth() -> float:
    """Wall time since this process was started, imports of the interpreter included."""
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / 100 if ticks else time.process_time()
