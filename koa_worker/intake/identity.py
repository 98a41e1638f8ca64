"""A file is identified by the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
