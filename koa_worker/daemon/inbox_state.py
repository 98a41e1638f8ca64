"""The loop's knowledge of the folders: whether they are the same as at the start, and which files cannot be taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from koa_worker import health
from koa_worker.config import Config
from koa_worker.intake import Scan
from koa_worker.system.concern import Concern
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_MOST = 1000  # files that are remembered; with more, the reported number is too small


class InboxState:
    """Remembers the file systems of the start, and the files that could not be claimed."""

    def __init__(self, config: Config) -> None:
        self._folders = config.folders.all()
        self._devices = {"inbox": config.folders.inbox.stat().st_dev}
        self._unclaimable: dict[Path, str] = {}

    @property
    def unclaimable(self) -> int:
        return len(self._unclaimable)

    def not_claimed(self, path: Path, fault: OSError) -> None:
        if path not in self._unclaimable:  # it is retried many times, but logged once
            logger.warning("a file cannot be claimed", extra={"fault": where(fault)})
        if len(self._unclaimable) < _MOST:
            self._unclaimable[path] = fault.strerror or type(fault).__name__

    def claimed(self, path: Path) -> None:
        self._unclaimable.pop(path, None)

    def is_lost(self) -> bool:
        """Whether a folder is missing or cannot be used, so that nothing can be done."""
        return health.is_lost(health.of_folders(self._folders, self._devices))

    def concerns(self, seen: Scan) -> Iterator[Concern]:
        yield from health.of_folders(self._folders, self._devices)
        yield from health.of_scan(seen)
        self._unclaimable = {path: why for path, why in self._unclaimable.items() if _is_there(path)}
        if self._unclaimable:
            number = len(self._unclaimable)
            reasons = ", ".join(sorted(set(self._unclaimable.values())))
            yield Concern("unclaimable", detail=f"{number} {'file' if number == 1 else 'files'}: {reasons}")


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True
