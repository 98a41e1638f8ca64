"""Wakes the loop when something stirs in the inbox; the regular scan remains, since network shares lose events."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class Watch(FileSystemEventHandler):
    """`with Watch(inbox) as watch: watch.wait(10)` returns early when a file comes or `wake` is called."""

    def __init__(self, inbox: Path) -> None:
        self._stirred = threading.Event()
        self._observer = Observer()
        self._observer.schedule(self, str(inbox), recursive=True)

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Our own reading of the inbox raises opened and closed events, which would keep the loop spinning.
        if event.event_type in {"created", "modified", "moved", "closed"}:
            self._stirred.set()

    def wake(self) -> None:
        self._stirred.set()

    def wait(self, seconds: float) -> None:
        self._stirred.wait(seconds)
        self._stirred.clear()

    def __enter__(self) -> Self:
        self._observer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observer.stop()
        self._observer.join()
