"""Wakes the loop when something stirs in the inbox; the regular scan remains, since network shares lose events."""

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

# What comes. Not what is opened, read or taken away, which is our own doing, nor each write to a file that is not
# finished: the kernel then tells nothing that would only be thrown away.
_COMES: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class Watch(FileSystemEventHandler):
    """Has a `fileno` that becomes readable when a file comes or `wake` is called, to be waited on beside others."""

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
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._writable, b"!")

    def clear(self) -> bool:
        """Forgets what woke it; whether anything did."""
        try:
            return bool(os.read(self._readable, 65536))
        except BlockingIOError:
            return False

    def follow(self) -> None:
        """Watches the inbox that is there now: a share may vanish and come back as another folder."""
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
        except OSError as fault:  # out of watches, or gone again: the scan does without
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
