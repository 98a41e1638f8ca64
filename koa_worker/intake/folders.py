"""Makes the folders private, and refuses settings with which a file could be lost or taken twice."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from koa_worker.config import Folders
from koa_worker.errors import SetupError

# The original moves from the inbox through the work folder into a final folder by renames, which must be atomic.
_MOVED_THROUGH = ("inbox", "work", "done", "rejected", "failed")


def prepare_folders(folders: Folders) -> None:
    """Creates missing folders with mode 0700, and checks that all are separate and on one file system."""
    for name, path in folders.all().items():
        _make(name, path)
    check_folders(folders)


def check_folders(folders: Folders) -> None:
    """Checks that all are separate and on one file system, and changes nothing; some may not exist yet."""
    for (name, path), (other, outer) in permutations(folders.all().items(), 2):
        if path.resolve().is_relative_to(outer.resolve()):
            raise SetupError("folders", f"{name} is inside {other}: {path}")
    devices = {name: existing(folders.all()[name]).stat().st_dev for name in _MOVED_THROUGH}
    for name, device in devices.items():
        if device != devices["inbox"]:
            raise SetupError("folders", f"{name} is not on the same file system as inbox")


def existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next((place for place in (path, *path.parents) if place.exists()), path)


def _make(name: str, path: Path) -> None:
    if path.is_symlink():
        raise SetupError("folders", f"{name} is a symbolic link: {path}")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name != "inbox":  # the inbox belongs to the exporter, who sets its permissions
            path.chmod(0o700)
    except OSError as fault:
        raise SetupError("folders", f"{name} cannot be created: {path}: {fault.strerror}") from fault
