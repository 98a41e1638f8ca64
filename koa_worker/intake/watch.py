"""Wakes the loop when something changes in the inbox; the regular scan remains, because network shares lose events."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

logger = logging.getLogger(__name__)

# Events for files that arrive. Not for opening, reading and moving away, which the worker does itself, and not for each
# write to an unfinished file: with this filter the kernel does not send events that would be ignored.
_COMES: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class Watch(FileSystemEventHandler):
    """Watches the inbox. Its `fileno` becomes readable when a file arrives or `wake` is called, for use in select."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._observer: BaseObserver = Observer()
        self._watched: tuple[ObservedWatch, tuple[int, int]] | None = None

    def fileno(self) -> int:
        return self._readable

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002
        self.wake()

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is full: the loop will wake anyway
            os.write(self._writable, b"!")

    def clear(self) -> bool:
        """Empties the pipe, and gives whether there was an event."""
        try:
            return bool(os.read(self._readable, 65536))
        except BlockingIOError:
            return False

    def follow(self) -> None:
        """Watches the current inbox: a network share may vanish and come back as another folder."""
        try:
            facts = self._inbox.stat()
        except OSError:
            return
        place = (facts.st_dev, facts.st_ino)
        if self._watched is not None:
            if self._watched[1] == place:
                return
            self._observer.unschedule(self._watched[0])
            self._watched = None
        try:
            watched = self._observer.schedule(self, str(self._inbox), recursive=True, event_filter=_COMES)
            self._watched = (watched, place)
        except OSError as fault:  # no watches left, or the folder is missing again: the regular scan is enough
            logger.warning("inbox is not watched, only scanned", extra={"fault": type(fault).__name__})

    def __enter__(self) -> Self:
        self._observer.start()
        self.follow()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observer.stop()
        self._observer.join()
        os.close(self._readable)
        os.close(self._writable)
