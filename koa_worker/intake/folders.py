"""Makes the folders private, and refuses arrangements in which a file could be lost or taken twice."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from koa_worker.config import Folders
from koa_worker.errors import SetupError

# The original moves from the inbox through the work folder into one of these by rename, which must be atomic.
_MOVED_THROUGH = ("inbox", "work", "done", "rejected", "failed")


def prepare_folders(folders: Folders) -> None:
    """Creates what is missing with mode 0700 and checks that the folders are apart and on one file system."""
    for name, path in folders.all().items():
        _make(name, path)
    for (name, path), (other, outer) in permutations(folders.all().items(), 2):
        if path.resolve().is_relative_to(outer.resolve()):
            raise SetupError("folders", f"{name} lies in {other}: {path}")
    devices = {name: folders.all()[name].stat().st_dev for name in _MOVED_THROUGH}
    for name, device in devices.items():
        if device != devices["inbox"]:
            raise SetupError("folders", f"{name} is not on the same file system as inbox")


def _make(name: str, path: Path) -> None:
    if path.is_symlink():
        raise SetupError("folders", f"{name} is a link: {path}")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name != "inbox":  # the inbox belongs to the exporter, who sets its rights
            path.chmod(0o700)
    except OSError as fault:
        raise SetupError("folders", f"{name} cannot be made: {path}: {fault.strerror}") from fault
