"""How much room a disk has left."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_mb(folder: Path) -> float:
    """Room for us on the folder's file system; endless where that cannot be told, since work will tell."""
    try:
        return shutil.disk_usage(folder).free / 1e6
    except OSError:
        return float("inf")
