"""The free space of a disk."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_mb(folder: Path) -> float:
    """The free space for us on the folder's file system; infinite if unknown, because a later write will fail."""
    try:
        return shutil.disk_usage(folder).free / 1e6
    except OSError:
        return float("inf")
